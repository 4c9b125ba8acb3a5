"""How much is reserved at a time, and for how long a batch is held."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.delivery import ledger
from pipeline.delivery.models import Batch
from pipeline.delivery.stride import MOST, SECOND, Stride
from pipeline.delivery.transports import open_transport
from tests.smtp_sink import Behaviour, Sink
from tests.stage import stage


@given(st.floats(0.5, 5000), st.integers(1, 64))
def test_a_reservation_comes_to_what_is_sent_in_a_second_or_fills_the_connections(pace: float, width: int) -> None:
    stride = Stride()
    for _ in range(12):
        stride.learn(stride.rows, stride.rows / pace, least=width)
    assert stride.rows <= max(pace * SECOND, width, 1)
    assert stride.rows >= min(MOST, pace * SECOND - 1)


def test_a_slow_answer_never_leaves_connections_unused() -> None:
    stride = Stride()
    for _ in range(12):
        stride.learn(stride.rows, 2.0 * -(-stride.rows // 8), least=8)  # eight connections, two seconds an answer
    assert stride.rows == 8


def test_the_rest_of_a_batch_says_nothing() -> None:
    stride = Stride(rows=500)
    stride.learn(1, 0.1, least=1)
    assert stride.rows == 500


@pytest.mark.parametrize(
    ("url", "width"),
    [
        ("smtp://127.0.0.1/?connections=5", 5),
        ("smtp://127.0.0.1/?connections=5&rate=1.5", 2),
        ("smtp://127.0.0.1/?connections=5 smtp://127.0.0.2/?connections=3", 8),
        ("file:///tmp/mails", 1),
    ],
)
def test_the_width_of_a_way_out_is_what_is_under_way_at_once(url: str, width: int) -> None:
    assert open_transport(url).width == width


@pytest.mark.usefixtures("database")
def test_a_destination_with_a_pace_is_reserved_a_second_of_at_most(tmp_path: Path) -> None:
    play = stage(tmp_path, people=20)
    play.throttles = "example.org=2.5"
    play.tick()
    lease = ledger.claim("a", now=play.now, reserve=16, rates=play.desk.throttles.limited())
    assert lease is not None
    assert Batch.objects.get().reserved_to == lease.reserved == 3


@pytest.mark.usefixtures("database")
def test_a_server_that_answers_often_but_slowly_does_not_cost_the_lease(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "LEASE", 3.0)
    monkeypatch.setattr(ledger, "MARGIN", 1.0)
    with Sink(Behaviour(slow=0.2)) as sink:
        play = stage(tmp_path, people=16, url=f"{sink.url}?connections=1")
        play.tick()
        play.send()
        batch = Batch.objects.get()
        assert (batch.state, batch.sent, batch.lease) == ("done", 16, 1)
