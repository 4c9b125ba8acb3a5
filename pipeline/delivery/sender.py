"""The loop: claim a batch, reserve a second of it, hand it to the transport, append what came of it, and again."""

from __future__ import annotations

import datetime as dt
import logging
import mmap
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from django.db import Error

from pipeline.delivery import breaker, fence, ledger, mailings, paces, results, takeover
from pipeline.delivery.bounces import records
from pipeline.delivery.breaker import Recent
from pipeline.delivery.envelope import Envelope
from pipeline.delivery.gate import LeaseGate
from pipeline.delivery.journal import Journal
from pipeline.delivery.ledger import Lease, LeaseLost, Result, Row
from pipeline.delivery.letters import HoleError, Letters, LettersError, Stationery
from pipeline.delivery.models import Mailing
from pipeline.delivery.retries import GIVE_UP
from pipeline.delivery.stride import Stride
from pipeline.delivery.throttle import Throttles
from pipeline.delivery.transports.base import Transport, TransportUnavailable

logger = logging.getLogger(__name__)


class StopFlag:
    """Set once, seen by this process and by every process forked from it (a pool's parent hears the signal, its children send)."""

    def __init__(self) -> None:
        self._byte = mmap.mmap(-1, 1)

    def set(self) -> None:
        self._byte[0] = 1

    def clear(self) -> None:
        self._byte[0] = 0

    def is_set(self) -> bool:
        return self._byte[0] == 1


stopping = StopFlag()
"""Set when the process is asked to stop: answers to dots already written are awaited, nothing else is begun."""

PATIENCE = 20.0
"""How long a stopping process waits for answers that are under way, in seconds."""
OUTAGE = dt.timedelta(seconds=60)
NEAR = dt.timedelta(seconds=6)
"""A batch that waits no longer than this is waited for: nobody would be woken for it."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What a sender works with: where journals stand, which installation this is, the way out, the time, and how it goes about it.

    ``recent``: what this process has just seen of each mailing; ``stride``: at what pace it sends.
    """

    journals: Path
    identity: str
    transport: Transport
    now: Callable[[], dt.datetime]
    throttles: Throttles = field(default_factory=Throttles)
    give_up: dt.timedelta = GIVE_UP
    stationery: Stationery = field(default_factory=Stationery)
    recent: dict[int, Recent] = field(default_factory=dict)
    stride: Stride = field(default_factory=Stride)


def run(desk: Desk, *, seconds: float, mailing: int | None = None) -> int:
    """Send for about ``seconds``; return how many messages were settled. Nothing is sent by an installation that is not armed.

    Raises:
        pipeline.delivery.fence.NotArmed: see there.
        django.db.Error: the database is away. What was sent stands in the journal, from which the next sender settles it.
    """
    fence.require(desk.identity)
    mailings.look_after(takeover.reclaim(desk.journals, now=desk.now(), everywhere=False), now=desk.now())
    shift = _Shift(desk, mailing)
    try:
        return shift.work(until=time.monotonic() + seconds)
    finally:
        shift.end()


def next_ready(desk: Desk, *, mailing: int | None = None) -> dt.datetime | None:
    """When there is something to send next that nobody is sending: the paces of destinations counted in. None: nothing is left."""
    now = desk.now()
    return ledger.next_ready(now=now, mailing=mailing, closed=paces.blocked(desk.throttles.limited(), now=now))


