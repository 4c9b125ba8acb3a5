"""What every transport does, and what SMTP does when the other side misbehaves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from pipeline.delivery.envelope import Envelope
from pipeline.delivery.transports import TransportUnavailable, open_transport
from pipeline.delivery.transports.base import OpenGate
from tests.smtp_sink import Behaviour, Sink

BODY = b"Subject: =?utf-8?q?=C3=A9t=C3=A9?=\r\nMessage-ID: <%d@x>\r\n\r\nBonjour\r\n.point\r\n..deux\r\n"


def letters(count: int, *, size: int = 0) -> list[Envelope]:
    return [
        Envelope(n, "kit@example.org", f"a{n}@example.org", BODY % n + (b"y" * 70 + b"\r\n") * size)
        for n in range(1, count + 1)
    ]


class Recorder(OpenGate):
    """A gate that notes what it is asked, and says no where told."""

    def __init__(self, *, wanted: Sequence[int] = (), intent: Sequence[int] = ()) -> None:
        self.calls: list[tuple[str, object]] = []
        self._wanted, self._intent = wanted, intent

    def refresh(self) -> None:
        self.calls.append(("refresh", None))

    def wanted(self, envelope: Envelope) -> bool:
        self.calls.append(("wanted", envelope.key))
        return envelope.key not in self._wanted

    def intent(self, envelope: Envelope) -> bool:
        self.calls.append(("intent", envelope.key))
        return envelope.key not in self._intent


@pytest.fixture(params=["smtp", "smtp step by step", "four connections", "maildir"])
def way(request: pytest.FixtureRequest, tmp_path: Path):
    """(transport, a function that lists who got mail)."""
    if request.param == "maildir":
        transport = open_transport(f"file://{tmp_path}/box")

        def found() -> list[str]:
            heads = [path.read_text().split("\n")[1] for path in (tmp_path / "box/new").glob("*")]
            return sorted(head.removeprefix("X-Original-To: ") for head in heads)

        yield transport, found
        return
    connections = 4 if request.param == "four connections" else 1
    with (
        Sink(Behaviour(pipelining=request.param != "smtp step by step")) as sink,
        open_transport(f"{sink.url}?connections={connections}") as transport,
    ):
        yield transport, lambda: sorted(sink.recipients)


def test_every_envelope_has_one_outcome_in_order(way) -> None:
    transport, found = way
    outcomes = list(transport.deliver(letters(40), OpenGate()))
    assert sorted((one.key, one.verdict) for one in outcomes) == [(n, "sent") for n in range(1, 41)]
    assert found() == sorted(f"a{n}@example.org" for n in range(1, 41))


def test_a_connection_serves_several_calls(way) -> None:
    transport, found = way
    for _ in range(3):
        assert [one.verdict for one in transport.deliver(letters(2), OpenGate())] == ["sent", "sent"]
    assert len(found()) == 6


@pytest.mark.parametrize("question", ["wanted", "intent"])
def test_what_the_gate_keeps_back_is_withheld_and_never_arrives(way, question: str) -> None:
    transport, found = way
    gate = Recorder(**{question: (3, 4, 20)})
    outcomes = {one.key: one.verdict for one in transport.deliver(letters(20), gate)}
    assert {key for key, verdict in outcomes.items() if verdict == "withheld"} == {3, 4, 20}
    assert len(found()) == 17
    assert len(outcomes) == 20


def test_the_gate_is_asked_in_order(way) -> None:
    transport, _ = way
    gate = Recorder()
    for outcome in transport.deliver(letters(40), gate):
        gate.calls.append(("outcome", outcome.key))
    for key in range(1, 41):
        at = {
            what: [n for n, call in enumerate(gate.calls) if call == (what, key)]
            for what in ("wanted", "intent", "outcome")
        }
        assert len(at["intent"]) == len(at["outcome"]) == 1
        assert at["wanted"][-1] < at["intent"][0] < at["outcome"][0]
        fresh = max(n for n, call in enumerate(gate.calls[: at["intent"][0]]) if call[0] == "refresh")
        assert fresh < at["wanted"][-1]
        assert not [call for call in gate.calls[fresh : at["intent"][0]] if call[0] == "outcome"]


@pytest.mark.parametrize(
    "content", [b"A: b\n\nbare\n", b"A: b\r\n\r\nx\r.\r\n", b"A: b\r\n\r\nx\n.\r\nMAIL FROM:<x>\r\n"]
)
def test_bare_line_ends_are_refused_before_any_server_sees_them(way, content: bytes) -> None:
    transport, found = way
    (outcome,) = transport.deliver([Envelope(1, "kit@example.org", "a@example.org", content)], OpenGate())
    assert (outcome.verdict, outcome.stage) == ("refused", "")
    assert found() == []


@pytest.mark.parametrize(
    "address", ["a@b>\r\nRCPT TO:<c@d", "a b@example.org", "<a@example.org>", "a@", "a\x00@example.org"]
)
def test_an_address_cannot_leave_its_command(way, address: str) -> None:
    transport, found = way
    (outcome,) = transport.deliver([Envelope(1, "kit@example.org", address, BODY % 1)], OpenGate())
    assert outcome.verdict == "refused"
    assert found() == []


def test_dots_and_content_arrive_as_written() -> None:
    with Sink() as sink, open_transport(sink.url + "?connections=1") as transport:
        content = b".first\r\n" + BODY % 1
        list(transport.deliver([Envelope(1, "", "a@example.org", content)], OpenGate()))
        assert sink.messages[0]["content"] == content
        assert sink.messages[0]["from"] == ""


def test_the_next_envelope_rides_with_the_dot() -> None:
    with Sink() as sink, open_transport(sink.url + "?connections=1") as transport:
        list(transport.deliver(letters(3), OpenGate()))
        assert sum(b"\r\n.\r\nMAIL FROM" in read for read in sink.reads) == 2
        assert sink.connections == 1


def test_a_large_message_that_blocks_the_socket_arrives_whole() -> None:
    with Sink(Behaviour(extensions=("SIZE 0",))) as sink, open_transport(sink.url + "?connections=1") as transport:
        outcomes = list(transport.deliver(letters(3, size=60000), OpenGate()))
        assert [one.verdict for one in outcomes] == ["sent"] * 3
        assert {len(message["content"]) for message in sink.messages} == {len(letters(1, size=60000)[0].content)}


@pytest.mark.parametrize("pipelining", [True, False])
def test_refused_and_deferred_recipients_do_not_touch_the_others(pipelining: bool) -> None:
    refuse = {"a2@example.org": "550 5.1.1 no such user", "a4@example.org": "450 4.2.1 greylisted"}
    dot = {"a5@example.org": "554 5.7.1 spam", "a6@example.org": "452 4.3.1 full"}
    with (
        Sink(Behaviour(pipelining=pipelining, refuse=refuse, dot=dot)) as sink,
        open_transport(sink.url + "?connections=1") as transport,
    ):
        outcomes = list(transport.deliver(letters(8), OpenGate()))
        assert [one.verdict for one in outcomes] == [
            "sent",
            "refused",
            "sent",
            "deferred",
            "refused",
            "deferred",
            "sent",
            "sent",
        ]
        assert (outcomes[1].code, outcomes[1].enhanced, outcomes[1].stage) == (550, "5.1.1", "rcpt")
        assert sorted(sink.recipients) == ["a1@example.org", "a3@example.org", "a7@example.org", "a8@example.org"]


def test_a_server_that_wants_content_without_recipient_gets_none() -> None:
    how = Behaviour(refuse={"a2@example.org": "550 5.1.1 no"}, accept_data_without_recipient=True)
    with Sink(how) as sink, open_transport(sink.url + "?connections=1") as transport:
        outcomes = list(transport.deliver(letters(3), OpenGate()))
        assert [one.verdict for one in outcomes] == ["sent", "refused", "sent"]
        assert sorted(sink.recipients) == ["a1@example.org", "a3@example.org"]


@pytest.mark.parametrize("how", [Behaviour(close_after=3), Behaviour(say_421_after=3), Behaviour(garbage_at=4)])
def test_a_server_that_ends_the_conversation_loses_and_repeats_nothing(how: Behaviour) -> None:
    with Sink(how) as sink, open_transport(sink.url + "?connections=1") as transport:
        outcomes = list(transport.deliver(letters(10), OpenGate()))
        assert [one.verdict for one in outcomes] == ["sent"] * 10
        assert sink.counts() == {f"a{n}@example.org": 1 for n in range(1, 11)}


@pytest.mark.parametrize("line_end", [b"\n", b"\r", b"\r\r\n"])
def test_odd_line_ends_are_understood(line_end: bytes) -> None:
    with Sink(Behaviour(line_end=line_end)) as sink, open_transport(sink.url + "?connections=1") as transport:
        assert [one.verdict for one in transport.deliver(letters(2), OpenGate())] == ["sent", "sent"]
        assert len(sink.messages) == 2


def test_helo_is_enough() -> None:
    with Sink(Behaviour(helo_only=True)) as sink, open_transport(sink.url + "?connections=1") as transport:
        assert [one.verdict for one in transport.deliver(letters(2), OpenGate())] == ["sent", "sent"]


def test_only_the_message_whose_reply_was_lost_is_unknown() -> None:
    with Sink(Behaviour(drop_before_dot_reply=(3,))) as sink, open_transport(sink.url + "?connections=1") as transport:
        outcomes = list(transport.deliver(letters(6), OpenGate()))
        assert [one.verdict for one in outcomes] == ["sent", "sent", "unknown", "sent", "sent", "sent"]
        assert max(sink.counts().values()) == 1


def test_a_server_that_hangs_after_the_dot_leaves_one_unknown() -> None:
    with (
        Sink(Behaviour(hang_after_dot=(2,))) as sink,
        open_transport(sink.url + "?timeout=0.5&connections=1") as transport,
    ):
        outcomes = list(transport.deliver(letters(3), OpenGate()))
        assert [one.verdict for one in outcomes] == ["sent", "unknown", "sent"]
        assert max(sink.counts().values()) == 1


def test_messages_per_connection_are_limited() -> None:
    with Sink() as sink, open_transport(sink.url + "?messages=2&connections=1") as transport:
        assert [one.verdict for one in transport.deliver(letters(5), OpenGate())] == ["sent"] * 5
        assert sink.connections == 3


def test_too_large_for_the_server_is_refused_here() -> None:
    with Sink(Behaviour(extensions=("SIZE 100",))) as sink, open_transport(sink.url + "?connections=1") as transport:
        (outcome,) = transport.deliver(letters(1, size=5), OpenGate())
        assert (outcome.verdict, outcome.code) == ("refused", 552)
        assert sink.messages == []


def test_a_server_that_is_not_there_is_unavailable() -> None:
    with Sink() as sink:
        url = sink.url
    with pytest.raises(TransportUnavailable):
        list(open_transport(url).deliver(letters(1), OpenGate()))


def test_a_mailbox_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TransportUnavailable):
        list(open_transport(f"file://{tmp_path}/file/box").deliver(letters(1), OpenGate()))


def test_a_mail_in_the_mailbox_names_its_envelope(tmp_path: Path) -> None:
    list(open_transport(f"file://{tmp_path}/box?fsync=no").deliver(letters(1), OpenGate()))
    (path,) = (tmp_path / "box/new").iterdir()
    assert path.read_bytes().startswith(b"Return-Path: <kit@example.org>\nX-Original-To: a1@example.org\nSubject:")
    assert b"\r" not in path.read_bytes()
    assert list((tmp_path / "box/tmp").iterdir()) == []
