"""Who wakes whom for webhooks: what is committed at once, what is due at the next tick, and nobody where nothing can be told."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest
from django.db import transaction

from pipeline import broker, clock, outward, tasks
from pipeline.delivery import fence
from pipeline.hooks.models import Delivery
from tests.audience.factories import NOW
from tests.hooks.factories import BASE, comes, endpoint
from tests.hooks.receiver import Receiver, Reply

pytestmark = pytest.mark.usefixtures("database")
NOTIFY = ("pipeline.tasks.notify", "bulk")


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What was asked of the broker, task and queue, instead of asking it."""
    asked: list[tuple[str, str]] = []
    for room in (broker, tasks):
        monkeypatch.setattr(room, "wake", lambda task, queue, *_: asked.append((task, queue)) or True)
    return asked


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    fence.arm_if_new("essai", now=NOW)
    made = tasks.sending.Courier("essai", BASE, outward.Caller(local=True), clock.now)
    monkeypatch.setattr(tasks, "courier", lambda: made)
    with Receiver() as listening:
        endpoint(listening.url)
        yield listening


def at(minutes: float, task: str) -> None:
    with clock.simulated(lambda: NOW + dt.timedelta(minutes=minutes)):
        getattr(tasks, task)()


def test_a_worker_is_woken_once_what_happened_is_committed(receiver: Receiver, woken: list[tuple[str, str]]) -> None:
    with transaction.atomic():
        comes()
        assert woken == []
    assert woken == [NOTIFY]
    woken.clear()
    at(0, "notify")
    assert (len(receiver.taken), woken) == (1, [])


def test_the_tick_wakes_a_worker_where_something_is_due(receiver: Receiver, woken: list[tuple[str, str]]) -> None:
    receiver.usual = Reply(500)
    comes()
    at(0, "notify")
    woken.clear()
    at(0, "tick")
    assert NOTIFY not in woken
    at(1, "tick")
    assert NOTIFY in woken


def test_a_worker_whose_time_is_up_wakes_the_next(
    receiver: Receiver, woken: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    comes("a@x.example")
    comes("b@x.example")
    woken.clear()
    monkeypatch.setattr(tasks, "BULK_SECONDS", 0)
    at(0, "notify")
    assert (len(receiver.taken), woken) == (1, [NOTIFY])


def test_an_installation_that_is_not_armed_wakes_nobody(
    receiver: Receiver, woken: list[tuple[str, str]], caplog: pytest.LogCaptureFixture
) -> None:
    comes()
    woken.clear()
    fence.arm("autre", now=NOW, who="équipe")
    at(0, "notify")
    assert (receiver.connections, woken) == (0, [])
    assert "kit arm" in caplog.text


def test_the_tick_throws_away_what_is_older_than_a_month(receiver: Receiver, woken: list[tuple[str, str]]) -> None:
    comes()
    at(0, "notify")
    at(60 * 24 * 30, "tick")
    assert Delivery.objects.count() == 1
    at(60 * 24 * 30 + 1, "tick")
    assert Delivery.objects.count() == 0