@dataclass(slots=True)
class _Shift:
    """Lease after lease, with one journal. ``holds``: a lease may be ours."""

    desk: Desk
    mailing: int | None
    journal: Journal = field(init=False)
    holds: bool = False
    settled: int = 0
    _known: dict[int, Mailing] = field(default_factory=dict)
    _filled: dict[int, Letters] = field(default_factory=dict)
    _lost: int = 0

    def __post_init__(self) -> None:
        self.journal = Journal(self.desk.journals)

    def work(self, *, until: float) -> int:
        while time.monotonic() < until and not stopping.is_set():
            # From before the claim: a commit whose answer is lost may leave a lease to be settled from the journal.
            self.holds = True
            lease = self._claim()
            if lease is not None:
                self._send(lease, until)
            self.holds = False
            if lease is None and not self._rest(until):
                break
        return self.settled

    def _claim(self) -> Lease | None:
        now = self.desk.now()
        rates = self.desk.throttles.limited()
        closed = paces.blocked(rates, now=now)
        reserve = self.desk.stride.rows
        return ledger.claim(
            self.journal.name, now=now, reserve=reserve, mailing=self.mailing, closed=closed, rates=rates
        )

    def _rest(self, until: float) -> bool:
        """Wait for a batch that may be claimed in a moment (its destination has a pace of its own); False where none is near."""
        now = self.desk.now()
        due = next_ready(self.desk, mailing=self.mailing)
        if due is None or due - now > NEAR:
            return False
        time.sleep(max(0.05, min((due - now).total_seconds(), until - time.monotonic())))
        return self.desk.now() > now  # a simulated clock stands still: whoever moves it comes again

    def end(self) -> None:
        self.journal.close(keep=self.holds)

    def _send(self, lease: Lease, until: float) -> None:
        """One lease, from claim to release. What the program itself gets wrong stops that mailing, and none of the others."""
        mailing = self._mailing(lease)
        try:
            self._carry_out(lease, mailing, until)
        except (Error, OSError):
            raise
        except Exception as error:
            mailings.alarm(
                mailing.name,
                f"Erreur du programme ({error!r}) : la signaler avec les lignes du journal, puis « kit resume ».",
            )
            raise

    def _carry_out(self, lease: Lease, mailing: Mailing, until: float) -> None:
        self.journal.lease(lease.batch, lease.number)
        gate = LeaseGate(lease, self.journal, mailing, stopping=stopping.is_set, now=self.desk.now, patience=PATIENCE)
        try:
            self._letters(mailing)
        except LettersError as error:
            mailings.alarm(mailing.name, f"{error}\nPuis « kit resume ».")
            ledger.release(lease, [])
            return
        rows, retry_at = self._permitted(lease, ledger.rows(lease, now=self.desk.now()))
        at = 0
        done: list[Result] = []
        try:
            while at < len(rows) and not gate.closed:
                size = self.desk.stride.rows
                chunk = [row for row in rows[at : at + size] if row.position <= lease.reserved]
                if not chunk:
                    if time.monotonic() >= until:
                        break
                    reserve_to = rows[min(at + size, len(rows)) - 1].position
                    ledger.advance(
                        lease, done, reserve_to=reserve_to, now=self.desk.now(), also=self._refused(mailing, gate, done)
                    )
                    done = self._settle(mailing, done)
                    continue
                started = time.monotonic()
                self._deliver(mailing, chunk, gate, done)
                at += len(chunk)
                self.desk.stride.learn(len(chunk), time.monotonic() - started, least=self.desk.transport.width)
            if gate.closed in ("journal", "database"):
                retry_at = self.desk.now() + OUTAGE
        except TransportUnavailable as error:
            logger.warning("mailing %s: %s", mailing.name, error)
            if not error.temporary:
                mailings.alarm(mailing.name, f"{error}\nCorriger le réglage, puis « kit resume ».")
            elif gate.closed != "stop":
                retry_at = self.desk.now() + OUTAGE
        except LeaseLost:
            logger.warning("mailing %s: the lease on batch %s is gone", mailing.name, lease.batch)
        try:
            ledger.release(lease, done, retry_at=retry_at, also=self._refused(mailing, gate, done))
        except LeaseLost:
            return  # whoever took over has read our journal
        self._settle(mailing, done)
        mailings.after_batch(mailing, now=self.desk.now())

    def _permitted(self, lease: Lease, rows: list[Row]) -> tuple[list[Row], dt.datetime | None]:
        """As many of the rows as their destination's pace allows now, and when the batch may be claimed again for the others."""
        rate = self.desk.throttles.rate(lease.destination) if lease.destination else 0.0
        if not rate or not rows:
            return rows, None
        permits = paces.take(lease.destination, rate, len(rows), now=self.desk.now())
        again = self.desk.now() + dt.timedelta(seconds=max(1.0, 1 / rate)) if permits < len(rows) else None
        return rows[:permits], again

    def _deliver(self, mailing: Mailing, chunk: Sequence[Row], gate: LeaseGate, done: list[Result]) -> None:
        """Hand the chunk's letters to the transport and add to ``done`` what each came to, even where an exception ends it."""
        gate.expect(chunk)
        for outcome in self.desk.transport.deliver(self._envelopes(mailing, chunk, gate, done), gate):
            gate.told(outcome)
            row = gate.row(outcome.key)
            if outcome.verdict != "withheld":
                result = results.of_outcome(row, outcome, now=self.desk.now(), give_up=self.desk.give_up)
                done.append(result)
                self._watch(mailing, result, gate)
            elif row.person in gate.suppressed:
                done.append(results.suppressed(row, now=self.desk.now()))
            elif row.person in gate.moved:
                done.append(results.moved(row, now=self.desk.now()))

    def _envelopes(
        self, mailing: Mailing, chunk: Sequence[Row], gate: LeaseGate, done: list[Result]
    ) -> Iterator[Envelope]:
        letters = self._letters(mailing)
        for row in chunk:
            if gate.closed:
                return
            if row.person in gate.suppressed:
                done.append(results.suppressed(row, now=self.desk.now()))
                continue
            if row.person in gate.moved:
                done.append(results.moved(row, now=self.desk.now()))
                continue
            try:
                yield letters.envelope(row)
            except HoleError:
                done.append(results.unwritable(row, now=self.desk.now()))

    def _refused(self, mailing: Mailing, gate: LeaseGate, done: Sequence[Result]) -> Callable[[], None] | None:
        """What follows, for the people concerned, from refusals among the results; None where there are none."""
        refusals = [records.Refusal.of(gate.row(one.position).person, one) for one in done if one.kind == "refused"]
        return (lambda: records.refused(mailing.pk, refusals, now=self.desk.now())) if refusals else None

    def _watch(self, mailing: Mailing, result: Result, gate: LeaseGate) -> None:
        """Begin nothing more where what came back may call for a person: the next commit decides (:meth:`_settle`)."""
        recent = self.desk.recent.get(mailing.pk, Recent())
        if result.kind == "sent" and not recent.run:
            return
        self.desk.recent[mailing.pk] = recent = recent.after([(result.kind, result.meaning)])
        self._lost += result.kind == "unknown"
        if breaker.alarming(recent) or breaker.too_many(self._lost, mailing.frozen):
            gate.stop()

    def _settle(self, mailing: Mailing, done: list[Result]) -> list[Result]:
        """What was done is in the database: forget it, and see whether it calls for a person. Returns an empty list to go on with."""
        self.settled += len(done)
        self.journal.cut()
        self._lost = 0
        if any(result.kind in ("unknown", "refused") for result in done) and mailings.stop_where_needed(
            mailing, self.desk.recent.get(mailing.pk, Recent())
        ):
            self.desk.recent.pop(mailing.pk, None)
        return []

    def _mailing(self, lease: Lease) -> Mailing:
        found = self._known.get(lease.mailing)
        if found is None:
            found = self._known[lease.mailing] = Mailing.objects.get(pk=lease.mailing)
        return found

    def _seconds(self) -> float:
        return self.desk.now().timestamp()

    def _letters(self, mailing: Mailing) -> Letters:
        found = self._filled.get(mailing.pk)
        if found is None:
            found = self._filled[mailing.pk] = Letters(mailing, self.desk.stationery, self._seconds)
        return found
