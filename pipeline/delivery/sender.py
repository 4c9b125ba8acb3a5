"""The loop: claim a batch, reserve a second of it, hand it to the transport, append what came of it, and again."""

from __future__ import annotations

import datetime as dt
import logging
import mmap
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.delivery import fence, ledger, mailings, results, takeover
from pipeline.delivery.envelope import Envelope
from pipeline.delivery.gate import LeaseGate
from pipeline.delivery.journal import Journal
from pipeline.delivery.ledger import Lease, LeaseLost, Result, Row
from pipeline.delivery.letters import HoleError, Letters
from pipeline.delivery.models import Mailing
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

SECOND = 0.8
"""How much sending one reservation is sized for, in seconds: a lost host leaves at most that much uncertain."""
FIRST, MOST = 64, 1000
"""Rows of the first reservation, before the pace is known, and of any."""
PATIENCE = 20.0
"""How long a stopping process waits for answers that are under way, in seconds."""
OUTAGE = dt.timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Desk:
    """What a sender works with: where journals stand, which installation this is, the way out, and the time."""

    journals: Path
    identity: str
    transport: Transport
    now: Callable[[], dt.datetime]


def run(desk: Desk, *, seconds: float, mailing: int | None = None) -> int:
    """Send for about ``seconds``; return how many messages were settled. Nothing is sent by an installation that is not armed.

    Raises:
        pipeline.delivery.fence.NotArmed: see there.
        django.db.Error: the database is away. What was sent stands in the journal, from which the next sender settles it.
    """
    fence.require(desk.identity)
    takeover.reclaim(desk.journals, now=desk.now(), everywhere=False)
    shift = _Shift(desk, mailing)
    try:
        return shift.work(until=time.monotonic() + seconds)
    finally:
        shift.end()


@dataclass(slots=True)
class _Shift:
    """Lease after lease, with one journal. ``size``: how many rows the next reservation takes; ``holds``: a lease may be ours."""

    desk: Desk
    mailing: int | None
    journal: Journal = field(init=False)
    size: int = FIRST
    holds: bool = False
    settled: int = 0
    _known: dict[int, Mailing] = field(default_factory=dict)
    _filled: dict[int, Letters] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.journal = Journal(self.desk.journals)

    def work(self, *, until: float) -> int:
        while time.monotonic() < until and not stopping.is_set():
            # From before the claim: a commit whose answer is lost may leave a lease to be settled from the journal.
            self.holds = True
            lease = ledger.claim(self.journal.name, now=self.desk.now(), reserve=self.size, mailing=self.mailing)
            if lease is None:
                self.holds = False
                break
            self._send(lease, until)
            self.holds = False
        return self.settled

    def end(self) -> None:
        self.journal.close(keep=self.holds)

    def _send(self, lease: Lease, until: float) -> None:
        """One lease, from claim to release."""
        mailing = self._mailing(lease)
        self.journal.lease(lease.batch, lease.number)
        gate = LeaseGate(lease, self.journal, mailing, stopping=stopping.is_set, now=self.desk.now, patience=PATIENCE)
        rows, at, retry_at = ledger.rows(lease, now=self.desk.now()), 0, None
        done: list[Result] = []
        try:
            while at < len(rows) and not gate.closed:
                chunk = [row for row in rows[at : at + self.size] if row.position <= lease.reserved]
                if not chunk:
                    if time.monotonic() >= until:
                        break
                    reserve_to = rows[min(at + self.size, len(rows)) - 1].position
                    ledger.advance(lease, done, reserve_to=reserve_to, now=self.desk.now())
                    done = self._settle(mailing, done)
                    continue
                started = time.monotonic()
                self._deliver(mailing, chunk, gate, done)
                at += len(chunk)
                self._learn(len(chunk), time.monotonic() - started)
            if gate.closed == "journal":
                retry_at = self.desk.now() + OUTAGE
        except TransportUnavailable as error:
            logger.warning("mailing %s: %s", mailing.name, error)
            retry_at = self.desk.now() + OUTAGE
        except LeaseLost:
            logger.warning("mailing %s: the lease on batch %s is gone", mailing.name, lease.batch)
        try:
            ledger.release(lease, done, now=self.desk.now(), retry_at=retry_at)
        except LeaseLost:
            return  # whoever took over has read our journal
        self._settle(mailing, done)
        mailings.after_batch(mailing, now=self.desk.now())

    def _deliver(self, mailing: Mailing, chunk: Sequence[Row], gate: LeaseGate, done: list[Result]) -> None:
        """Hand the chunk's letters to the transport and add to ``done`` what each came to, even where an exception ends it."""
        gate.expect(chunk)
        recent = mailings.Recent(mailing.frozen)
        for outcome in self.desk.transport.deliver(self._envelopes(mailing, chunk, gate, done), gate):
            gate.told(outcome)
            row = gate.row(outcome.key)
            if outcome.verdict != "withheld":
                result = results.of_outcome(row, outcome, now=self.desk.now())
                done.append(result)
                if recent.note(result):
                    gate.stop()
            elif row.person in gate.suppressed:
                done.append(results.suppressed(row, now=self.desk.now()))

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
            try:
                yield letters.envelope(row)
            except HoleError:
                done.append(results.unwritable(row, now=self.desk.now()))

    def _settle(self, mailing: Mailing, done: list[Result]) -> list[Result]:
        """What was done is in the database: forget it, and see whether it calls for a person. Returns an empty list to go on with."""
        self.settled += len(done)
        self.journal.cut()
        mailings.stop_where_needed(mailing, done)
        return []

    def _learn(self, count: int, seconds: float) -> None:
        """Size the next reservation by the pace just seen."""
        pace = count / max(seconds, 0.001)
        self.size = max(1, min(MOST, int(pace * SECOND), self.size * 4))

    def _mailing(self, lease: Lease) -> Mailing:
        found = self._known.get(lease.mailing)
        if found is None:
            found = self._known[lease.mailing] = Mailing.objects.get(pk=lease.mailing)
        return found

    def _letters(self, mailing: Mailing) -> Letters:
        found = self._filled.get(mailing.pk)
        if found is None:
            found = self._filled[mailing.pk] = Letters(mailing)
        return found
