"""Mailings under fault: frozen, woken through Redis, nursed until they are done, and judged by the receiving server's own record."""

from __future__ import annotations

import contextlib
import datetime as dt
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

from django.core.management import call_command
from django.db import Error, connection, transaction
from django.db.models import Sum
from kombu.exceptions import OperationalError

from pipeline.audience import evidence, selection
from pipeline.audience.models import Person, Status, Subscription
from pipeline.audience.selection import Choices
from pipeline.broker import app, wake
from pipeline.compose.message import Compiled, Hole, message_id
from pipeline.delivery import fence, freezing, ledger, mailings
from pipeline.delivery.models import Attempt, Batch, Mailing, Recipient
from pipeline.release import revisions, wiring
from pipeline.release.audit import SYSTEM
from tests.factories import write_season
from tests.faults.ground import Ground, Worker, until
from tests.faults.receiver import Behaviour, Event

SEASON = "essai"
CROWD = 2000
"""How many people there are; a mailing goes to the first of them."""
BATCH = 100
"""Rows of a batch: a tenth of the usual, so that a short mailing has many."""
LANES = 4
"""Connections of a process: what may be uncertain after its death."""
PULSE = 1.0
"""Seconds between two ticks. Beat's minute is shortened: the suite sends the task itself, through Redis, to the worker of its queue."""
USUAL = Behaviour(slow=0.02)
_LONG_AGO = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
_SETTLED = {"unknown", "refused", "suppressed", "cancelled"}
_COMPILED = Compiled(
    (
        b"From: essai@essai.org\r\nTo: ", Hole("to", "address"), b"\r\nSubject: essai\r\nMessage-ID: ", Hole("message_id", "token"),
        b"\r\nList-Unsubscribe: <", Hole("list_unsubscribe", "url"), b">\r\n\r\n" + b"Bonjour.\r\n" * 1000,
    ),
    "essai",
)  # fmt: skip


@dataclass(frozen=True)
class Verdict:
    """What one mailing came to. ``contradicted``: people of whom the ledger says something else than the record, and sums that do
    not add up."""

    lost: int
    duplicated: int
    unknown: int
    contradicted: int


@dataclass
class Trial:
    """One mailing. ``since``: where its part of the record begins; ``people``: Message-ID → position, address → position."""

    mailing: Mailing
    since: int
    by_id: dict[str, int]
    by_address: dict[str, int]
    resumed: int = 0
    held: bool = False
    _nursed: float = field(default=0.0, repr=False)

    @property
    def state(self) -> str:
        """The mailing's state; empty while the database is away."""
        try:
            self.mailing.refresh_from_db(fields=["state", "finished_at"])
        except Error:
            connection.close()
            return ""
        return str(self.mailing.state)

    @property
    def finished(self) -> bool:
        return self.state in ("done", "cancelled") and self.mailing.finished_at is not None

    def nurse(self) -> None:
        """What a person and time would do: go on after a stop (unless ``held``), and let every wait be over."""
        if time.monotonic() - self._nursed < 0.3:
            return
        self._nursed = time.monotonic()
        try:
            if not self.held:
                self.resumed += mailings.resume(self.mailing.name)
            ours = Attempt.objects.filter(mailing=self.mailing, kind="deferred")
            ours.exclude(due_at=_LONG_AGO).update(due_at=_LONG_AGO)
            Batch.objects.filter(mailing=self.mailing, state="waiting").update(due_at=_LONG_AGO)
        except Error:
            connection.close()  # away: the next time

    def leased(self) -> list[Batch]:
        return list(Batch.objects.filter(mailing=self.mailing, state=Batch.State.LEASED))

    def open(self) -> int:
        """How many batches are not done."""
        return Batch.objects.filter(mailing=self.mailing).exclude(state=Batch.State.DONE).count()

    def reserved(self) -> int:
        """Rows that are reserved and not settled now."""
        held = self.leased()
        rows = sum(batch.reserved_to - batch.first + 1 for batch in held)
        return rows - sum(sum(getattr(batch, kind) for kind in ledger.KINDS) for batch in held)


