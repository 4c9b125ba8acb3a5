"""Leases on batches, reservations, appended attempts. Every write names its lease: a late holder changes nothing.

The protocol, for one batch: :func:`claim` (which reserves the first rows) → :func:`advance` (reserve at most a second of rows
more, durably, and append what the last second came to) → … → :func:`release`. A batch whose holder died is taken over by
:mod:`pipeline.delivery.takeover`.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any
from uuid import UUID

from django.db import connection, models, transaction
from django.db.models import F, Q, Sum

from pipeline.clock import boot_id, boot_time
from pipeline.delivery.models import Attempt, Batch, Mailing, Recipient

LEASE = 30.0
"""Seconds a lease lasts without renewal."""
MARGIN = 5.0
"""Seconds before its end in which a holder writes nothing any more, and after it in which nobody takes over."""
KINDS = tuple(kind.value for kind in Attempt.Kind)

_COLUMNS = ("mailing_id", "position", "number", "kind", "meaning", "code", "enhanced", "text", "at", "due_at")


class LeaseLost(Exception):
    """The batch is no longer ours, or its mailing was paused or cancelled: write nothing more for it."""


@dataclass(slots=True)
class Lease:
    """A batch in our hands. ``until`` is the end on CLOCK_BOOTTIME, as known to be in the database; ``fresh``: nothing of the
    batch was ever tried; ``reserved``: the last position that may be handed to a server under this lease."""

    batch: int
    mailing: int
    first: int
    last: int
    destination: str
    number: int
    until: float
    reserved: int
    fresh: bool

    @property
    def safe(self) -> bool:
        """True while nobody else can have taken over."""
        return boot_time() < self.until - MARGIN


@dataclass(frozen=True, slots=True)
class Row:
    """A message still to be tried: its place on the list, to whom, and the number of the attempt to come."""

    position: int
    person: int
    public_id: UUID
    address: str
    number: int
    first_try: dt.datetime | None


@dataclass(frozen=True, slots=True)
class Result:
    """What one attempt came to, to be appended: the columns of :class:`pipeline.delivery.models.Attempt`."""

    position: int
    number: int
    kind: str
    meaning: str
    code: int
    enhanced: str
    text: str
    at: dt.datetime
    due_at: dt.datetime | None = None


def ready(*, now: dt.datetime, mailing: int | None = None, closed: Iterable[str] = ()) -> models.QuerySet[Batch]:
    """The batches that :func:`claim` would take, with the same ``mailing`` and ``closed``."""
    found = _to_send(mailing).filter(Q(state=Batch.State.OPEN) | Q(due_at__lte=now))
    return found.exclude(destination__in=list(closed))


def claim(
    holder: str,
    *,
    now: dt.datetime,
    reserve: int,
    mailing: int | None = None,
    closed: Iterable[str] = (),
    rates: Mapping[str, float] | None = None,
) -> Lease | None:
    """Take the next open batch of a mailing that is being sent and reserve its first ``reserve`` rows; None where there is none.

    Batches that another claimer is just taking are passed over. ``closed`` names destinations that are not to be sent to now;
    of one that has a rate no more is reserved than a second of it.
    """
    with transaction.atomic():
        free = ready(now=now, mailing=mailing, closed=closed).select_for_update(skip_locked=True, of=("self",))
        # Those with a pace of their own first, whenever it lets them: they take the longest.
        paced = models.Case(models.When(destination="", then=1), default=0)
        batch = free.order_by("mailing_id", paced, "first").first()
        if batch is None:
            return None
        until = boot_time() + LEASE
        rate = (rates or {}).get(batch.destination, 0.0)
        reserved = min(batch.last, batch.first + (min(reserve, ceil(rate)) if rate else reserve) - 1)
        Batch.objects.filter(pk=batch.pk).update(
            state=Batch.State.LEASED,
            lease=batch.lease + 1,
            holder=holder,
            boot=boot_id(),
            boot_until=until,
            until=now + dt.timedelta(seconds=LEASE),
            reserved_to=reserved,
        )
    return Lease(
        batch=batch.pk,
        mailing=batch.mailing_id,
        first=batch.first,
        last=batch.last,
        destination=batch.destination,
        number=batch.lease + 1,
        until=until,
        reserved=reserved,
        fresh=not any(getattr(batch, kind) for kind in KINDS),
    )


def rows(lease: Lease, *, now: dt.datetime) -> list[Row]:
    """The messages of the batch that may be tried now: never tried, or deferred and due."""
    return list(_rows(lease.mailing, lease.first, lease.last, due=now, fresh=lease.fresh))


def next_ready(
    *, now: dt.datetime, mailing: int | None = None, closed: Mapping[str, dt.datetime] | None = None
) -> dt.datetime | None:
    """When a batch may be claimed next; None where none is to be. ``closed`` says until when a destination is not sent to."""
    found = _to_send(mailing).order_by().values_list("destination", "state").annotate(due=models.Min("due_at"))
    until = closed or {}
    return min((max(due or now, until.get(destination, now)) for destination, _, due in found), default=None)


def unsettled_rows(batch: Batch, *, due: dt.datetime | None = None) -> list[Row]:
    """Every message of the batch that no attempt has settled for good; with ``due``, less the retries that come later."""
    return list(_rows(batch.mailing_id, batch.first, batch.last, due=due, fresh=False))


def advance(
    lease: Lease,
    results: Sequence[Result],
    *,
    reserve_to: int,
    now: dt.datetime,
    also: Callable[[], None] | None = None,
) -> None:
    """Append what happened, reserve rows up to ``reserve_to``, and renew the lease: one transaction, durable on return.

    ``also`` is done in it, last: what follows from the results elsewhere.

    Raises:
        LeaseLost: nothing was written.
    """
    until = boot_time() + LEASE
    with transaction.atomic():
        changed = (
            _mine(lease)
            .filter(mailing__state=Mailing.State.SENDING)
            .update(
                reserved_to=reserve_to,
                boot_until=until,
                until=now + dt.timedelta(seconds=LEASE),
                **counted(results),
            )
        )
        if not changed:
            raise LeaseLost
        append(lease.mailing, results)
        if also is not None:
            also()
    lease.until, lease.reserved = until, reserve_to


def renew(lease: Lease, *, now: dt.datetime) -> None:
    """Renew the lease alone, as long as the batch is ours. Raises :class:`LeaseLost`."""
    until = boot_time() + LEASE
    if not _mine(lease).update(boot_until=until, until=now + dt.timedelta(seconds=LEASE)):
        raise LeaseLost
    lease.until = until


def release(
    lease: Lease,
    results: Sequence[Result],
    *,
    retry_at: dt.datetime | None = None,
    also: Callable[[], None] | None = None,
) -> None:
    """Append what happened and give the batch back: open, waiting for its earliest retry, or done. ``also``: see :func:`advance`.

    ``retry_at`` keeps everybody away from the batch until then (the server cannot be reached, or its destination's pace).

    Raises:
        LeaseLost: somebody else has the batch; nothing was written.
    """
    with transaction.atomic():
        if not _mine(lease).update(holder="", **counted(results)):
            raise LeaseLost
        append(lease.mailing, results)
        give_back(Batch.objects.get(pk=lease.batch), retry_at)
        if also is not None:
            also()


def give_back(batch: Batch, retry_at: dt.datetime | None = None) -> None:
    """Free a batch of any lease: *done* where every row is settled, else open, or waiting until something can be done."""
    size = batch.last - batch.first + 1
    settled = sum(getattr(batch, kind) for kind in KINDS if kind != Attempt.Kind.DEFERRED)
    if settled == size:
        state, due_at = Batch.State.DONE, None
    elif settled + batch.deferred < size:
        state, due_at = (Batch.State.WAITING, retry_at) if retry_at else (Batch.State.OPEN, None)
    else:
        dues = [due for due in (earliest_retry(batch), retry_at) if due is not None]
        state, due_at = (Batch.State.WAITING, max(dues)) if dues else (Batch.State.OPEN, None)
    Batch.objects.filter(pk=batch.pk).update(state=state, due_at=due_at, holder="", until=None, boot="", boot_until=0)


def earliest_retry(batch: Batch) -> dt.datetime | None:
    """When the first of the batch's deferred messages may be tried again."""
    deferred = latest(batch.mailing_id, batch.first, batch.last).filter(kind=Attempt.Kind.DEFERRED)
    first: dt.datetime | None = deferred.aggregate(first=models.Min("due_at"))["first"]
    return first


def append(mailing: int, results: Sequence[Result]) -> None:
    """Append attempts in bulk: COPY on PostgreSQL, executemany elsewhere. Their batch's counts are the caller's."""
    if not results:
        return
    table = connection.ops.quote_name(Attempt._meta.db_table)
    columns = ", ".join(map(connection.ops.quote_name, _COLUMNS))
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
                for line in _lines(mailing, results):
                    copy.write_row(line)
        else:
            places = ", ".join(["%s"] * len(_COLUMNS))
            cursor.executemany(f"INSERT INTO {table} ({columns}) VALUES ({places})", list(_lines(mailing, results)))  # noqa: S608


def counts(results: Iterable[Result]) -> Counter[str]:
    """How appending ``results`` changes a batch's counts: an attempt after the first one ends a deferral."""
    change: Counter[str] = Counter()
    for one in results:
        change[one.kind] += 1
        if one.number > 1:
            change[Attempt.Kind.DEFERRED.value] -= 1
    return change


def _to_send(mailing: int | None) -> models.QuerySet[Batch]:
    """What nobody has, of mailings that are being sent."""
    free = Batch.objects.filter(mailing__state=Mailing.State.SENDING, state__in=(Batch.State.OPEN, Batch.State.WAITING))
    return free if mailing is None else free.filter(mailing=mailing)


def _mine(lease: Lease) -> models.QuerySet[Batch]:
    return Batch.objects.filter(pk=lease.batch, lease=lease.number, state=Batch.State.LEASED)


def counted(results: Iterable[Result]) -> dict[str, Any]:
    """The same as the assignments of an UPDATE of the batch; empty where nothing changes."""
    return {kind: F(kind) + change for kind, change in counts(results).items() if change}


def _lines(mailing: int, results: Iterable[Result]) -> Iterator[tuple[Any, ...]]:
    moment = connection.ops.adapt_datetimefield_value
    for one in results:
        due_at = moment(one.due_at) if one.due_at is not None else None
        yield (
            mailing, one.position, one.number, one.kind, one.meaning, one.code, one.enhanced, one.text, moment(one.at), due_at,
        )  # fmt: skip


def latest(mailing: int, first: int, last: int) -> models.QuerySet[Attempt]:
    """The last attempt at each message of a range."""
    later = Attempt.objects.filter(
        mailing=models.OuterRef("mailing"), position=models.OuterRef("position"), number__gt=models.OuterRef("number")
    )
    return Attempt.objects.filter(mailing=mailing, position__range=(first, last)).filter(~models.Exists(later))


def _rows(mailing: int, first: int, last: int, *, due: dt.datetime | None, fresh: bool) -> Iterator[Row]:
    """The unsettled rows of a range; with ``due``, only those whose time has come."""
    before: dict[int, tuple[int, str, dt.datetime | None, dt.datetime]] = {}
    if not fresh:
        tried = Attempt.objects.filter(mailing=mailing, position__range=(first, last)).order_by("position", "number")
        for position, number, kind, due_at, at in tried.values_list("position", "number", "kind", "due_at", "at"):
            started = before[position][3] if position in before else at
            before[position] = (number, kind, due_at, started)
    people = Recipient.objects.filter(mailing=mailing, position__range=(first, last)).order_by("position")
    for position, person, public_id, address in people.values_list("position", "person", "public_id", "address"):
        tried_before = before.get(position)
        if tried_before is None:
            yield Row(position, person, public_id, address, 1, None)
            continue
        number, kind, due_at, started = tried_before
        if kind == Attempt.Kind.DEFERRED and (due is None or due_at is None or due_at <= due):
            yield Row(position, person, public_id, address, number + 1, started)


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
    """Count each person once, by the last attempt: the sums of the batches' counts."""
    sums = Batch.objects.filter(mailing=mailing).aggregate(**{f"n_{kind}": Sum(kind) for kind in KINDS})
    known = {kind: sums[f"n_{kind}"] or 0 for kind in KINDS}
    return Tally(frozen=mailing.frozen, pending=mailing.frozen - sum(known.values()), **known)
