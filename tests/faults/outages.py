"""What a sender depends on goes away, is silent, or misbehaves: the database, Redis, the SMTP server."""

from __future__ import annotations

import time

from tests.faults.ground import Postgres, until
from tests.faults.receiver import Behaviour
from tests.faults.table import BOTH, Row, Run, fault, finish, rest
from tests.faults.trials import LANES, USUAL, Field, Trial


def _database(field: Field) -> Postgres:
    assert field.ground.postgres is not None
    return field.ground.postgres


def unreachable(order: str, seconds: float) -> Run:
    def run(field: Field, row: Row) -> None:
        with _database(field).proxied() as obey:
            field.replace_senders(KIT_DATABASE_URL=_database(field).proxied_url)
            trial = field.begin()
            for _ in range(2):
                field.reach(trial, len(field.taken(trial)) / trial.mailing.frozen + 0.15)
                obey(order)
                row.hits += 1
                time.sleep(seconds)
                obey("open")
            finish(field, row, trial, 0)
            field.dismiss_senders()

    return run


fault("database cut off for 5 s while SMTP works", short=0, whole=4)(unreachable("cut", 5))
fault("database cut off for 1 s while SMTP works", short=0, whole=4)(unreachable("cut", 1))
fault("database silent for 5 s while SMTP works", short=0, whole=4)(unreachable("freeze", 5))


@fault("PostgreSQL crashes and recovers", short=0, whole=6)
def database_crashes(field: Field, row: Row) -> None:
    trial = field.begin()
    for _ in range(3):
        field.reach(trial, len(field.taken(trial)) / trial.mailing.frozen + 0.1)
        _database(field).crash()
        row.hits += 1
    finish(field, row, trial, 0)


@fault("database connections ended by the server", short=3, whole=30)
def connections_cut(field: Field, row: Row) -> None:
    trial = field.begin()
    for _ in range(6):
        field.reach(trial, len(field.taken(trial)) / trial.mailing.frozen + 0.05)
        _database(field).cut_connections()
        row.hits += 1
        rest(0.3)
    finish(field, row, trial, 0)


# Redis


@fault("Redis killed and started again", short=1, whole=6, databases=BOTH)
def redis_killed(field: Field, row: Row) -> None:
    trial = field.begin()
    for _ in range(2):
        field.reach(trial, len(field.taken(trial)) / trial.mailing.frozen + 0.1)
        field.ground.kill_redis()
        row.hits += 1
        rest(1.0)
        field.ground.start_redis()
    finish(field, row, trial, 0)


@fault("Redis silent for 3 s", short=0, whole=4)
def redis_silent(field: Field, row: Row) -> None:
    trial = field.begin()
    for _ in range(2):
        field.reach(trial, len(field.taken(trial)) / trial.mailing.frozen + 0.1)
        field.ground.silence_redis(3.0)
        row.hits += 1
    finish(field, row, trial, 0)


@fault("Redis flushed", short=0, whole=12)
def redis_flushed(field: Field, row: Row) -> None:
    trial = field.begin()
    for _ in range(3):
        field.reach(trial, len(field.taken(trial)) / trial.mailing.frozen + 0.1)
        field.ground.flush_redis()
        row.hits += 1
    finish(field, row, trial, 0)


# The SMTP server


@fault("SMTP server killed and started again", short=2, whole=20)
@fault("SMTP server killed and started again", short=0, whole=6, databases=("sqlite",))
def server_killed(field: Field, row: Row) -> None:
    trial = field.begin()
    for _ in range(2):
        field.reach(trial, len(field.taken(trial)) / trial.mailing.frozen + 0.1)
        field.receiver.kill()
        row.hits += 1
        rest(1.0)
        field.receiver.start()
    finish(field, row, trial, 2 * LANES * 2)


_SILENT = ("dropped", "hung")


def misbehaving(how: Behaviour, *, timeout: float = 0.0) -> Run:
    """The server misbehaves through the whole mailing; uncertain may be what it left without an answer after the dot."""

    def run(field: Field, row: Row) -> None:
        if timeout:
            field.replace_senders(KIT_SMTP_URL=f"{field.ground.smtp}&timeout={timeout:g}")
        trial = field.begin(400)
        field.receiver.behave(how)
        try:
            verdict_bound = _silent(field, trial)
        finally:
            field.receiver.behave(USUAL)
        row.hits += sum(event.kind in _SILENT or event.kind == "refused" for event in field.events(trial))
        row.hits += bool(how.slow > USUAL.slow)
        finish(field, row, trial, verdict_bound)
        if timeout:
            field.dismiss_senders()

    return run


def _silent(field: Field, trial: Trial) -> int:
    """See the mailing to its end; return how many messages the server has taken without a word."""
    until(lambda: trial.finished, f"{trial.mailing.name} is not finished", meanwhile=trial.nurse)
    return sum(event.kind in _SILENT for event in field.events(trial))


fault("SMTP server answers 421 at random", short=5, whole=40)(misbehaving(Behaviour(0.01, codes=((421, 0.05),))))
fault("SMTP server answers 4xx at random", short=5, whole=100)(misbehaving(Behaviour(0.01, codes=((451, 0.15),))))
fault("SMTP server answers 5xx at random", short=0, whole=50)(misbehaving(Behaviour(0.01, codes=((554, 0.05),))))
fault("SMTP server drops the connection after the dot at random", short=3, whole=40)(
    misbehaving(Behaviour(0.01, drop=0.02))
)
fault("SMTP server hangs after the dot", short=0, whole=6)(misbehaving(Behaviour(0.01, hang=0.02, hangs=3), timeout=3))
fault("SMTP server is slow", short=0, whole=2)(misbehaving(Behaviour(slow=0.2)))
