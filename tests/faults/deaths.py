"""Processes that die, stop or are told to go; the machine under them: its disk, its clock, all of it."""

from __future__ import annotations

import datetime as dt
import os
import random
import resource
import signal
from functools import partial

from pipeline.delivery.models import Batch
from tests.faults.ground import until
from tests.faults.points import POINTS
from tests.faults.receiver import Behaviour
from tests.faults.table import Row, Run, fault, finish, rest
from tests.faults.trials import LANES, USUAL, Field, Trial


@fault("worker's child killed at a random instant", short=8, whole=200)
@fault("worker's child killed at a random instant", short=5, whole=20, databases=("sqlite",))
def child_killed(field: Field, row: Row) -> None:
    trial, killed = field.begin(), 0
    field.reach(trial, 0.02)
    while killed < 10 and not trial.finished:
        children = field.senders.children()
        if children:
            os.kill(random.choice(children), signal.SIGKILL)
            killed += 1
        rest(0.6)
        trial.nurse()
    row.hits += killed
    finish(field, row, trial, LANES * killed)


def killed_at(points: list[str], *, counted: str = "") -> Run:
    """Have senders die at ``points``, one after the other; hits of ``counted`` count, or all."""

    def run(field: Field, row: Row) -> None:
        trial, ground = field.begin(), field.ground
        ground.arm(points)
        until(
            lambda: len(ground.hits()) >= len(points) or trial.finished,
            f"struck at {ground.hits()} only", meanwhile=trial.nurse,
        )  # fmt: skip
        hits = ground.hits()
        ground.arm(())
        row.hits += sum(counted in (point, "") for point, _ in hits)
        finish(field, row, trial, LANES * len(hits))

    return run


for _point, _meaning in POINTS.items():
    _first = ["intent"] if _point == "takeover" else []  # somebody has to die for it
    fault(f"killed {_meaning}", short=0, whole=6)(killed_at([*_first, _point] * 3, counted=_point))
for _kind, _short, _whole in (("postgresql", 8, 0), ("sqlite", 8, 4 * len(POINTS))):
    fault("killed at each named point", short=_short, whole=_whole, databases=(_kind,))(killed_at(list(POINTS)))


def stopped_at(point: str) -> Run:
    def run(field: Field, row: Row) -> None:
        field.replace_senders(CHAOS_LEASE="6", CHAOS_MARGIN="1.5")
        trial, ground = field.begin(), field.ground
        ground.arm([point], act="stop")
        until(lambda: ground.hits() or trial.finished, "nobody was stopped", meanwhile=trial.nurse)
        stopped = ground.hits()
        ground.arm(())
        for _, asleep in stopped:
            until(partial(_let_go, trial, asleep), "nobody took over", meanwhile=trial.nurse)
            os.kill(asleep, signal.SIGCONT)
        row.hits += len(stopped)
        finish(field, row, trial, LANES * len(stopped))
        field.dismiss_senders()

    return run


def _let_go(trial: Trial, pid: int) -> bool:
    return not any(batch.holder.startswith(f"{pid}-") for batch in trial.leased())


for _point in ("claimed", "asked", "intent", "half", "dot", "reply"):
    fault(f"stopped past its lease {POINTS[_point]}", short=int(_point == "asked"), whole=2)(stopped_at(_point))


@fault("stopped inside its transaction, while the others go on", short=0, whole=2)
def stopped_in_a_transaction(field: Field, row: Row) -> None:
    """Its batch's row is locked: nobody can take that one over, and nobody may wait for it."""
    field.replace_senders(CHAOS_LEASE="6", CHAOS_MARGIN="1.5")
    field.receiver.behave(Behaviour(slow=0.06))
    trial, ground = field.begin(), field.ground
    ground.arm([random.choice(("append", "copy", "appended"))], act="stop")
    until(lambda: ground.hits() or trial.finished, "nobody was stopped", meanwhile=trial.nurse)
    stopped = ground.hits()
    ground.arm(())
    try:
        until(
            lambda: trial.open() <= len(stopped), "the others wait for the one that is stopped", meanwhile=trial.nurse
        )
    finally:
        field.receiver.behave(USUAL)
        for _, asleep in stopped:
            os.kill(asleep, signal.SIGCONT)
    row.hits += len(stopped)
    finish(field, row, trial, 0)
    field.dismiss_senders()


@fault("whole host lost, journals and all", short=1, whole=6)
def host_lost(field: Field, row: Row) -> None:
    trial = field.begin()
    field.reach(trial, random.uniform(0.05, 0.6))
    field.senders.kill()
    field.forget_senders()
    for path in (field.ground.data / "journal").glob("*.journal"):
        path.unlink()
    bound = trial.reserved()
    # Another boot, and long ago: what another host sees of one that is gone.
    long_ago = dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)
    Batch.objects.filter(mailing=trial.mailing, state=Batch.State.LEASED).update(boot="gone", until=long_ago)
    row.hits += 1
    _ = field.senders
    finish(field, row, trial, bound)


@fault("deploy in the middle", short=1, whole=5)
def deploy(field: Field, row: Row) -> None:
    trial = field.begin()
    field.reach(trial, random.uniform(0.05, 0.6))
    code = field.senders.terminate()
    field.forget_senders()
    row.hits += 1
    if code != 0:
        row.failure = f"the worker ended with {code}"
    if trial.leased():
        row.failure = "a lease was not given back"
    _ = field.senders
    finish(field, row, trial, 0)


@fault("disk full for the journal", short=1, whole=6)
def disk_full(field: Field, row: Row) -> None:
    """The kernel itself refuses: no file of the process may grow beyond a limit, the last write is cut short."""
    trial = field.begin()
    field.reach(trial, 0.05)
    for pid in field.senders.children():
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (random.randint(60, 3000), hard))
        row.hits += 1
    field.reach(trial, 0.3)
    rest(2.0)
    for pid in field.senders.children():
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))
    finish(field, row, trial, 0)


def jumped(seconds: float) -> Run:
    def run(field: Field, row: Row) -> None:
        environ, move = field.ground.fake_wall()
        field.replace_senders(**environ)
        trial = field.begin()
        field.reach(trial, random.uniform(0.1, 0.5))
        move(seconds)
        row.hits += 1
        finish(field, row, trial, 0)
        move(0)
        field.dismiss_senders()

    return run


fault("clock jumps an hour forward", short=0, whole=2)(jumped(3600))
fault("clock jumps an hour back", short=0, whole=2)(jumped(-3600))