class Field:
    """The ground with an installation on it: people, a season, the transactional worker, ticks."""

    def __init__(self, ground: Ground) -> None:
        self.ground, self.receiver = ground, ground.receiver
        self._numbers = iter(range(1, 10_000))
        self.ticks = 1
        self._stopped = threading.Event()
        self._pulse = threading.Thread(target=self._beat, daemon=True)
        self._senders: Worker | None = None
        call_command("migrate", verbosity=0)
        write_season(ground.folder)
        read = revisions.read(ground.folder / "schedules", ground.folder / "fiches")
        now = dt.datetime.now(dt.UTC)
        revisions.apply(revisions.plan(read), actor=SYSTEM, now=now)
        fence.arm_if_new(wiring.identity(), now=now)
        self._enrol(now)
        freezing.BATCH = BATCH
        self.receiver.behave(USUAL)
        self.post = ground.start("courrier")
        self._pulse.start()

    @property
    def senders(self) -> Worker:
        """The bulk worker, started where none runs."""
        if self._senders is None:
            self._senders = self.ground.senders()
        return self._senders

    def replace_senders(self, **changes: str) -> Worker:
        """Another bulk worker, under a changed environment; the former one is killed once it has nothing to do."""
        self.dismiss_senders()
        self._senders = self.ground.senders(**changes)
        return self._senders

    def dismiss_senders(self) -> None:
        if self._senders is not None:
            self.ground.stop(self._senders)
            self._senders = None

    def forget_senders(self) -> None:
        """They are gone already."""
        if self._senders is not None:
            self.ground.workers.remove(self._senders)
            self._senders = None

    def deaths(self) -> list[str]:
        """The workers whose main process has ended by itself since the last time; they are started again, as `kit serve` does."""
        dead = []
        if self._senders is not None and self._senders.process.poll() is not None:
            dead.append("envois")
            self.forget_senders()
        if self.post.process.poll() is not None:
            dead.append("courrier")
            self.ground.workers.remove(self.post)
            self.post = self.ground.start("courrier")
        return dead

    def begin(self, people: int = 800) -> Trial:
        """Freeze a mailing for ``people`` people and wake the senders, as a release does."""
        _ = self.senders
        now = dt.datetime.now(dt.UTC)
        draft = freezing.Draft(
            name=f"essai-{next(self._numbers)}", season=SEASON, kind="release", subject="essai", sender="essai@essai.org",
            domain="essai.org", base_url=self.ground.environ["KIT_BASE_URL"], compiled=_COMPILED.dump(),
        )  # fmt: skip
        since = len(self.receiver.record.refresh())
        crowd = selection.active(SEASON, Choices(("tout",)), cutoff=now)
        last = crowd.values_list("person_id", flat=True)[people - 1]
        with transaction.atomic():
            mailing = freezing.freeze(draft, crowd.filter(person_id__lte=last), now=now, throttles=wiring.throttles())
        rows = list(Recipient.objects.filter(mailing=mailing).values_list("position", "public_id", "address"))
        by_id = {message_id(draft.name, str(public_id), draft.domain): position for position, public_id, _ in rows}
        for _ in range(2):
            wake("pipeline.tasks.send", "bulk")
        return Trial(mailing, since, by_id, {address: position for position, _, address in rows})

    def events(self, trial: Trial) -> list[Event]:
        """What the server has seen since the mailing was frozen."""
        return self.receiver.record.refresh()[trial.since :]

    def taken(self, trial: Trial) -> list[Event]:
        """The accepted messages of this mailing."""
        return [event for event in self.events(trial) if event.kind == "took" and event.second in trial.by_id]

    def reach(self, trial: Trial, share: float) -> None:
        """Wait until that share of the people was sent to (or the mailing is over)."""
        wanted = share * trial.mailing.frozen
        until(
            lambda: len(self.taken(trial)) >= wanted or trial.finished,
            f"only {len(self.taken(trial))} of {trial.mailing.frozen} are sent",
            meanwhile=trial.nurse,
        )

    def finish(self, trial: Trial) -> Verdict:
        """Nurse the mailing until it is done, and judge it."""
        until(lambda: trial.finished, f"{trial.mailing.name} is not finished", meanwhile=trial.nurse)
        return self.judge(trial)

    def judge(self, trial: Trial) -> Verdict:
        told: dict[int, str] = {}
        attempts = Attempt.objects.filter(mailing=trial.mailing).order_by("number")
        for position, kind in attempts.values_list("position", "kind"):
            told[position] = kind
        got = Counter(trial.by_id[event.second] for event in self.taken(trial))
        everybody = range(1, trial.mailing.frozen + 1)
        return Verdict(
            lost=sum(not got[position] and told.get(position) not in _SETTLED for position in everybody),
            duplicated=sum(count > 1 for count in got.values()),
            unknown=sum(kind == "unknown" for kind in told.values()),
            contradicted=sum(told.get(position) not in ("sent", "unknown") for position in got)
            + self._miscounted(trial, told),
        )

    @staticmethod
    def uncertain(trial: Trial) -> str:
        """Why messages are uncertain, and which: the words of the attempts, with their batches' positions."""
        found = Attempt.objects.filter(mailing=trial.mailing, kind="unknown").order_by("at", "position")
        return "; ".join(
            f"{at:%S.%f} {position} {text}" for at, position, text in found.values_list("at", "position", "text")
        )

    def end(self) -> int:
        """Stop the ticks; return how many people got one mailing twice, looking through the whole record."""
        self._stopped.set()
        self._pulse.join()
        took = Counter(event.second for event in self.receiver.record.refresh() if event.kind == "took")
        return sum(count > 1 for count in took.values())

    @staticmethod
    def _miscounted(trial: Trial, told: dict[int, str]) -> int:
        """How far the batches' counts are from what the attempts say."""
        sums = Batch.objects.filter(mailing=trial.mailing).aggregate(
            **{f"n_{kind}": Sum(kind) for kind in ledger.KINDS}
        )
        counted = Counter(told.values())
        return sum(abs(sums[f"n_{kind}"] - counted[kind]) for kind in ledger.KINDS)

    def _beat(self) -> None:
        while not self._stopped.wait(PULSE):
            for _ in range(self.ticks):
                with contextlib.suppress(OperationalError, OSError):
                    app.send_task("pipeline.tasks.tick", queue="transactional", retry=False)

    @staticmethod
    def _enrol(now: dt.datetime) -> None:
        names = [f"p{n}@example.org" for n in range(1, CROWD + 1)]
        people = Person.objects.bulk_create(
            Person(email=name, key=name, ledger_key=evidence.new_key(), created_at=now) for name in names
        )
        Subscription.objects.bulk_create(
            Subscription(person=person, season=SEASON, choice="tout", status=Status.ACTIVE, since=now)
            for person in people
        )
