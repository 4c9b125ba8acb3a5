"""Whom a task wakes: others while there is something for them, and nobody where nothing can be sent."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from pipeline import clock, tasks
from pipeline.delivery import freezing, ledger, sender
from pipeline.delivery.models import Batch, Installation
from tests.stage import Stage, stage

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tasks that were asked for: the broker stands at the end of the world that a test of ours has."""
    asked: list[str] = []
    monkeypatch.setattr(tasks, "wake", lambda task, _: asked.append(task) or True)
    return asked


def play(folder: Path, monkeypatch: pytest.MonkeyPatch, *, people: int = 9, throttles: str = "") -> Stage:
    monkeypatch.setattr(freezing, "BATCH", 3)
    made = stage(folder, people=people)
    made.throttles = throttles
    made.tick()
    monkeypatch.setattr(tasks.wiring, "desk", lambda: made.desk)
    return made


def send(made: Stage) -> None:
    with clock.simulated(lambda: made.now):
        tasks.send()


def test_the_next_is_woken_while_batches_are_open_and_nobody_after_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, woken: list[str]
) -> None:
    made = play(tmp_path, monkeypatch)
    monkeypatch.setattr(tasks, "BULK_SECONDS", 0.001)
    for left in (2, 1, 0):
        send(made)
        assert Batch.objects.exclude(state="done").count() == left
    assert woken == ["pipeline.tasks.send"] * 2


def test_an_installation_that_is_not_armed_wakes_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, woken: list[str]
) -> None:
    made = play(tmp_path, monkeypatch)
    Installation.objects.update(identity="une autre")
    send(made)
    assert woken == []


def test_where_only_used_up_paces_are_left_nobody_is_woken_until_one_is_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, woken: list[str]
) -> None:
    made = play(tmp_path, monkeypatch, throttles="example.org=0.1")
    send(made)
    assert woken == []
    assert sender.next_ready(made.desk) == made.now + dt.timedelta(seconds=10)
    send(made)
    assert woken == []
    made.now += dt.timedelta(seconds=10)
    assert sender.next_ready(made.desk) == made.now
    send(made)
    assert sum(Batch.objects.values_list("sent", flat=True)) == 2


def test_a_pace_that_is_free_in_a_moment_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, woken: list[str]
) -> None:
    send(play(tmp_path, monkeypatch, throttles="example.org=2"))
    assert woken == ["pipeline.tasks.send"]


def test_nothing_is_ready_while_somebody_has_the_only_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = play(tmp_path, monkeypatch, people=3)
    assert ledger.claim("a", now=made.now, reserve=1) is not None
    assert sender.next_ready(made.desk) is None


def test_a_step_of_the_tick_that_fails_keeps_none_of_the_others_from_being_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    made = play(tmp_path, monkeypatch)
    asked: list[tuple[str, int]] = []
    monkeypatch.setattr(tasks, "wake_all", lambda task, _, work: asked.append((task, work)))

    def unreadable(**_: object) -> None:
        raise ValueError("une saison illisible")

    monkeypatch.setattr(tasks.due, "check", unreadable)
    with clock.simulated(lambda: made.now):
        tasks.tick()
    assert asked == [("pipeline.tasks.send", 3)]
    assert "une saison illisible" in caplog.text
