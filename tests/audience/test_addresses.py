"""The verdicts stand in ``tests/corpora/addresses.json``, each group with the rule it comes from; other libraries are asked as well."""

from __future__ import annotations

import json
import stringprep
import unicodedata
from dataclasses import dataclass
from email.errors import MessageError
from email.headerregistry import Address as HeaderAddress
from pathlib import Path

import email_validator
import idna
import pytest
from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator
from hypothesis import given
from hypothesis import strategies as st

from pipeline.audience.addresses import Address, AddressError, parse, same_mailbox

CORPUS = json.loads((Path(__file__).parent.parent / "corpora/addresses.json").read_text(encoding="utf-8"))
TAKEN = [(group["source"], *case) for group in CORPUS for case in group["accept"]]
REFUSED = [(group["source"], text, group["ours"]) for group in CORPUS for text in group["refuse"]]
AROUND = " \u00a0\u202f"


def shown(text: str) -> str:
    return ascii(text)[1:60]


@dataclass(frozen=True, slots=True)
class Judges:
    """What others say of a text. Each knows only part of the matter, so that one of them refusing is a refusal."""

    text: str

    def against(self) -> list[str]:
        judges = (self.header, self.octets, self.unicode, self.domain, self.django)
        return [judge.__name__ for judge in judges if not judge()]

    def header(self) -> bool:
        """RFC 5322 by Python's e-mail package; RFC 6531 §3.3 has letters beyond ASCII stand wherever an ASCII one does."""
        plain = "".join(sign if sign.isascii() else "x" for sign in self.text)
        try:
            read = HeaderAddress(addr_spec=plain)
        except (MessageError, ValueError, IndexError, AttributeError):
            return False  # Python 3.11 trips over a literal that is not closed
        return f"{read.username}@{read.domain}" == plain

    def octets(self) -> bool:
        local, _, domain = (part.encode(errors="replace") for part in self.text.rpartition("@"))
        return len(local) <= 64 and len(local) + 1 + len(domain) <= 254

    def unicode(self) -> bool:
        """RFC 3454, by Python's tables; what is normalised away counts as it is afterwards."""
        tables = (
            stringprep.in_table_c11_c12,
            stringprep.in_table_c21_c22,
            stringprep.in_table_c3,
            stringprep.in_table_c4,
            stringprep.in_table_c5,
            stringprep.in_table_c8,
        )
        composed = unicodedata.normalize("NFC", self.text)
        return not (any(table(sign) for sign in composed for table in tables) or set(composed) & set('"<>;,'))

    def domain(self) -> bool:
        """IDNA 2008 and host names, by the idna package on its own."""
        try:
            encoded = idna.encode(self.text.rpartition("@")[2], uts46=True, std3_rules=True).decode()
            idna.decode(encoded)
        except (idna.IDNAError, UnicodeError):
            return False
        return not encoded.endswith(".") and not encoded.rpartition(".")[2].isdigit()

    def django(self) -> bool:
        """Only ASCII: Django knows no SMTPUTF8."""
        if not self.text.isascii():
            return True
        try:
            EmailValidator()(self.text)
        except ValidationError:
            return False
        return True


def test_the_corpus_holds_each_text_once_and_enough_of_both_verdicts() -> None:
    texts = [text for _, text, *_ in TAKEN] + [text for _, text, _ in REFUSED]
    assert len(texts) == len(set(texts))
    assert len(TAKEN) > 200
    assert len(REFUSED) > 400
    assert all(group["source"] and group["rule"] for group in CORPUS)


@pytest.mark.parametrize(("source", "written", "mailbox", "key"), TAKEN, ids=[shown(case[1]) for case in TAKEN])
def test_an_address_is_taken_with_its_mailbox_and_key(source: str, written: str, mailbox: str, key: str) -> None:
    assert parse(written) == Address(raw=written, mailbox=mailbox, key=key), source


@pytest.mark.parametrize(
    ("source", "written"), [case[:2] for case in REFUSED], ids=[shown(case[1]) for case in REFUSED]
)
def test_what_is_no_mailbox_is_refused_with_a_mend_in_french(source: str, written: str) -> None:
    with pytest.raises(AddressError) as refusal:
        pytest.fail(f"{source}: {parse(written)}")
    assert refusal.value.message.endswith((".", "»."))
    assert refusal.value.mend.endswith(".")


@pytest.mark.parametrize(("written", "mailbox"), [case[1:3] for case in TAKEN], ids=[shown(case[1]) for case in TAKEN])
def test_no_other_library_refuses_what_is_taken(written: str, mailbox: str) -> None:
    assert Judges(written.strip(AROUND)).against() == []
    assert Judges(mailbox).against() == []


@pytest.mark.parametrize("written", [case[1] for case in REFUSED if not case[2]], ids=shown)
def test_another_library_refuses_what_the_rfcs_refuse(written: str) -> None:
    assert Judges(written.strip(AROUND)).against() != []


