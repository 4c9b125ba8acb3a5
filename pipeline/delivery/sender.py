"""The loop: claim a batch, reserve a second of it, hand it to the transport, append what came of it, and again."""

from __future__ import annotations

import datetime as dt
import logging
import mmap
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from pipeline.audience import selection
from pipeline.audience.tokens import Maker
from pipeline.clock import boot_time
from pipeline.compose.message import Compiled, load, message_id
from pipeline.delivery import fence, ledger, mailings
from pipeline.delivery.envelope import Envelope, Outcome
from pipeline.delivery.journal import Journal
from pipeline.delivery.ledger import Lease, LeaseLost, Row
from pipeline.delivery.models import Attempt, Mailing
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
"""Set when the process is asked to stop: the message under way is finished, no other is begun."""

SECOND = 0.8
"""How much sending one reservation is sized for, in seconds: a lost host leaves at most that much uncertain."""
PATIENCE = 10.0
"""How long a stopping process waits for an answer that is under way, in seconds."""
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
    """
    fence.require(desk.identity)
    settled = 0
    journal = Journal(desk.journals)
    try:
        end = time.monotonic() + seconds
        while time.monotonic() < end and not stopping.is_set():
            lease = ledger.claim(journal.name, now=desk.now(), mailing=mailing)
            if lease is None:
                break
            settled += _Round(desk, journal, lease).send(until=end)
    finally:
        # Closed also when an exception flies: a lease still held is then settled from the database alone, so keep the file.
        if ledger.holds_nothing(journal.name):
            journal.close()
    return settled


@dataclass(slots=True)
class _Round:
    """One lease, from claim to release."""

    desk: Desk
    journal: Journal
    lease: Lease
    rows: dict[int, Row] = field(default_factory=dict)
    done: list[Attempt] = field(default_factory=list)
    settled: int = 0

    def send(self, *, until: float) -> int:
        mailing = Mailing.objects.get(pk=self.lease.mailing)
        self.journal.lease(self.lease.batch, self.lease.number)
        queue = ledger.rows(self.lease, now=self.desk.now())
        letters = _Letters(mailing)
        gate = _LeaseGate(self, mailing)
        size, retry_at, at = 64, None, 0
        try:
            while at < len(queue) and time.monotonic() < until and not stopping.is_set():
                chunk = queue[at : at + size]
                ledger.advance(self.lease, self.done, reserve_to=chunk[-1].position, now=self.desk.now())
                self._settled()
                started = time.monotonic()
                self._deliver(chunk, letters, gate)
                at += len(chunk)
                pace = len(chunk) / max(time.monotonic() - started, 0.001)
                size = max(1, min(500, int(pace * SECOND), size * 4))
                if mailings.should_stop(mailing, self.done):
                    break
        except TransportUnavailable as error:
            logger.warning("mailing %s: %s", mailing.name, error)
            retry_at = self.desk.now() + OUTAGE
        except LeaseLost:
            logger.warning("mailing %s: the lease on batch %s is gone", mailing.name, self.lease.batch)
        try:
            ledger.release(self.lease, self.done, now=self.desk.now(), retry_at=retry_at)
        except LeaseLost:
            return self.settled  # whoever took over has read our journal
        self._settled()
        mailings.after_batch(mailing, now=self.desk.now())
        return self.settled

    def _deliver(self, chunk: Sequence[Row], letters: _Letters, gate: _LeaseGate) -> None:
        self.rows = {row.position: row for row in chunk}
        for outcome in self.desk.transport.deliver((letters.envelope(row) for row in chunk), gate):
            self.journal.outcome(outcome)
            row = self.rows[outcome.key]
            if outcome.verdict != "withheld":
                self.done.append(ledger.attempt(self.lease, row, outcome, now=self.desk.now()))
            elif row.person in gate.suppressed:
                told = Outcome(row.position, "unknown", 0, "", "désinscription avant l’envoi")
                line = ledger.attempt(self.lease, row, told, now=self.desk.now())
                line.kind = Attempt.Kind.SUPPRESSED
                self.done.append(line)

    def _settled(self) -> None:
        self.settled += len(self.done)
        self.done = []
        self.journal.cut()


class _Letters:
    """Fills the compiled message for one person after the other."""

    def __init__(self, mailing: Mailing) -> None:
        self._mailing = mailing
        self._compiled: Compiled = load(bytes(mailing.compiled))
        self._unsubscribe = Maker("unsubscribe", mailing.season)
        self._preferences = Maker("preferences", mailing.season)

    def envelope(self, row: Row) -> Envelope:
        base, person = self._mailing.base_url, UUID(row.public_id)
        leave = f"{base}/desabonnement/{self._unsubscribe.make(person)}/"
        values = {
            "to": row.address,
            "message_id": message_id(self._mailing.name, row.public_id, self._mailing.domain),
            "list_unsubscribe": leave,
            "unsubscribe_url": leave,
            "preferences_url": f"{base}/preferences/{self._preferences.make(person)}/",
        }
        return Envelope(row.position, self._mailing.sender, row.address, self._compiled.render(values))


class _LeaseGate:
    """What stands between a message and the wire: the lease, the suppressions, a stop."""

    def __init__(self, round_: _Round, mailing: Mailing) -> None:
        self._round = round_
        self._season = mailing.season
        self._sequence = mailing.suppressions
        self._stop_at: float | None = None
        self.suppressed: set[int] = set()
        self._read()

    def before_mail(self, envelopes: Sequence[Envelope]) -> Sequence[bool]:
        self._check()
        self._read()
        return [self._wanted(envelope) for envelope in envelopes]

    def still_wanted(self, envelope: Envelope) -> bool:
        return self._round.lease.safe and not stopping.is_set() and self._wanted(envelope)

    def intent(self, envelope: Envelope) -> None:
        self._round.journal.intent(envelope.key)

    def before_dot(self, envelope: Envelope) -> bool:
        self._read()
        return self._round.lease.safe and self._wanted(envelope)

    def waiting(self) -> bool:
        if stopping.is_set():
            self._stop_at = self._stop_at or boot_time()
            return boot_time() < self._stop_at + PATIENCE
        if self._round.lease.until - boot_time() < ledger.LEASE - 3:
            ledger.renew(self._round.lease, now=self._round.desk.now())
        return True

    def _check(self) -> None:
        if not self._round.lease.safe:
            raise LeaseLost

    def _read(self) -> None:
        if not selection.changed_since(self._sequence):
            return
        self._sequence, people = selection.suppressed_since(self._sequence, self._season)
        self.suppressed |= people

    def _wanted(self, envelope: Envelope) -> bool:
        return self._round.rows[envelope.key].person not in self.suppressed
