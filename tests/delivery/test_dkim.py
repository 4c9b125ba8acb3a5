"""Signatures: taken by independent verifiers, broken by every change that matters, and made with fit keys only."""

from __future__ import annotations

import re
import shutil
import subprocess
from email import message_from_bytes
from pathlib import Path

import dkim as dkimpy
import pytest
from dkim.canonicalization import Relaxed
from hypothesis import given
from hypothesis import strategies as st

from pipeline.compose import newsletters, samples
from pipeline.delivery import dkim
from pipeline.delivery.dkim import DkimError, Signer
from tests.keys import pem, write_key, write_keys
from tests.packages import PATH, needs

EMAILS = Path(__file__).resolve().parents[2] / "emails"
AT = 1_579_680_000
PLAIN = (
    b"From: Kit <kit@example.org>\r\nTo: a@example.net\r\nSubject: Essai\r\nDate: Wed, 22 Jan 2020 08:00:00 +0000\r\n"
    b"Message-ID: <1@example.org>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"List-Unsubscribe: <https://kit.example.org/d/1/>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n\r\n"
    b"Bonjour,\r\n\r\nun mot.\r\n"
)


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return dkim.load(write_keys(tmp_path_factory.mktemp("dkim")), "example.org")


def signed(signer: Signer, message: bytes) -> bytes:
    return signer.sign(message, at=AT) + message


def verdicts(signer: Signer, message: bytes) -> list[bool]:
    """What dkimpy says of each of the two signatures on its own, the RSA one first."""
    records = {
        f"{key.selector}._domainkey.{signer.domain}.": f"v=DKIM1; k={key.algorithm}; p={key.public}".encode()
        for key in signer.keys
    }
    read = dkimpy.DKIM(message)
    count = sum(name.lower() == b"dkim-signature" for name, _ in read.headers)
    assert count == 2

    def verdict(index: int) -> bool:
        try:
            return bool(read.verify(index, dnsfunc=lambda name, timeout=5: records.get(name.decode())))
        except dkimpy.DKIMException:
            return False

    return [verdict(index) for index in range(count)]


def mail(name: str, count: int = 2) -> bytes:
    compiled = newsletters.compose(samples.letter(name, count), EMAILS)  # type: ignore[arg-type]
    values = dict.fromkeys(compiled.holes, "https://kit.example.org/d/" + "x" * 70 + "/")
    return compiled.render(values | {"to": "élu@forêt.example", "message_id": "<1@example.org>"})


def with_body(body: bytes) -> bytes:
    return PLAIN.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" + body


MESSAGES = {
    "release": mail("release"),
    "launch": mail("launch", 5),
    "confirmation": mail("confirmation", 0),
    "plain": PLAIN,
    "empty body": with_body(b""),
    "only blank lines": with_body(b"\r\n \r\n\t\r\n\r\n"),
    "trailing blank lines": with_body(b"un\r\n\r\ndeux \t \r\n\r\n \r\n\r\n"),
    "8 bit": with_body("Forêt,\tœuvre  \r\n\xa0été\r\n".encode()),
    "latin-1": with_body(b"\xe9t\xe9 \xff\r\n"),
    "no end of line": with_body(b"un mot"),
    "utf-8 headers": PLAIN.replace(b"Essai", "Forêt".encode()).replace(b"a@example.net", "élu@example.net".encode()),
    "folded headers": PLAIN.replace(b"Essai", b"\r\n " + b"\r\n\t ".join([b"mot"] * 300)),
    "spaced headers": PLAIN.replace(b"Subject: Essai", b"SUBJECT:  \t Un \t essai \t "),
    "two of a kind": PLAIN.replace(b"Subject", b"Subject: Premier\r\nList-Id: <a.example.org>\r\nList-ID: <b.example.org>\r\nSubject"),
}  # fmt: skip


@pytest.mark.parametrize("name", MESSAGES)
def test_both_signatures_are_taken_each_on_its_own(signer: Signer, name: str) -> None:
    assert verdicts(signer, signed(signer, MESSAGES[name])) == [True, True]


def test_the_headers_that_matter_are_signed_and_the_authors_more_often_than_there(signer: Signer) -> None:
    fields = message_from_bytes(signed(signer, MESSAGES["release"])).get_all("DKIM-Signature")
    assert fields is not None
    for one, algorithm in zip(fields, ("rsa-sha256", "ed25519-sha256"), strict=True):
        tags = dict(tag.strip().split("=", 1) for tag in re.sub(r"\s+", "", one).split(";"))
        assert (tags["a"], tags["d"], tags["c"], tags["t"]) == (algorithm, "example.org", "relaxed/relaxed", str(AT))
        assert "l" not in tags
        names = tags["h"].split(":")
        for name in ("from", "to", "subject", "date", "message-id", "mime-version", "content-type", "reply-to"):
            assert names.count(name) == 2
        for name in ("list-id", "list-unsubscribe", "list-unsubscribe-post", "feedback-id"):
            assert names.count(name) == 1
        assert "cfbl-address" not in names


