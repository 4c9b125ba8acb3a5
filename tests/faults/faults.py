"""Each fault: what is done to a mailing while it goes out, and how many messages it may leave uncertain."""

from __future__ import annotations

import datetime as dt
import os
import random
import resource
import signal
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass

from pipeline.audience import tokens
from pipeline.audience.models import Person
from pipeline.delivery import mailings
from pipeline.delivery.models import Batch
from tests.faults.ground import Never, Postgres, until
from tests.faults.points import POINTS
from tests.faults.receiver import Behaviour
from tests.faults.trials import LANES, SEASON, USUAL, Field, Trial

BOTH = ("postgresql", "sqlite")


@dataclass
class Row:
    """A line of the table. ``hits``: how often the fault struck; ``bound``: how many ``unknown`` it may leave, ``beyond``: how many
    more than that there were, counted for each mailing; ``contradicted``: see :class:`tests.faults.trials.Verdict`."""

    fault: str
    database: str
    runs: int = 0
    hits: int = 0
    lost: int = 0
    duplicated: int = 0
    unknown: int = 0
    bound: int = 0
    beyond: int = 0
    contradicted: int = 0
    resumed: int = 0
    seconds: float = 0.0
    failure: str = ""

    @property
    def good(self) -> bool:
        return self.hits > 0 and not (
            self.lost or self.duplicated or self.beyond or self.contradicted or self.failure
        )

    def as_dict(self) -> dict[str, object]:
        return asdict(self) | {"good": self.good}


@dataclass(frozen=True)
class Fault:
    """``short`` and ``whole``: how many hits the two forms want, on each of ``databases``; 0 leaves it out."""

    name: str
    run: Callable[[Field, Row], None]
    short: int
    whole: int
    databases: tuple[str, ...]


FAULTS: list[Fault] = []


def fault(
    name: str, *, short: int, whole: int, databases: tuple[str, ...] = ("postgresql",)
) -> Callable[[Callable[[Field, Row], None]], Callable[[Field, Row], None]]:
    """Enter a function into the table: it does one run, and counts its hits."""

    def entered(run: Callable[[Field, Row], None]) -> Callable[[Field, Row], None]:
        FAULTS.append(Fault(name, run, short, whole, databases))
        return run

    return entered


def carry_out(chosen: Fault, field: Field, wanted: int) -> Row:
    """Run a fault until it has struck ``wanted`` times. What fails is told in the row, and what runs is started anew."""
    row = Row(chosen.name, field.ground.kind)
    began = time.monotonic()
    try:
        while row.hits < wanted and row.runs < 3 * wanted:
            row.runs += 1
            chosen.run(field, row)
    except (Never, OSError, AssertionError) as error:
        row.failure = f"{type(error).__name__}: {error} ({field.ground.diagnose()})"
        time.sleep(0.5)
        field.dismiss_senders()
    for name in field.deaths():
        row.failure = f"{row.failure} the worker {name} has ended by itself".strip()
    row.seconds = time.monotonic() - began
    return row


def finish(field: Field, row: Row, trial: Trial, bound: int) -> None:
    """See the mailing to its end and add what became of it to the row."""
    verdict = field.finish(trial)
    row.lost += verdict.lost
    row.duplicated += verdict.duplicated
    row.unknown += verdict.unknown
    row.contradicted += verdict.contradicted
    row.bound += bound
    row.beyond += max(0, verdict.unknown - bound)
    row.resumed += trial.resumed


def rest(most: float) -> None:
    """Let something happen."""
    time.sleep(random.uniform(0.05, most))


# A process dies


@fault("worker's child killed at a random instant", short=12, whole=200)
@fault("worker's child killed at a random instant", short=6, whole=20, databases=("sqlite",))
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


def killed_at(points: list[str], *, counted: str = "") -> Callable[[Field, Row], None]:
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
for _database, _short, _whole in (("postgresql", len(POINTS), 0), ("sqlite", len(POINTS), 4 * len(POINTS))):
    fault("killed at each named point", short=_short, whole=_whole, databases=(_database,))(killed_at(list(POINTS)))


def stopped_at(point: str) -> Callable[[Field, Row], None]:
    def run(field: Field, row: Row) -> None:
        field.replace_senders(CHAOS_LEASE="8", CHAOS_MARGIN="1.5")
        trial, ground = field.begin(), field.ground
        ground.arm([point], act="stop")
        until(lambda: ground.hits() or trial.finished, "nobody was stopped", meanwhile=trial.nurse)
        for _, asleep in ground.hits():
            until(lambda pid=asleep: not _holds(trial, pid), "nobody took over", meanwhile=trial.nurse)
            os.kill(asleep, signal.SIGCONT)
            row.hits += 1
        ground.arm(())
        finish(field, row, trial, LANES * len(ground.hits()) + LANES)
        field.dismiss_senders()

    return run


def _holds(trial: Trial, pid: int) -> bool:
    return any(batch.holder.startswith(f"{pid}-") for batch in trial.leased())


for _point in ("claimed", "asked", "intent", "half", "dot", "reply"):
    fault(f"stopped past its lease {POINTS[_point]}", short=int(_point in ("asked", "half")), whole=2)(stopped_at(_point))


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


# The database


def _database(field: Field) -> Postgres:
    assert field.ground.postgres is not None
    return field.ground.postgres


def unreachable(order: str, seconds: float) -> Callable[[Field, Row], None]:
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
fault("database cut off for 1 s while SMTP works", short=2, whole=4)(unreachable("cut", 1))
fault("database silent for 5 s while SMTP works", short=0, whole=4)(unreachable("freeze", 5))


