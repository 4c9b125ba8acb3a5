"""SMTP servers that misbehave: nobody is lost, nobody is written to twice, and only a lost reply to the dot leaves an unknown."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator

import pytest

from pipeline.delivery.envelope import Envelope, Outcome
from pipeline.delivery.transports import Transport, TransportUnavailable, open_transport
from pipeline.delivery.transports.base import OpenGate
from pipeline.delivery.transports.connection import Connection
from pipeline.delivery.transports.replies import ConversationLost
from tests.letters import letters
from tests.smtp_behaviour import Stage
from tests.smtp_sink import Behaviour, Misdeed, Sink

STAGES: tuple[Stage, ...] = ("greeting", "ehlo", "mail", "rcpt", "data", "dot")
MISDEEDS = {
    "421": Misdeed(b"421 4.3.2 closing\r\n", "close"),
    "421 and stays": Misdeed(b"421 4.3.2 closing\r\n"),
    "closes": Misdeed(b"", "close", takes=True),
    "hangs": Misdeed(b"", "hang", takes=True),
    "garbage": Misdeed(b"\x00\xffHTTP/1.1 400 Bad Request\r\n\r\n", takes=True),
    "half a line": Misdeed(b"250 2.0", "close", takes=True),
    "an enormous line": Misdeed(b"250 " + b"x" * 100_000 + b"\r\n", takes=True),
    "no end of lines": Misdeed(b"250-more\r\n" * 500, takes=True),
    "two codes": Misdeed(b"250-one\r\n550 two\r\n", takes=True),
    "a code that is none": Misdeed(b"999 what\r\n", takes=True),
    "3xx": Misdeed(b"354 go on\r\n", takes=True),
}
COMMON = ("421", "closes", "hangs", "garbage")
"""What is tried at every stage; the rest where a reply is read in a way of its own."""


class Outcomes:
    """What became of each envelope; whoever has no final outcome is offered again, as a sender does."""

    def __init__(self) -> None:
        self.final: dict[int, Outcome] = {}
        self.unavailable = 0

    def run(self, transport: Transport, envelopes: list[Envelope], rounds: int = 4) -> Outcomes:
        for _ in range(rounds):
            rest = [one for one in envelopes if one.key not in self.final]
            with contextlib.suppress(TransportUnavailable):
                self.unavailable += 1
                for outcome in transport.deliver(rest, OpenGate()):
                    if outcome.verdict in ("sent", "refused", "unknown"):
                        assert outcome.key not in self.final
                        self.final[outcome.key] = outcome
                self.unavailable -= 1
        return self

    def verdicts(self) -> list[str]:
        return [outcome.verdict for _, outcome in sorted(self.final.items())]


@pytest.mark.parametrize(
    ("stage", "name", "mode"),
    [
        (stage, name, mode)
        for stage, name, mode in itertools.product(STAGES, MISDEEDS, ("pipelined", "step by step", "four connections"))
        if (name in COMMON or (stage in ("ehlo", "rcpt", "dot") and mode == "pipelined"))
        and (name != "hangs" or mode == "pipelined")
    ],
)
def test_a_single_misdeed_loses_and_repeats_nobody(stage: Stage, name: str, mode: str) -> None:
    misdeed = MISDEEDS[name]
    how = Behaviour(pipelining=mode != "step by step", misdeeds={stage: misdeed})
    options = f"?connections={4 if mode == 'four connections' else 1}&timeout={1 if misdeed.then == 'hang' else 20}"
    with Sink(how) as sink, open_transport(sink.url + options) as transport:
        done = Outcomes().run(transport, letters(4))
    assert len(done.final) == 4
    lost_reply = stage == "dot" and misdeed.takes
    assert sorted(done.verdicts()) == (["sent"] * 3 + ["unknown"] if lost_reply else ["sent"] * 4)
    assert sink.counts() == {f"a{n}@example.org": 1 for n in range(1, 5)}


@pytest.mark.parametrize("stage", ["greeting", "ehlo", "mail", "rcpt", "data"])
@pytest.mark.parametrize(("name", "connections"), [("421", 4), ("closes", 1), ("garbage", 4), ("an enormous line", 1)])
def test_a_server_that_never_behaves_takes_nothing_and_settles_nothing(
    stage: Stage, name: str, connections: int
) -> None:
    misdeed = MISDEEDS[name]
    how = Behaviour(misdeeds={stage: Misdeed(misdeed.say, misdeed.then, times=-1)})
    with Sink(how) as sink, open_transport(f"{sink.url}?timeout=20&connections={connections}") as transport:
        done = Outcomes().run(transport, letters(20), rounds=1)
    assert done.final == {}
    assert done.unavailable == 1
    assert sink.messages == []


def test_a_server_that_never_answers_the_dot_leaves_one_unknown_per_connection() -> None:
    how = Behaviour(misdeeds={"dot": Misdeed(b"", "close", times=-1, takes=True)})
    with Sink(how) as sink, open_transport(sink.url) as transport:
        done = Outcomes().run(transport, letters(3), rounds=1)
    assert done.verdicts() == ["unknown"] * len(done.final)
    assert len(sink.messages) == len(done.final) <= sink.connections
    assert max(sink.counts().values()) == 1


def test_a_greylisting_server_takes_everybody_the_second_time() -> None:
    with Sink(Behaviour(greylist=True)) as sink, open_transport(sink.url + "?connections=1") as transport:
        first = list(transport.deliver(letters(5), OpenGate()))
        assert {(one.verdict, one.code, one.enhanced, one.stage) for one in first} == {
            ("deferred", 450, "4.7.1", "rcpt")
        }
        assert [one.verdict for one in transport.deliver(letters(5), OpenGate())] == ["sent"] * 5
        assert sink.connections == 1


@pytest.mark.parametrize(
    "how",
    [
        Behaviour(tarpit=0.02),
        Behaviour(split=1, split_pause=0.001),
        Behaviour(split=3),
        Behaviour(together=True),
        Behaviour(multiline=True),
        Behaviour(multiline=True, split=7, line_end=b"\n"),
        Behaviour(multiline=True, line_end=b"\r"),
        Behaviour(multiline=True, line_end=b"\r\r\n", split=1),
        Behaviour(pipelining=False, split=1),
        Behaviour(pipelining=False, multiline=True),
        Behaviour(extensions=()),
        Behaviour(close_after=1),
        Behaviour(close_after=2, pipelining=False),
        Behaviour(say_421_after=2),
        Behaviour(say_421_after=1, pipelining=False),
    ],
    ids=lambda how: ", ".join(
        f"{key}={value}" for key, value in vars(how).items() if value != getattr(Behaviour(), key)
    ),
)
def test_odd_servers_take_everybody_once(how: Behaviour) -> None:
    with Sink(how) as sink, open_transport(sink.url) as transport:
        outcomes = list(transport.deliver(letters(4), OpenGate()))
    assert sorted((one.key, one.verdict) for one in outcomes) == [(n, "sent") for n in range(1, 5)]
    assert sink.counts() == {f"a{n}@example.org": 1 for n in range(1, 5)}


def test_a_slow_server_is_waited_for_as_long_as_the_gate_says() -> None:
    class Patient(OpenGate):
        asked = 0

        def waiting(self) -> bool:
            self.asked += 1
            return self.asked < 2

    how = Behaviour(misdeeds={"dot": Misdeed(b"", "hang", takes=True)})
    with Sink(how) as sink, open_transport(sink.url + "?connections=1") as transport:
        run: Iterator[Outcome] = transport.deliver(letters(2), gate := Patient())
        assert next(run).verdict == "unknown"
        assert gate.asked == 2
        assert len(sink.messages) == 1


def test_who_waits_no_longer_before_the_dot_leaves_nothing_uncertain() -> None:
    class Impatient(OpenGate):
        def waiting(self) -> bool:
            return False

    how = Behaviour(misdeeds={"rcpt": Misdeed(b"", "hang")})
    with Sink(how) as sink, open_transport(sink.url + "?connections=1") as transport:
        first = next(iter(transport.deliver(letters(1), Impatient())))
        assert first.verdict == "withheld"
        assert sink.messages == []


def test_a_connection_cut_while_the_next_envelope_is_written_leaves_the_finished_message_unknown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The dot is out and part of the MAIL behind it, then the connection breaks: the message may have been taken."""
    original, cuts = Connection.write_some, []

    def cut(self: Connection, data: memoryview) -> int:
        if cuts:
            raise cuts.pop()
        if b"\r\n.\r\nMAIL" in bytes(data):
            cuts.append(ConversationLost("connexion perdue à l’écriture"))
            return original(self, data[:-9])
        return original(self, data)

    monkeypatch.setattr(Connection, "write_some", cut)
    with Sink() as sink, open_transport(f"{sink.url}?connections=1") as transport:
        run = Outcomes().run(transport, letters(2))
        assert max(sink.counts().values()) == 1
        assert run.final[1].verdict == "unknown"


@pytest.mark.parametrize("options", ["connections=1", "connections=3"])
def test_a_connection_cut_in_the_middle_of_a_large_message_leaves_every_envelope_an_outcome(options: str) -> None:
    how = Behaviour(extensions=("SIZE 0",), misdeeds={"data": Misdeed(b"354 go on\r\n", "close", times=2)})
    with Sink(how) as sink, open_transport(f"{sink.url}?{options}") as transport:
        outcomes = [one.key for one in transport.deliver(letters(5, size=100_000), OpenGate())]
        assert sorted(outcomes) == [1, 2, 3, 4, 5]
