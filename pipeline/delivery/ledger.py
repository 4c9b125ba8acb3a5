"""Leases on batches, reservations, appended attempts. Every write names its lease: a late holder changes nothing.

The protocol, for one batch: :func:`claim` → :func:`advance` (reserve at most a second of rows, durably, and append what the
last second came to) → … → :func:`release`. A batch whose holder died is taken over by :func:`reclaim`, which settles what
its journal can tell; only reserved rows that nothing settles become ``unknown``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from django.db import models, transaction
from django.db.models import F, Q

from pipeline.clock import boot_id, boot_time
from pipeline.delivery import journal
from pipeline.delivery.envelope import Outcome
from pipeline.delivery.models import Attempt, Batch, Mailing, Recipient

LEASE = 30.0
"""Seconds a lease lasts without renewal."""
MARGIN = 5.0
"""Seconds before its end in which a holder writes nothing any more, and after it in which nobody takes over."""
RETRIES = tuple(dt.timedelta(minutes=m) for m in (5, 15, 30, 60, 120, 240, 480, 960, 1440))
GIVE_UP = dt.timedelta(hours=72)

FINAL = (
    Attempt.Kind.SENT,
    Attempt.Kind.REFUSED,
    Attempt.Kind.SUPPRESSED,
    Attempt.Kind.CANCELLED,
    Attempt.Kind.UNKNOWN,
)


class LeaseLost(Exception):
    """The batch is no longer ours, or its mailing was paused or cancelled: write nothing more for it."""


@dataclass(slots=True)
class Lease:
    """A batch in our hands. ``until`` is the end on CLOCK_BOOTTIME, as known to be in the database."""

    batch: int
    mailing: int
    first: int
    last: int
    number: int
    until: float

    @property
    def safe(self) -> bool:
        """True while nobody else can have taken over."""
        return boot_time() < self.until - MARGIN


@dataclass(frozen=True, slots=True)
class Row:
    """A message still to be tried: its place on the list, to whom, and the number of the attempt to come."""

    position: int
    person: int
    public_id: str
    address: str
    number: int
    first_try: dt.datetime | None


def claim(holder: str, *, now: dt.datetime, mailing: int | None = None) -> Lease | None:
    """Take the next open batch of a mailing that is being sent; None where there is none.

    A batch is taken by one conditional UPDATE: of two claimers one changes a row, the other none.
    """
    ready = Batch.objects.filter(mailing__state=Mailing.State.SENDING).filter(
        Q(state=Batch.State.OPEN) | Q(state=Batch.State.WAITING, due_at__lte=now)
    )
    if mailing is not None:
        ready = ready.filter(mailing=mailing)
    for batch in ready.order_by("mailing_id", "first")[:8]:
        until = boot_time() + LEASE
        taken = Batch.objects.filter(pk=batch.pk, lease=batch.lease, state=batch.state).update(
            state=Batch.State.LEASED,
            lease=batch.lease + 1,
            holder=holder,
            boot=boot_id(),
            boot_until=until,
            until=now + dt.timedelta(seconds=LEASE),
            reserved_to=batch.first - 1 if batch.first else 0,
        )
        if taken:
            return Lease(batch.pk, batch.mailing_id, batch.first, batch.last, batch.lease + 1, until)
    return None


def rows(lease: Lease, *, now: dt.datetime) -> list[Row]:
    """The messages of the batch that may be tried now: never tried, or deferred and due."""
    return _rows(lease.mailing, lease.first, lease.last, due=now)


def unsettled_rows(batch: Batch) -> list[Row]:
    """Every message of the batch that no attempt has settled for good."""
    return _rows(batch.mailing_id, batch.first, batch.last, due=None)


def advance(lease: Lease, outcomes: Sequence[Attempt], *, reserve_to: int, now: dt.datetime) -> None:
    """Append what happened, reserve rows up to ``reserve_to``, and renew the lease: one transaction, durable on return.

    Raises:
        LeaseLost: nothing was written.
    """
    until = boot_time() + LEASE
    with transaction.atomic():
        changed = Batch.objects.filter(
            pk=lease.batch, lease=lease.number, state=Batch.State.LEASED, mailing__state=Mailing.State.SENDING
        ).update(reserved_to=reserve_to, boot_until=until, until=now + dt.timedelta(seconds=LEASE))
        if not changed:
            raise LeaseLost
        Attempt.objects.bulk_create(outcomes, batch_size=500)
    lease.until = until


def renew(lease: Lease, *, now: dt.datetime) -> None:
    """Renew the lease alone, as long as the batch is ours. Raises :class:`LeaseLost`."""
    until = boot_time() + LEASE
    mine = Batch.objects.filter(pk=lease.batch, lease=lease.number, state=Batch.State.LEASED)
    if not mine.update(boot_until=until, until=now + dt.timedelta(seconds=LEASE)):
        raise LeaseLost
    lease.until = until


def release(
    lease: Lease, outcomes: Sequence[Attempt], *, now: dt.datetime, retry_at: dt.datetime | None = None
) -> None:
    """Append what happened and give the batch back: open, waiting for its earliest retry, or done.

    ``retry_at`` keeps everybody away from the batch until then (the server cannot be reached).

    Raises:
        LeaseLost: somebody else has the batch; nothing was written.
    """
    with transaction.atomic():
        batch = (
            Batch.objects.select_for_update()
            .filter(pk=lease.batch, lease=lease.number, state=Batch.State.LEASED)
            .first()
        )
        if batch is None:
            raise LeaseLost
        Attempt.objects.bulk_create(outcomes, batch_size=500)
        _give_back(batch, retry_at)


def reclaim(folder: Path, *, now: dt.datetime) -> list[int]:
    """Take back the batches of dead holders; return their mailings.

    On this boot, a free lock on the holder's journal proves its death: what the journal settles is appended, an intent without
    outcome is ``unknown``, the rest is open again. A holder that lives, but let its lease lapse, writes nothing any more;
    its intents are told by the same journal. Without a journal (another host, another boot) what was reserved is ``unknown``.
    """
    taken: list[int] = []
    for batch in Batch.objects.filter(state=Batch.State.LEASED).select_related("mailing"):
        dead = journal.is_dead(folder, batch.holder)
        ours = batch.boot == boot_id()
        if ours and dead:
            lapsed = True
        elif ours:
            lapsed = boot_time() > batch.boot_until + MARGIN
        else:
            lapsed = batch.until is None or now > batch.until + dt.timedelta(seconds=LEASE + MARGIN)
        if lapsed and _settle(batch, folder, now):
            taken.append(batch.mailing_id)
    journal.sweep(folder, Batch.objects.filter(state=Batch.State.LEASED).values_list("holder", flat=True))
    return taken


def holds_nothing(holder: str) -> bool:
    """True where no batch is leased to ``holder``: its journal is needed no more."""
    return not Batch.objects.filter(holder=holder, state=Batch.State.LEASED).exists()


def attempt(lease: Lease, row: Row, outcome: Outcome, *, now: dt.datetime) -> Attempt:
    """The line to append for an outcome: a deferral has its next try, or becomes final after 72 hours."""
    return _attempt(lease.mailing, row, outcome, now)


def _attempt(mailing: int, row: Row, outcome: Outcome, now: dt.datetime) -> Attempt:
    kind, due_at, text = outcome.verdict, None, outcome.text
    if kind == "deferred":
        due_at = now + RETRIES[min(row.number, len(RETRIES)) - 1]
        if row.first_try is not None and due_at - row.first_try > GIVE_UP:
            kind, due_at, text = "refused", None, f"abandonné après 72 h : {text}"[:500]
    return Attempt(
        mailing_id=mailing,
        position=row.position,
        number=row.number,
        kind=kind,
        code=outcome.code,
        enhanced=outcome.enhanced[:12],
        text=text,
        at=now,
        due_at=due_at,
    )


def _settle(batch: Batch, folder: Path, now: dt.datetime) -> bool:
    """Append what the holder's journal tells, mark what nothing tells, and open the batch again."""
    record = journal.read(folder, batch.holder, batch.pk, batch.lease)
    with transaction.atomic():
        # The lease's number moves first: from here on, the former holder's writes change nothing.
        if not Batch.objects.filter(pk=batch.pk, lease=batch.lease, state=Batch.State.LEASED).update(
            lease=F("lease") + 1
        ):
            return False
        pending = {row.position: row for row in _rows(batch.mailing_id, batch.first, batch.last, due=None)}
        lost = Outcome(0, "unknown", 0, "", "l’expéditeur s’est arrêté avant la réponse du serveur")
        found: list[Attempt] = []
        if record is not None:
            for position, outcome in record.entries.items():
                row = pending.get(position)
                if row is not None and (outcome is None or outcome.verdict != "withheld"):
                    found.append(_attempt(batch.mailing_id, row, outcome or lost, now))
        else:
            reserved = (row for position, row in pending.items() if position <= batch.reserved_to)
            found = [_attempt(batch.mailing_id, row, lost, now) for row in reserved]
        Attempt.objects.bulk_create(found, batch_size=500)
        batch.refresh_from_db()
        _give_back(batch, None)
    return True


