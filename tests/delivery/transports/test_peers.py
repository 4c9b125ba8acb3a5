"""Real servers take what we send: Postfix, and its smtp-sink in many moods."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from pipeline.delivery.envelope import Envelope
from pipeline.delivery.transports import TransportUnavailable, open_transport
from pipeline.delivery.transports.base import OpenGate
from tests import peers
from tests.letters import BODY, letters


@pytest.fixture(scope="module")
def postfix() -> Iterator[peers.Postfix]:
    with peers.postfix() as running:
        yield running


def everybody(count: int, start: str = "a") -> set[str]:
    return {f"{start}{n}@example.org" for n in range(1, count + 1)}


def test_postfix_takes_five_hundred_without_a_word(postfix: peers.Postfix) -> None:
    with open_transport(postfix.url("tls=none")) as transport:
        outcomes = list(transport.deliver(letters(500, size=50), OpenGate()))
    assert Counter(one.verdict for one in outcomes) == {"sent": 500}
    assert set(postfix.delivered(500)) >= everybody(500)
    assert postfix.complaints() == []


@pytest.mark.parametrize("options", ["", "dsn=failure,delay", "messages=3", "dsn=no"])
def test_postfix_takes_everything_under_tls(postfix: peers.Postfix, options: str) -> None:
    before = len(postfix.delivered(0))
    with open_transport(postfix.url(options, "smtp+starttls")) as transport:
        outcomes = list(transport.deliver(letters(20, size=400), OpenGate()))
    assert Counter(one.verdict for one in outcomes) == {"sent": 20}
    assert len(postfix.delivered(before + 20)) == before + 20
    assert postfix.complaints() == []


def test_postfix_takes_what_is_odd(postfix: peers.Postfix) -> None:
    odd = [
        Envelope(1, "", "null-sender@example.org", BODY % 1),
        Envelope(2, "rebonds+b-" + "0" * 36 + "@retour.example.org", "o'neill+x/y=z@example.org", BODY % 2),
        Envelope(3, "kit@example.org", "élu@mairie-évry.example", BODY % 3),
        Envelope(4, "kit@example.org", "a@mairie-évry.example", BODY % 4),
        Envelope(5, "kit@example.org", "dots@example.org", BODY % 5 + b".\r\n..\r\n"),
        Envelope(6, "kit@example.org", "long@example.org", BODY % 6 + b"x" * 998 + b"\r\n"),
        Envelope(7, "kit@example.org", "eight@example.org", BODY % 7 + "été\r\n".encode()),
    ]
    before = len(postfix.delivered(0))
    with open_transport(postfix.url("tls=none")) as transport:
        found = {one.key: (one.verdict, one.text) for one in transport.deliver(odd, OpenGate())}
    assert {key for key, (verdict, _) in found.items() if verdict == "sent"} == set(range(1, 8)), found
    assert len(postfix.delivered(before + 7)) == before + 7
    assert postfix.complaints() == []


@pytest.mark.parametrize(
    "options",
    [(), ("-p",), ("-e",), ("-8", "-a", "-F", "-E", "-N"), ("-P",), ("-p", "-8", "-E"), ("-T", "1024")],
    ids=" ".join,
)
def test_smtp_sink_takes_everybody_once(options: tuple[str, ...]) -> None:
    with peers.smtp_sink(*options) as sink, open_transport(sink.url) as transport:
        outcomes = list(transport.deliver(letters(30, size=300), OpenGate()))
        assert Counter(one.verdict for one in outcomes) == {"sent": 30}
        assert Counter(sink.recipients()) == dict.fromkeys(everybody(30), 1)


@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA", "."])
@pytest.mark.parametrize(("option", "verdict"), [("-f", "refused"), ("-r", "deferred")])
def test_smtp_sink_refuses_and_defers(option: str, verdict: str, command: str) -> None:
    with peers.smtp_sink(option, command) as sink, open_transport(sink.url) as transport:
        outcomes = list(transport.deliver(letters(5), OpenGate()))
    stage = {"MAIL": "mail", "RCPT": "rcpt", "DATA": "data", ".": "dot"}[command]
    assert {(one.verdict, one.stage) for one in outcomes} == {(verdict, stage)}
    assert len(outcomes) == 5


@pytest.mark.parametrize("option", ["-q", "-Q"])
@pytest.mark.parametrize("command", ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA"])
def test_smtp_sink_that_hangs_up_takes_nobody_and_settles_nobody(option: str, command: str) -> None:
    settled = []
    with peers.smtp_sink(option, command) as sink, open_transport(sink.url) as transport:
        with pytest.raises(TransportUnavailable) as caught:
            for outcome in transport.deliver(letters(5), OpenGate()):
                settled.append(outcome.verdict)
        assert caught.value.temporary
        assert set(settled) <= {"deferred", "withheld"}
        assert sink.recipients() == []


def test_smtp_sink_that_hangs_up_after_the_dot_leaves_unknown_what_it_did_not_answer() -> None:
    with peers.smtp_sink("-q", ".") as sink, open_transport(sink.url) as transport:
        settled = []
        try:
            for outcome in transport.deliver(letters(2), OpenGate()):
                settled.append(outcome.verdict)
        except TransportUnavailable:
            pass
    assert set(settled) == {"unknown"}


def test_smtp_sink_that_aborts_in_the_middle_is_no_success() -> None:
    with peers.smtp_sink("-A", "0") as sink, open_transport(sink.url + "?timeout=5") as transport:
        settled = []
        try:
            for outcome in transport.deliver(letters(3, size=3000), OpenGate()):
                settled.append(outcome.verdict)
        except TransportUnavailable:
            pass
    assert "sent" not in settled
