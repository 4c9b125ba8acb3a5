"""What a server offers and what is then written: strict grammar, SMTPUTF8, DSN, SIZE, 8BITMIME, PIPELINING."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.delivery.envelope import Envelope
from pipeline.delivery.transports import open_transport
from pipeline.delivery.transports.base import OpenGate
from tests.letters import BODY, letters
from tests.smtp_grammar import faults_of_command, faults_of_content, parameters_of
from tests.smtp_sink import Behaviour, Sink

EVERYTHING = ("SIZE 10000000", "8BITMIME", "SMTPUTF8", "DSN", "ENHANCEDSTATUSCODES", "CHUNKING", "X-OWN")
ODD = [
    Envelope("null sender", "", "a@example.org", BODY % 1),
    Envelope("verp", "rebonds+b-" + "0" * 36 + "@retour.example.org", "a@example.org", BODY % 2),
    Envelope("dots", "kit@example.org", "a@example.org", BODY % 3 + b".\r\n..\r\n.a\r\n" * 3),
    Envelope("no last line end", "kit@example.org", "a@example.org", (BODY % 4)[:-2]),
    Envelope("longest lines", "kit@example.org", "a@example.org", BODY % 5 + (b"x" * 998 + b"\r\n") * 3),
    Envelope("longest address", "kit@example.org", "a" * 64 + "@" + "b" * 60 + ".example.org", BODY % 6),
    Envelope("idn", "kit@example.org", "a@mairie-évry.example", BODY % 7),
    Envelope("atoms", "kit@example.org", "o'neill+x/y=z@a-b.example.org", BODY % 8),
]


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize("extensions", [(), ("SIZE",), ("SIZE 10000000", "8BITMIME"), EVERYTHING])
def test_a_strict_server_finds_nothing_wrong(extensions: tuple[str, ...], pipelining: bool) -> None:
    with (
        Sink(Behaviour(strict=True, pipelining=pipelining, extensions=extensions)) as sink,
        open_transport(sink.url) as transport,
    ):
        outcomes = list(transport.deliver([*ODD, *letters(20, size=40)], OpenGate()))
        assert {(one.key, one.verdict) for one in outcomes if one.verdict != "sent"} == set()
    assert sink.violations == []


@pytest.mark.parametrize("pipelining", [True, False])
def test_a_strict_server_finds_nothing_wrong_when_it_refuses_half(pipelining: bool) -> None:
    refuse = {f"a{n}@example.org": "550 5.1.1 nobody" for n in range(0, 40, 2)}
    how = Behaviour(strict=True, pipelining=pipelining, refuse=refuse, dot={"a5@example.org": "452 4.3.1 full"})
    with Sink(how) as sink, open_transport(sink.url) as transport:
        found = {one.key: one.verdict for one in transport.deliver(letters(20), OpenGate())}
    assert sink.violations == []
    assert [found[n] for n in (1, 2, 3, 4, 5, 6)] == ["sent", "refused", "sent", "refused", "deferred", "refused"]


def test_the_strict_server_is_strict() -> None:
    offers = frozenset({"SIZE", "PIPELINING"})
    for wrong in (
        b"MAIL FROM: <a@b>", b"MAIL FROM:a@b", b"RCPT TO:<a@b> NOTIFY=FAILURE", b"RCPT TO:<>", b"MAIL FROM:<a@b> SIZE=x",
        b"RCPT TO:<a..b@c>", b"DATA ", b"EHLO", b"EHLO a b", b"NOPE", b"MAIL FROM:<a@b>\rRSET", "RCPT TO:<é@b>".encode(),
        b"RCPT TO:<" + b"a" * 600 + b"@b>", b"\xff",
    ):  # fmt: skip
        assert faults_of_command(wrong, offers), wrong
    for right in (
        b"MAIL FROM:<>",
        b"MAIL FROM:<a.b@c.d> SIZE=12",
        b"RCPT TO:<a@b>",
        b"EHLO [127.0.0.1]",
        b"EHLO [::1]",
    ):
        assert not faults_of_command(right, offers), right
    for wrong in (
        b"From: a@b\r\n\r\nx\r\n", BODY % 1 + b"a\nb\r\n", BODY % 1 + b"x" * 999 + b"\r\n", BODY % 1 + "é\r\n".encode(),
        b"From: c@d\r\n" + BODY % 1, "X-Y: é\r\n".encode() + BODY % 1,
    ):  # fmt: skip
        assert faults_of_content(wrong, eight_bit=False, utf8_headers=False), wrong


# SMTPUTF8 (RFC 6531)


@pytest.mark.parametrize("pipelining", [True, False])
def test_an_international_address_goes_where_it_can(pipelining: bool) -> None:
    how = Behaviour(strict=True, pipelining=pipelining, extensions=("8BITMIME", "SMTPUTF8"))
    with Sink(how) as sink, open_transport(sink.url + "?connections=1") as transport:
        one, two = letters(2)
        international = [replace(one, recipient="élu@mairie-évry.example"), two]
        assert [each.verdict for each in transport.deliver(international, OpenGate())] == ["sent", "sent"]
    assert sink.violations == []
    mails = [command for command in sink.commands if command.startswith("MAIL")]
    assert ["SMTPUTF8" in mail for mail in mails] == [True, False]
    assert sink.messages[0]["to"] == "élu@mairie-évry.example"


def test_an_international_header_asks_for_smtputf8_and_8bitmime() -> None:
    content = "X-Élu: é\r\n".encode() + BODY % 1
    with Sink(Behaviour(strict=True, extensions=EVERYTHING)) as sink, open_transport(sink.url) as transport:
        envelope = Envelope(1, "kit@example.org", "a@example.org", content, smtputf8=True)
        assert [one.verdict for one in transport.deliver([envelope], OpenGate())] == ["sent"]
    assert sink.violations == []


def test_an_international_address_is_refused_here_where_the_server_cannot() -> None:
    with Sink(Behaviour(strict=True)) as sink, open_transport(sink.url) as transport:
        one, two = letters(2)
        international = [replace(one, recipient="élu@example.org"), two]
        outcomes = sorted(transport.deliver(international, OpenGate()), key=lambda each: each.key)
    assert [(each.verdict, each.code, each.enhanced) for each in outcomes] == [
        ("refused", 553, "5.6.7"),
        ("sent", 250, "2.0.0"),
    ]
    assert sink.recipients == ["a2@example.org"]
    assert sink.violations == []


# DSN (RFC 3461)


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize(
    ("option", "notify"), [("", "FAILURE"), ("?dsn=failure,delay", "FAILURE,DELAY"), ("?dsn=no", None)]
)
def test_failures_are_reported_with_headers_only(option: str, notify: str | None, pipelining: bool) -> None:
    how = Behaviour(strict=True, pipelining=pipelining, extensions=("DSN",))
    with Sink(how) as sink, open_transport(sink.url + option) as transport:
        assert [one.verdict for one in transport.deliver(letters(2), OpenGate())] == ["sent", "sent"]
    mail = parameters_of(next(one for one in sink.commands if one.startswith("MAIL")))
    rcpt = parameters_of(next(one for one in sink.commands if one.startswith("RCPT")))
    assert (mail.get("RET"), rcpt.get("NOTIFY")) == (("HDRS" if notify else None), notify)
    assert sink.violations == []


def test_nothing_is_asked_of_a_server_that_does_not_offer_dsn() -> None:
    with Sink(Behaviour(strict=True)) as sink, open_transport(sink.url + "?dsn=failure,delay") as transport:
        list(transport.deliver(letters(2), OpenGate()))
    assert sink.violations == []
    assert not any("NOTIFY" in command or "RET=" in command for command in sink.commands)


# SIZE (RFC 1870), 8BITMIME (RFC 6152)


def test_the_size_that_is_told_is_the_size_that_comes() -> None:
    with Sink(Behaviour(strict=True, extensions=("SIZE 100000",))) as sink, open_transport(sink.url) as transport:
        list(transport.deliver([*ODD[:4], *letters(3, size=100)], OpenGate()))
    assert sink.violations == []
    assert all("SIZE=" in command for command in sink.commands if command.startswith("MAIL"))


def test_a_server_whose_limit_is_told_at_mail_refuses_that_one_only() -> None:
    how = Behaviour(strict=True, extensions=("SIZE",), dot={"a2@example.org": "552 5.3.4 too big"})
    with Sink(how) as sink, open_transport(sink.url) as transport:
        outcomes = {one.key: one for one in transport.deliver(letters(3), OpenGate())}
    assert [outcomes[n].verdict for n in (1, 2, 3)] == ["sent", "refused", "sent"]
    assert outcomes[2].enhanced == "5.3.4"


def test_eight_bits_go_only_where_they_may() -> None:
    eight = Envelope(1, "kit@example.org", "a@example.org", BODY % 1 + "été\r\n".encode())
    for extensions, verdict in ((("8BITMIME",), "sent"), ((), "refused")):
        with Sink(Behaviour(strict=True, extensions=extensions)) as sink, open_transport(sink.url) as transport:
            (outcome,) = transport.deliver([eight], OpenGate())
        assert outcome.verdict == verdict
        assert sink.violations == []
