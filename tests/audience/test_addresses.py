from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.audience.addresses import AddressError, parse

TAKEN = {  # as written → (mailbox, key)
    "ada@commune.example": ("ada@commune.example", "ada@commune.example"),
    "  Ada.Lovelace@Commune.EXAMPLE\u00a0": ("Ada.Lovelace@commune.example", "ada.lovelace@commune.example"),
    "ada+kit@commune.example": ("ada+kit@commune.example", "ada+kit@commune.example"),
    "a.d.a@commune.example": ("a.d.a@commune.example", "a.d.a@commune.example"),
    "!#$%&'*+/=?^_`{|}~-@commune.example": ("!#$%&'*+/=?^_`{|}~-@commune.example",) * 2,
    "mairie@saint-étienne.example": ("mairie@xn--saint-tienne-geb.example",) * 2,
    "mairie@SAINT-ÉTIENNE.example": ("mairie@xn--saint-tienne-geb.example",) * 2,
    "mairie@xn--saint-tienne-geb.example": ("mairie@xn--saint-tienne-geb.example",) * 2,
    "Zoé@commune.example": ("Zoé@commune.example", "zoé@commune.example"),
    "Zoe\u0301@commune.example": ("Zoé@commune.example", "zoé@commune.example"),
    "STRASSE@commune.example": ("STRASSE@commune.example", "strasse@commune.example"),
    "straße@commune.example": ("straße@commune.example", "strasse@commune.example"),
    "用户@例子.example": ("用户@xn--fsqu00a.example",) * 2,
    "mairie@straße.example": ("mairie@xn--strae-oqa.example",) * 2,
    "a@ab--cd.example": ("a@ab--cd.example",) * 2,
    "a@1.example": ("a@1.example",) * 2,
    "-a@commune.example": ("-a@commune.example",) * 2,
    "a" * 64 + "@commune.example": ("a" * 64 + "@commune.example",) * 2,
    "a@" + "b" * 63 + ".example": ("a@" + "b" * 63 + ".example",) * 2,
}

REFUSED = [
    "",
    " ",
    "ada",
    "@commune.example",
    "ada@",
    "ada@@commune.example",
    "ada@b@commune.example",
    "ada@commune",
    "ada@localhost",
    ".ada@commune.example",
    "ada.@commune.example",
    "a..da@commune.example",
    "ada@.example",
    "ada@commune..example",
    "ada@commune.example.",
    "ada@-commune.example",
    "ada@commune-.example",
    "ada@com_mune.example",
    "ada@192.0.2.1",
    "ada@[192.0.2.1]",
    "ada@[IPv6:2001:db8::1]",
    '"ada"@commune.example',
    '"ada lovelace"@commune.example',
    "ada(maire)@commune.example",
    "Ada <ada@commune.example>",
    "<ada@commune.example>",
    "ada@commune.example, bob@commune.example",
    "ada@commune.example;bob@commune.example",
    "mailto:ada@commune.example",
    "ada lovelace@commune.example",
    "ada@commune .example",
    "ada\\@commune.example",
    "ada@commune.example\n",
    "ada@commune.example\r\nBcc: tous@commune.example",
    "ada\r\nRCPT TO:<b@commune.example>@commune.example",
    "ada@commune.example\x00",
    "ada\t@commune.example",
    "ada\x7f@commune.example",
    "ada\x85@commune.example",
    "ada\u2028@commune.example",
    "ada\u200b@commune.example",
    "ada\u200d@commune.example",
    "ada\u202e@commune.example",
    "ada@com\u00admune.example",
    "ada@com\u200bmune.example",
    "ada\ud800@commune.example",
    "ada\uffff@commune.example",
    "ada\ue000@commune.example",
    "ada@❤.example",
    "ada@xn--a.example",
    "ada@xn--.example",
    "ada@xn--saint-tienne-geb\u00e9.example",
    "ada@commune\u2025example",
    "ada@commune.example/..",
    "ada@commune.example?x",
    "ada＠commune.example",
    "a" * 65 + "@commune.example",
    "é" * 33 + "@commune.example",
    "a@" + "b" * 64 + ".example",
    "a@" + ".".join(["b" * 61] * 4) + ".example",
    "a@" + "é" * 100 + ".example",
    "a" * 100_000,
    "a@" + "é." * 100_000 + "example",
]


@pytest.mark.parametrize(("written", "forms"), TAKEN.items(), ids=[text[:40] for text in TAKEN])
def test_an_address_is_taken_with_its_mailbox_and_key(written: str, forms: tuple[str, str]) -> None:
    address = parse(written)
    assert (address.mailbox, address.key) == forms
    assert address.raw == written


@pytest.mark.parametrize("written", REFUSED, ids=[ascii(text)[:40] for text in REFUSED])
def test_what_is_no_mailbox_is_refused_with_a_mend_in_french(written: str) -> None:
    with pytest.raises(AddressError) as refusal:
        parse(written)
    assert refusal.value.message.endswith(".")
    assert refusal.value.mend.endswith(".")


@given(st.text(max_size=80) | st.from_regex(r"[^@]{1,20}@[^@]{1,20}\.[a-z]{2,5}", fullmatch=True))
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
    assert parse(address.mailbox.upper().swapcase()).domain == address.domain
