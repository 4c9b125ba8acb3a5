"""Several servers: shares by weight, fail-over, a rate for each."""

from __future__ import annotations

from collections import Counter

import pytest

from pipeline.delivery.transports import TransportUnavailable, open_transport
from pipeline.delivery.transports.base import OpenGate
from tests.letters import letters
from tests.smtp_sink import Behaviour, Misdeed, Sink

GONE = "smtp://127.0.0.1:1/"


def everybody(count: int) -> dict[str, int]:
    return {f"a{n}@example.org": 1 for n in range(1, count + 1)}


def test_servers_share_by_weight() -> None:
    with (
        Sink(Behaviour(slow=0.002)) as one,
        Sink(Behaviour(slow=0.002)) as two,
        open_transport(f"{one.url}?weight=3 {two.url}") as transport,
    ):
        assert Counter(each.verdict for each in transport.deliver(letters(200), OpenGate())) == {"sent": 200}
    assert one.counts() + two.counts() == everybody(200)
    assert len(one.messages) == pytest.approx(150, abs=20)


def test_one_that_is_not_there_leaves_everything_to_the_other() -> None:
    with Sink() as sink, open_transport(f"{GONE} {sink.url}") as transport:
        assert Counter(each.verdict for each in transport.deliver(letters(50), OpenGate())) == {"sent": 50}
    assert sink.counts() == everybody(50)


@pytest.mark.parametrize(
    "how",
    [
        Behaviour(greeting="554 5.3.2 not today"),
        Behaviour(misdeeds={"mail": Misdeed(b"421 4.3.2 closing\r\n", "close", times=-1)}),
        Behaviour(misdeeds={"ehlo": Misdeed(b"nonsense\r\n", times=-1)}),
    ],
    ids=["refuses", "says 421", "talks nonsense"],
)
def test_one_that_never_works_loses_nobody(how: Behaviour) -> None:
    with Sink(how) as broken, Sink() as sink, open_transport(f"{broken.url} {sink.url}") as transport:
        found = Counter(each.verdict for each in transport.deliver(letters(60), OpenGate()))
    assert set(found) <= {"sent", "deferred"}
    assert len(sink.messages) == found["sent"] >= 30
    assert broken.messages == []
    assert max(sink.counts().values()) == 1


def test_one_that_stops_in_the_middle_hands_over_what_it_has_not_taken() -> None:
    sent = []
    with (
        Sink(Behaviour(slow=0.002)) as stays,
        Sink(Behaviour(slow=0.002)) as goes,
        open_transport(f"{stays.url} {goes.url}") as transport,
    ):
        for outcome in transport.deliver(letters(200), OpenGate()):
            sent.append(outcome.verdict)
            if len(goes.messages) >= 20 and not goes.behaviour.say_421_after:
                goes.behaviour.greeting = "421 4.3.2 going down"
                goes.behaviour.say_421_after = 1
    assert Counter(sent) == {"sent": 200}
    assert stays.counts() + goes.counts() == everybody(200)


@pytest.mark.parametrize("slow", [0.0, 0.4])
def test_a_server_that_takes_two_connections_is_not_asked_for_more_again_and_again(slow: float) -> None:
    with Sink(Behaviour(most=2, slow=slow)) as sink, open_transport(f"{sink.url}?connections=6") as transport:
        for _ in range(4):
            assert Counter(each.verdict for each in transport.deliver(letters(4), OpenGate())) == {"sent": 4}
        assert len(sink.messages) == 16
        assert sink.connections <= 6 + 4  # each connection that was refused was asked for twice


def test_none_that_can_be_reached_names_each() -> None:
    with (
        open_transport(f"{GONE} smtp://127.0.0.1:2/") as transport,
        pytest.raises(TransportUnavailable, match=r"127\.0\.0\.1:1 .*127\.0\.0\.1:2 ") as caught,
    ):
        list(transport.deliver(letters(3), OpenGate()))
    assert caught.value.temporary


def test_waiting_helps_unless_it_helps_nowhere() -> None:
    with Sink() as sink:
        stripped = f"smtp+starttls://127.0.0.1:{sink.port}/"
        for urls, temporary in ((f"{stripped} {GONE}", True), (stripped, False)):
            with open_transport(urls) as transport, pytest.raises(TransportUnavailable) as caught:
                list(transport.deliver(letters(3), OpenGate()))
            assert caught.value.temporary is temporary


def test_no_more_is_sent_than_the_rate_allows() -> None:
    granted = []

    def permits(name: str, rate: float, want: int) -> int:
        assert (name, rate) == (f"127.0.0.1:{sink.port}", 100.0)
        granted.append(min(want, 3))
        return granted[-1]

    with Sink() as sink, open_transport(f"{sink.url}?rate=100", permits) as transport:
        assert Counter(each.verdict for each in transport.deliver(letters(20), OpenGate())) == {"sent": 20}
    assert 20 <= sum(granted) <= 20 + 3


def test_a_server_without_permits_waits_as_long_as_the_gate_says() -> None:
    class Patient(OpenGate):
        asked = 0

        def waiting(self) -> bool:
            self.asked += 1
            return self.asked < 3

    with (
        Sink() as sink,
        open_transport(f"{sink.url}?rate=1", lambda *_: 0) as transport,
        pytest.raises(TransportUnavailable, match="n’a de place") as caught,
    ):
        list(transport.deliver(letters(2), Patient()))
    assert caught.value.temporary
    assert sink.messages == []