@pytest.mark.parametrize("case", [case for case in TAKEN if not case[1].rpartition("@")[2].isascii()], ids=str)
def test_the_punycode_of_python_itself_gives_the_same_a_labels(case: tuple[str, str, str, str]) -> None:
    _, written, mailbox, _ = case
    mapped = unicodedata.normalize("NFKC", written.strip(AROUND).rpartition("@")[2]).replace("。", ".").lower()
    labels = [label if label.isascii() else f"xn--{label.encode('punycode').decode()}" for label in mapped.split(".")]
    assert mailbox.rpartition("@")[2] == ".".join(labels)


@pytest.mark.parametrize("written", ["a" * 100_000, "a@" + "é." * 100_000 + "example", "xn--" * 50_000 + "@b.example"])
def test_a_text_of_any_length_is_refused_at_sight(written: str) -> None:
    with pytest.raises(AddressError, match="254 octets"):
        parse(written)


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("", "vide"),
        ("ada", "exactement un « @ »"),
        ("ada@", "nom de domaine"),
        ("@commune.example", "précède le « @ »"),
        ("ada@commune", "incomplet"),
        ("ada.@commune.example", "point"),
        ("Ada <ada@commune.example>", "sans nom ni ponctuation"),
        ("a\u037eda@commune.example", "signe réservé"),
        ("ada@commune.example\n", "saut de ligne"),
        ("é" * 33 + "@commune.example", "64 octets"),
        ("ada@mairie.local", "« .local »"),
        ("ada@com_mune.example", "n’est pas un nom de domaine"),
        ("\u0301ada@commune.example", "accent sans lettre"),
        ("=?utf-8?q?ada?=@commune.example", "mot encodé"),
    ],
)
def test_a_refusal_says_what_is_wrong(written: str, told: str) -> None:
    with pytest.raises(AddressError) as refusal:
        parse(written)
    assert told in str(refusal.value)


def test_two_people_never_share_a_key() -> None:
    pairs = [("straße", "strasse"), ("ſam", "sam"), ("mıke", "mike"), ("аda", "ada"), ("ａda", "ada"), ("ﬁn", "fin")]
    for one, other in pairs:
        assert parse(f"{one}@commune.example").key != parse(f"{other}@commune.example").key
    for one, other in [("соmmune", "commune"), ("straße", "strasse")]:
        assert parse(f"ada@{one}.example").key != parse(f"ada@{other}.example").key


@pytest.mark.parametrize(
    ("written", "mailbox"),
    [
        ("Ada@commune.example", "ada@commune.example"),
        ("ada+kit@commune.example", "ada@commune.example"),
        ("ada+a+b@commune.example", "ada@commune.example"),
        ("+kit@commune.example", "+kit@commune.example"),
        ("a.d.a@commune.example", "a.d.a@commune.example"),
        ("A.d.a+kit@gmail.com", "ada@gmail.com"),
        ("ada@googlemail.com", "ada@gmail.com"),
        ("a.da@GoogleMail.com", "ada@gmail.com"),
        ("a.da@gmail.fr", "a.da@gmail.fr"),
        ("a.da@mail.gmail.com", "a.da@mail.gmail.com"),
    ],
)
def test_a_quota_counts_the_mailbox_that_an_address_reaches(written: str, mailbox: str) -> None:
    assert same_mailbox(parse(written)) == mailbox


ATOMS = st.text("aZ0.-_+!=?'xn@\" é\u200b", max_size=66)
LABELS = st.text("aZ09-xnXN_.é", max_size=66) | st.sampled_from(
    ["xn--bcher-kva", "com", "fr", "test", "invalid", "local"]
)
NEARLY = st.builds(lambda local, domain: f"{local}@{'.'.join(domain)}", ATOMS, st.lists(LABELS, max_size=4))


@given(NEARLY)
def test_plain_addresses_get_the_library_s_own_verdict(written: str) -> None:
    bare = written.strip(AROUND)
    try:
        said = email_validator.validate_email(bare, strict=True, check_deliverability=False, test_environment=True)
    except email_validator.EmailNotValidError:
        with pytest.raises(AddressError):
            parse(written)
        return
    try:
        address = parse(written)
    except AddressError as refusal:
        assert "64 octets" in str(refusal) or "mot encodé" in str(refusal) or said.domain == "test"  # noqa: PT017
    else:
        assert address.domain == said.ascii_domain
        assert address.mailbox.lower() == f"{said.local_part}@{said.ascii_domain}".lower()


@given(st.text(max_size=80) | st.from_regex(r"[^@]{1,20}@[^@]{1,20}\.[a-z]{2,5}", fullmatch=True) | NEARLY)
def test_whatever_is_typed_gives_a_safe_address_or_a_refusal(written: str) -> None:
    try:
        address = parse(written)
    except AddressError:
        return
    assert len(address.mailbox.encode()) <= 254
    assert address.mailbox.rpartition("@")[2].isascii()
    assert address.mailbox.isprintable()
    assert not set(address.mailbox) & set(' <>"(),:;\\[]\r\n')
    again = parse(address.mailbox)
    assert (again.mailbox, again.key) == (address.mailbox, address.key)
    assert parse(address.key).key == address.key
    assert parse(address.mailbox.upper().swapcase()).domain == address.domain