def _give_back(batch: Batch, retry_at: dt.datetime | None) -> None:
    left = _rows(batch.mailing_id, batch.first, batch.last, due=None)
    waiting = Attempt.objects.filter(
        mailing=batch.mailing_id,
        position__range=(batch.first, batch.last),
        kind=Attempt.Kind.DEFERRED,
        due_at__isnull=False,
    )
    if not left:
        state, due_at = Batch.State.DONE, None
    elif any(row.first_try is None for row in left):
        state, due_at = (Batch.State.WAITING, retry_at) if retry_at else (Batch.State.OPEN, None)
    else:
        numbers = {(row.position, row.number - 1) for row in left}
        dues = [a.due_at for a in waiting if (a.position, a.number) in numbers and a.due_at is not None]
        state, due_at = Batch.State.WAITING, max(filter(None, (min(dues), retry_at)))
    Batch.objects.filter(pk=batch.pk).update(state=state, due_at=due_at, holder="", until=None, boot="", boot_until=0)


def _rows(mailing: int, first: int, last: int, *, due: dt.datetime | None) -> list[Row]:
    """The unsettled rows of a range; with ``due``, only those whose time has come."""
    span = Attempt.objects.filter(mailing=mailing, position__range=(first, last))
    latest: dict[int, Attempt] = {}
    started: dict[int, dt.datetime] = {}
    for one in span.order_by("position", "number"):
        latest[one.position] = one
        started.setdefault(one.position, one.at)
    found: list[Row] = []
    people = Recipient.objects.filter(mailing=mailing, position__range=(first, last)).order_by("position")
    for position, person, public_id, address in people.values_list("position", "person", "public_id", "address"):
        before = latest.get(position)
        if before is not None and (
            before.kind != Attempt.Kind.DEFERRED or (due and before.due_at and before.due_at > due)
        ):
            continue
        number = before.number + 1 if before else 1
        found.append(Row(position, person, str(public_id), address, number, started.get(position)))
    return found


@dataclass(frozen=True, slots=True)
class Tally:
    """How a mailing stands: the seven add up to ``frozen``."""

    frozen: int
    sent: int
    deferred: int
    refused: int
    suppressed: int
    cancelled: int
    unknown: int
    pending: int


def tally(mailing: Mailing) -> Tally:
    """Count each person once, by the last attempt."""
    later = Attempt.objects.filter(mailing=models.OuterRef("mailing"), position=models.OuterRef("position"))
    latest = Attempt.objects.filter(mailing=mailing).filter(
        ~models.Exists(later.filter(number__gt=models.OuterRef("number")))
    )
    counts = dict(latest.values_list("kind").annotate(n=models.Count("*")))
    known = {kind.value: counts.get(kind.value, 0) for kind in Attempt.Kind}
    return Tally(frozen=mailing.frozen, pending=mailing.frozen - sum(known.values()), **known)
