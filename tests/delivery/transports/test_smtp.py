"""SMTP as a server that behaves sees it: envelopes, pipelining, limits, extensions."""

from __future__ import annotations

import pytest

from pipeline.delivery.envelope import Envelope
from pipeline.delivery.transports import TransportUnavailable, open_transport
from pipeline.delivery.transports.base import OpenGate
from tests.letters import BODY, letters
from tests.smtp_sink import Behaviour, Sink


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