@fault("PostgreSQL crashes and recovers", short=1, whole=6)
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


@fault("Redis flushed", short=3, whole=12)
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
    for _ in range(4):
        field.reach(trial, len(field.taken(trial)) / trial.mailing.frozen + 0.05)
        field.receiver.kill()
        row.hits += 1
        rest(1.0)
        field.receiver.start()
    finish(field, row, trial, 2 * LANES * 4)


def misbehaving(how: Behaviour, *, timeout: float = 0.0) -> Callable[[Field, Row], None]:
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
        row.hits += sum(event.kind in ("dropped", "hung") or event.kind == "said" and event.first != "250" for event in field.events(trial))
        row.hits += bool(how.slow > USUAL.slow)
        finish(field, row, trial, verdict_bound)
        if timeout:
            field.dismiss_senders()

    return run


def _silent(field: Field, trial: Trial) -> int:
    """See the mailing to its end; return how many messages the server has taken without a word."""
    until(lambda: trial.finished, f"{trial.mailing.name} is not finished", meanwhile=trial.nurse)
    return sum(event.kind in ("dropped", "hung") for event in field.events(trial))


fault("SMTP server answers 421 at random", short=5, whole=40)(misbehaving(Behaviour(0.01, codes=((421, 0.05),))))
fault("SMTP server answers 4xx at random", short=5, whole=100)(misbehaving(Behaviour(0.01, codes=((451, 0.15),))))
fault("SMTP server answers 5xx at random", short=0, whole=50)(misbehaving(Behaviour(0.01, codes=((554, 0.05),))))
fault("SMTP server drops the connection after the dot at random", short=3, whole=40)(misbehaving(Behaviour(0.01, drop=0.02)))
fault("SMTP server hangs after the dot", short=0, whole=6)(misbehaving(Behaviour(0.01, hang=0.02, hangs=3), timeout=3))
fault("SMTP server is slow", short=0, whole=2)(misbehaving(Behaviour(slow=0.2)))


# The machine


@fault("disk full for the journal", short=1, whole=6)
def disk_full(field: Field, row: Row) -> None:
    """The kernel itself refuses: no file of the process may grow beyond a limit, the last write is cut short."""
    field.replace_senders()
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


def jumped(seconds: float) -> Callable[[Field, Row], None]:
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


@fault("two schedulers, every tick twice", short=0, whole=1)
def two_schedulers(field: Field, row: Row) -> None:
    beats = [field.ground.start("calendrier") for _ in range(2)]
    field.ticks = 2
    try:
        finish(field, row, field.begin(1600), 0)
        row.hits += 1
    finally:
        field.ticks = 1
        field.ground.stop(*beats)


# People


@fault("people leave by the web while it goes out", short=10, whole=60)
def people_leave(field: Field, row: Row) -> None:
    """No MAIL FROM after the commit: none that follows a reply which the server gave on that connection after the page's 200."""
    web = field.ground.start("web")
    base = field.ground.environ["KIT_BASE_URL"]
    until(lambda: _answers(base), "no site")
    trial = field.begin()
    field.reach(trial, 0.1)
    left: dict[str, float] = {}
    for _ in range(20):
        met = {event.first for event in field.events(trial) if event.kind == "rcpt"}
        waiting = [address for address in trial.by_address if address not in met and address not in left]
        if not waiting or trial.finished:
            break
        address = random.choice(waiting)
        token = tokens.make("unsubscribe", SEASON, Person.objects.get(email=address).public_id)
        request = urllib.request.Request(f"{base}/desabonnement/{token}/", data=b"List-Unsubscribe=One-Click")
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert answer.status == 200
        left[address] = time.monotonic()
        row.hits += 1
    finish(field, row, trial, 0)
    row.contradicted += _written_to_after(field, trial, left)
    field.ground.stop(web)


def _answers(base: str) -> bool:
    try:
        with urllib.request.urlopen(base, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _written_to_after(field: Field, trial: Trial, left: dict[str, float]) -> int:
    """How many were written to although the sender had heard from the server, and so had to ask, since they left."""
    replied: dict[str, float] = {}
    late = 0
    for event in field.events(trial):
        address = event.first if event.kind in ("rcpt", "took") else ""
        if address in left and replied.get(event.connection, 0.0) > left[address]:
            late += 1
        if event.kind == "data":
            replied[event.connection] = event.at
    return late


@fault("paused and resumed", short=2, whole=12)
def paused(field: Field, row: Row) -> None:
    """After the pause is acknowledged, at most one message per connection is accepted."""
    trial = field.begin()
    for _ in range(3):
        field.reach(trial, len(field.taken(trial)) / trial.mailing.frozen + 0.1)
        trial.held = True
        if not mailings.pause(trial.mailing.name, "essai"):
            trial.held = False
            break
        at = time.monotonic()
        row.hits += 1
        until(lambda: not trial.leased(), "the senders go on")
        late = Counter(event.connection for event in field.taken(trial) if event.at > at)
        row.contradicted += sum(count - 1 for count in late.values())
        trial.held = False
    finish(field, row, trial, 0)


@fault("cancelled while it goes out", short=1, whole=4)
def cancelled(field: Field, row: Row) -> None:
    trial = field.begin()
    field.reach(trial, random.uniform(0.1, 0.5))
    mailings.cancel(trial.mailing.name, "essai", now=dt.datetime.now(dt.UTC))
    row.hits += 1
    finish(field, row, trial, 0)