def test_the_field_is_folded_in_ascii_lines_that_any_relay_takes(signer: Signer) -> None:
    field = signer.sign(MESSAGES["two of a kind"], at=AT)
    assert field.isascii()
    assert field.endswith(b"\r\n")
    assert field.replace(b"\r\n", b"").count(b"\n") == 0
    assert max(map(len, field.split(b"\r\n"))) <= 78


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"From: Kit <kit@", b"From: Autre <kit@"),
        (b"From: Kit", b"From: Autre <autre@example.org>\r\nFrom: Kit"),
        (b"Bonjour,", b"Bonsoir,"),
        (b"un mot.\r\n", b"un mot.\r\nUn autre.\r\n"),
        (b"List-Unsubscribe: <https://kit.example.org/d/1/>\r\n", b""),
        (b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n", b""),
        (b"To: a@", b"To: b@"),
        (b"To: a@", b"Subject: Autre\r\nTo: a@"),
        (b"To: a@", b"Reply-To: autre@example.net\r\nTo: a@"),
        (b"text/plain", b"text/html"),
        (b"Date: Wed, 22", b"Date: Thu, 23"),
    ],
)
def test_a_change_on_the_way_breaks_both_signatures(signer: Signer, old: bytes, new: bytes) -> None:
    whole = signed(signer, PLAIN)
    assert old in whole
    assert verdicts(signer, whole.replace(old, new, 1)) == [False, False]


def test_a_relay_may_refold_headers_trim_lines_and_add_its_own(signer: Signer) -> None:
    whole = signed(signer, MESSAGES["trailing blank lines"])
    changed = whole.replace(b"deux \t ", b"deux").replace(b"Subject: Essai", b"Subject:\r\n\tEssai").rstrip() + b"\r\n"
    assert verdicts(signer, b"Received: from a by b\r\nX-Spam: no\r\n" + changed) == [True, True]


SPACED = st.text(st.sampled_from(" \t\r\n.ab"), max_size=60).map(
    lambda text: re.sub(r"\r*\n|\r", "\r\n", text).encode()
)
"""Bodies of spaces, tabs and line ends above all."""


@given(SPACED)
def test_bodies_are_canonicalised_as_another_program_does(body: bytes) -> None:
    sent = body if body.endswith(b"\r\n") else body + b"\r\n"
    assert dkim.canonical_body(body) == Relaxed.canonicalize_body(sent)


@given(
    st.lists(st.tuples(SPACED, st.integers(0, 300)), min_size=1, max_size=5), st.lists(st.integers(0, 4), max_size=6)
)
def test_a_long_body_after_another_is_canonicalised_as_if_it_came_first(
    parts: list[tuple[bytes, int]], order: list[int]
) -> None:
    known: dkim.Pieces = {}
    for at in [*order, 0]:
        body = b"".join(part * times for part, times in parts[at:] + parts[:at]) + b"\r\n"
        assert dkim.canonical_body(body, known) == Relaxed.canonicalize_body(body)


def test_mails_of_several_mailings_are_signed_in_any_order(signer: Signer) -> None:
    for name in ("release", "launch", "release", "plain", "trailing blank lines", "launch"):
        for person in (b"/dddd/", b"/eeee/", b"/f/"):
            message = MESSAGES[name].replace(b"/d/", person)
            assert verdicts(signer, signed(signer, message)) == [True, True]


@given(
    st.lists(st.text(st.sampled_from(" \ta:é"), max_size=20), min_size=1, max_size=6), st.sampled_from(["", " ", "\t "])
)
def test_headers_are_canonicalised_as_another_program_does(words: list[str], gap: str) -> None:
    value = "\r\n ".join(words).encode()
    (ours,) = dkim.canonical_fields(b"SuBJect" + gap.encode() + b":" + value)[b"subject"]
    ((name, theirs),) = Relaxed.canonicalize_headers([(b"SuBJect" + gap.encode(), value + b"\r\n")])
    assert ours == name + b":" + theirs


@given(st.binary(max_size=200), SPACED)
def test_whatever_the_text_both_signatures_are_taken(signer: Signer, raw: bytes, body: bytes) -> None:
    subject = re.sub(rb"[\x00-\x1f\x7f]", b" ", raw)
    message = PLAIN.replace(b"Essai", subject or b"-").partition(b"\r\n\r\n")[0] + b"\r\n\r\n" + body + b"\r\n"
    assert verdicts(signer, signed(signer, message)) == [True, True]


# Authors


@pytest.mark.parametrize(
    "author",
    [
        b"Kit <kit@example.com>",
        b"Kit <kit@sub.example.org>",
        b'"kit@example.org" <kit@example.com>',
        b"autre@example.com, Kit <kit@example.org>",
        b"Kit",
        b"",
    ],
)
def test_an_author_of_another_domain_is_not_signed_for(signer: Signer, author: bytes) -> None:
    with pytest.raises(DkimError, match=r"example\.org"):
        signer.sign(PLAIN.replace(b"Kit <kit@example.org>", author), at=AT)


