"""What every transport does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from pipeline.delivery.envelope import Envelope, Outcome
from pipeline.delivery.transports import Transport, open_transport
from pipeline.delivery.transports.base import OpenGate
from tests.letters import BODY, letters
from tests.provider_api import ProviderApi
from tests.smtp_sink import Behaviour, Sink

Way = tuple[Transport, Callable[[], list[str]]]
"""A transport, and who got mail by it."""


class Recorder(OpenGate):
    """A gate that notes what it is asked, and says no where told."""

    def __init__(self, *, never: Sequence[int] = (), unnoted: Sequence[int] = ()) -> None:
        self.calls: list[tuple[str, object]] = []
        self._never, self._unnoted = never, unnoted

    def refresh(self) -> None:
        self.calls.append(("refresh", None))

    def wanted(self, envelope: Envelope) -> bool:
        self.calls.append(("wanted", envelope.key))
        return envelope.key not in self._never

    def intent(self, envelope: Envelope) -> bool:
        self.calls.append(("intent", envelope.key))
        return envelope.key not in self._unnoted


@pytest.fixture(params=["smtp", "smtp step by step", "four connections", "maildir", "anymail"])
def way(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Way]:
    if request.param == "maildir":
        transport = open_transport(f"file://{tmp_path}/box")

        def found() -> list[str]:
            heads = [path.read_text().split("\n")[1] for path in (tmp_path / "box/new").glob("*")]
            return sorted(head.removeprefix("X-Original-To: ") for head in heads)

        yield transport, found
    elif request.param == "anymail":
        with ProviderApi("brevo") as api, open_transport(api.url) as transport:
            yield transport, lambda: sorted(api.recipients)
    else:
        options = f"?connections={4 if request.param == 'four connections' else 1}"
        how = Behaviour(pipelining=request.param != "smtp step by step")
        with Sink(how) as sink, open_transport(sink.url + options) as transport:
            yield transport, lambda: sorted(sink.recipients)


def verdicts(outcomes: Iterator[Outcome]) -> dict[int, str]:
    """By key; nobody has two."""
    found: dict[int, str] = {}
    for outcome in outcomes:
        assert outcome.key not in found
        found[outcome.key] = outcome.verdict
    return found


def test_every_envelope_has_one_outcome(way: Way) -> None:
    transport, found = way
    assert verdicts(transport.deliver(letters(40), OpenGate())) == dict.fromkeys(range(1, 41), "sent")
    assert found() == sorted(f"a{n}@example.org" for n in range(1, 41))


def test_nothing_to_send_is_nothing_sent(way: Way) -> None:
    transport, found = way
    assert list(transport.deliver([], OpenGate())) == []
    assert found() == []


def test_a_transport_serves_several_calls(way: Way) -> None:
    transport, found = way
    for _ in range(3):
        assert [one.verdict for one in transport.deliver(letters(2), OpenGate())] == ["sent", "sent"]
    assert len(found()) == 6


def test_a_closed_transport_opens_again(way: Way) -> None:
    transport, found = way
    for _ in range(2):
        assert [one.verdict for one in transport.deliver(letters(1), OpenGate())] == ["sent"]
        transport.close()
        transport.close()
    assert len(found()) == 2


def test_envelopes_are_read_as_they_are_sent(way: Way) -> None:
    transport, _ = way
    read: list[int] = []

    def source() -> Iterator[Envelope]:
        for letter in letters(500):
            read.append(letter.key)
            yield letter

    run = transport.deliver(source(), OpenGate())
    assert read == []
    assert next(run).verdict == "sent"
    assert len(read) < 100
    run.close()  # type: ignore[attr-defined]


def test_what_the_gate_keeps_back_is_withheld_and_never_arrives(way: Way) -> None:
    transport, found = way
    outcomes = verdicts(transport.deliver(letters(20), Recorder(never=(1, 3, 4, 20))))
    assert {key for key, verdict in outcomes.items() if verdict == "withheld"} == {1, 3, 4, 20}
    assert len(outcomes) == 20
    assert found() == sorted(f"a{n}@example.org" for n in range(1, 21) if n not in (1, 3, 4, 20))


def test_what_could_not_be_noted_is_withheld_and_never_arrives(way: Way) -> None:
    transport, found = way
    outcomes = verdicts(transport.deliver(letters(20), Recorder(unnoted=(2, 20))))
    assert {key for key, verdict in outcomes.items() if verdict == "withheld"} == {2, 20}
    assert found() == sorted(f"a{n}@example.org" for n in range(1, 21) if n not in (2, 20))


def test_who_leaves_between_mail_and_dot_gets_nothing(way: Way) -> None:
    transport, found = way

    class Leaving(Recorder):
        def refresh(self) -> None:
            super().refresh()
            if any(call == ("intent", 2) for call in self.calls):
                self._never = (3,)

    outcomes = verdicts(transport.deliver(letters(6), Leaving()))
    assert outcomes[3] in ("sent", "withheld")
    assert ("a3@example.org" in found()) == (outcomes[3] == "sent")
    assert [outcomes[key] for key in (1, 2, 4, 5, 6)] == ["sent"] * 5


def test_the_gate_reads_then_is_asked_then_told(way: Way) -> None:
    transport, _ = way
    gate = Recorder()
    list(transport.deliver(letters(40), gate))
    for key in range(1, 41):
        told = gate.calls.index(("intent", key))
        assert gate.calls.count(("intent", key)) == 1
        before = gate.calls[:told]
        last_read = max(at for at, call in enumerate(before) if call[0] == "refresh")
        asked = before.index(("wanted", key))
        assert any(call[0] == "refresh" for call in before[:asked])
        assert all(call[0] in ("wanted", "intent") for call in before[last_read + 1 :])


def test_an_exception_of_the_gate_leaves_through_deliver_and_sends_no_more(way: Way) -> None:
    transport, found = way

    class Lost(Exception):
        pass

    class Losing(OpenGate):
        def intent(self, envelope: Envelope) -> bool:
            if envelope.key == 5:
                raise Lost
            return True

    with pytest.raises(Lost):
        for outcome in transport.deliver(letters(30), Losing()):
            assert outcome.verdict in ("sent", "withheld")
    assert "a5@example.org" not in found()
    assert [one.verdict for one in transport.deliver(letters(1), OpenGate())] == ["sent"]


@pytest.mark.parametrize(
    "content", [b"A: b\n\nbare\n", b"A: b\r\n\r\nx\r.\r\n", b"A: b\r\n\r\nx\n.\r\nMAIL FROM:<x>\r\n"]
)
def test_bare_line_ends_are_refused_before_any_server_sees_them(way: Way, content: bytes) -> None:
    transport, found = way
    (outcome,) = transport.deliver([Envelope(1, "kit@example.org", "a@example.org", content)], OpenGate())
    assert (outcome.verdict, outcome.stage) == ("refused", "")
    assert found() == []


@pytest.mark.parametrize(
    "address", ["a@b>\r\nRCPT TO:<c@d", "a b@example.org", "<a@example.org>", "a@", "a\x00@example.org"]
)
def test_an_address_cannot_leave_its_command(way: Way, address: str) -> None:
    transport, found = way
    (outcome,) = transport.deliver([Envelope(1, "kit@example.org", address, BODY % 1)], OpenGate())
    assert outcome.verdict == "refused"
    assert found() == []