def test_no_author_and_two_authors_are_not_signed_for(signer: Signer) -> None:
    for message in (PLAIN.replace(b"From:", b"X:"), b"From: b@example.org\r\n" + PLAIN):
        with pytest.raises(DkimError, match="auteur"):
            signer.sign(message, at=AT)


def test_an_international_domain_is_one_in_either_form(tmp_path: Path) -> None:
    signer = dkim.load(write_keys(tmp_path), "Forêt.example")
    assert signer.domain == "xn--fort-ipa.example"
    for domain in ("forêt.example", "XN--fort-ipa.example"):
        message = PLAIN.replace(b"kit@example.org", f"kit@{domain}".encode())
        assert verdicts(signer, signed(signer, message)) == [True, True]


# Keys


def test_a_key_may_be_for_one_domain_only(tmp_path: Path) -> None:
    write_key(tmp_path / "tous.pem", "ed25519")
    write_key(tmp_path / "a1@example.org.pem", "rsa")
    write_key(tmp_path / "b1@autre.example.pem", "rsa")
    (tmp_path / "LISEZMOI").write_text("x")
    assert [key.selector for key in dkim.load(tmp_path, "example.org").keys] == ["a1", "tous"]
    assert [key.selector for key in dkim.load(tmp_path, "ailleurs.example").keys] == ["tous"]


def refusal(folder: Path) -> str:
    with pytest.raises(DkimError) as caught:
        dkim.load(folder, "example.org")
    return str(caught.value)


@pytest.mark.parametrize(
    ("kind", "told"),
    [("rsa1024", "1024 bits"), ("ec", "ni une clé RSA ni une clé Ed25519")],
)
def test_an_unfit_key_is_refused(tmp_path: Path, kind: str, told: str) -> None:
    write_key(tmp_path / "s.pem", kind)
    assert told in refusal(tmp_path)
    assert "s.pem" in refusal(tmp_path)


def test_a_key_that_others_can_read_is_refused_and_so_is_no_key_at_all(tmp_path: Path) -> None:
    assert "aucune clé pour example.org" in refusal(tmp_path)
    key = write_key(tmp_path / "s.pem", "rsa", 0o640)
    assert "chmod 600" in refusal(tmp_path)
    key.chmod(0o600)
    dkim.load(tmp_path, "example.org")
    assert "ne se lit pas" in refusal(tmp_path / "ailleurs")


def test_what_is_no_private_key_is_refused(tmp_path: Path) -> None:
    path = write_key(tmp_path / "s.pem", "rsa")
    path.write_bytes(b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    assert "n’est pas une clé privée" in refusal(tmp_path)
    path.write_bytes(b"\xff" * 100)
    assert "n’est pas une clé privée" in refusal(tmp_path)
    locked = subprocess.run(
        ["openssl", "pkcs8", "-topk8", "-passout", "pass:x"], input=pem("rsa"), capture_output=True, check=True
    )
    path.write_bytes(locked.stdout)
    assert "mot de passe" in refusal(tmp_path)
    path.unlink()
    path.mkdir()
    assert "ne se lit pas" in refusal(tmp_path)


def test_a_name_that_is_no_selector_is_refused(tmp_path: Path) -> None:
    write_key(tmp_path / "clé une.pem", "rsa")
    assert "SÉLECTEUR.pem" in refusal(tmp_path)


def test_a_key_never_shows(signer: Signer) -> None:
    assert "private" not in repr(signer).lower()
    assert [key.algorithm for key in signer.keys] == ["rsa", "ed25519"]


# A real verifier


@pytest.mark.parametrize("name", ["release", "confirmation", "8 bit", "empty body", "two of a kind"])
def test_opendkim_takes_them(signer: Signer, tmp_path: Path, name: str) -> None:
    needs("opendkim")
    (tmp_path / "keys").write_text(
        "".join(
            f"{key.selector}._domainkey.{signer.domain} v=DKIM1; k={key.algorithm}; p={key.public}\n"
            for key in signer.keys
        )
    )
    (tmp_path / "conf").write_text(f"Mode v\nTestPublicKeys {tmp_path}/keys\nRequireSafeKeys no\nBackground no\n")
    message = MESSAGES[name] if MESSAGES[name].endswith(b"\r\n") else MESSAGES[name] + b"\r\n"

    def told(content: bytes) -> str:
        (tmp_path / "mail").write_bytes(content)
        program = shutil.which("opendkim", path=PATH) or "opendkim"
        done = subprocess.run(
            [program, "-x", str(tmp_path / "conf"), "-t", str(tmp_path / "mail"), "-vv"],
            capture_output=True, text=True, check=False, timeout=30,
        )  # fmt: skip
        return done.stdout + done.stderr

    fields = signer.sign(message, at=AT)
    taken = told(fields + message)
    assert re.findall(r"dkim=(\w+)[^;]*header\.a=(\S+)", taken) == [("pass", "rsa-sha256"), ("pass", "ed25519-sha256")]
    changed = told(fields + message.replace(b"From: ", b"From: x@example.org\r\nFrom: ", 1))
    assert "dkim=pass" not in changed
    assert "dkim=fail" in changed
