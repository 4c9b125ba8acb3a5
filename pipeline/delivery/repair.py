"""Finds what cannot be if all went well, mends it, and says so: the loop that catches what a crash, a restore or a hand has left.

Looked at are the mailings that are not finished and those finished within :data:`LATELY`. When all is well, a mailing costs a few
index look-ups, a count of its list (0.1 s for a million people on PostgreSQL) and, with ``recount``, one pass over its attempts
(about a second for a million). Every mend takes the batch's row lock first, as every writer of attempts does.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator

from django.db import connection, transaction
from django.db.models import Exists, F, Max, OuterRef, Q, QuerySet

from pipeline.delivery import erasure, freezing, mailings
from pipeline.delivery.models import Attempt, Batch, Mailing, Recipient

LATELY = dt.timedelta(days=2)
VANISHED = dt.timedelta(minutes=5)
"""How long after its end a lease is nobody's any more: well beyond what :func:`pipeline.delivery.takeover.reclaim` waits for."""
LONGEST_REST = dt.timedelta(minutes=20)
"""Longer than a batch rests whose people have not all been tried: a minute for an outage, or one message's time of the slowest pace."""
LONGEST_RETRY = dt.timedelta(hours=16)
"""Longer than any interval between two tries (:mod:`pipeline.delivery.retries`)."""

_KINDS = tuple(Attempt.Kind.values)
_SETTLED = tuple(kind for kind in _KINDS if kind != Attempt.Kind.DEFERRED)
_UNDONE = (Batch.State.OPEN, Batch.State.LEASED, Batch.State.WAITING)

# One statement: both sides are of the same instant, also while the mailing goes out.
_TOTALS = f"""
    WITH told AS (
        SELECT kind, count(*) AS people FROM (
            SELECT kind, lead(number) OVER (PARTITION BY position ORDER BY number) AS later
            FROM delivery_attempt WHERE mailing_id = %(mailing)s
        ) AS tried WHERE later IS NULL GROUP BY kind
    )
    SELECT {", ".join(f"coalesce((SELECT people FROM told WHERE kind = '{kind}'), 0) - coalesce(sum({kind}), 0)" for kind in _KINDS)}
    FROM delivery_batch WHERE mailing_id = %(mailing)s
"""  # noqa: S608 - made of constants


def repair(*, now: dt.datetime, recount: bool = True) -> list[str]:
    """Mend what is broken and return a French line for each mend; none when all is well.

    ``recount`` compares the counters of all batches with the attempts: for every few minutes, not for every tick.
    A batch whose worker vanished is told, not taken: that is :func:`pipeline.delivery.takeover.reclaim`'s. Words about somebody
    erased lately that were appended since are dropped, without a line.
    """
    found = [line for line in [_vanished(now)] if line]
    for mailing in _lately(now):
        lines = [_list(mailing, now), _cover(mailing), _stuck(mailing, now), _batches(mailing, recount=recount)]
        found += [f"{mailing.name} : {line}" for line in lines if line]
    found += _states(now)
    erasure.forget_again(now - LATELY)
    return found


def _lately(now: dt.datetime) -> QuerySet[Mailing]:
    return (
        Mailing.objects.filter(Q(finished_at=None) | Q(finished_at__gte=now - LATELY)).defer("compiled").order_by("pk")
    )


def _vanished(now: dt.datetime) -> str:
    leased = Batch.objects.filter(state=Batch.State.LEASED)
    count = leased.filter(Q(until=None) | Q(until__lt=now - VANISHED)).count()
    return f"{count} lot(s) dont l’ouvrier a disparu : à reprendre au prochain passage." if count else ""


def _list(mailing: Mailing, now: dt.datetime) -> str:
    """Rows of the list that are gone come back without a name, cancelled: the sums stay what was promised, and nobody is written to."""
    rows = Recipient.objects.filter(mailing=mailing)
    end = rows.aggregate(n=Max("position"))["n"] or 0
    if end > mailing.frozen:
        Mailing.objects.filter(pk=mailing.pk).update(frozen=end)
        mailing.frozen = end
        return f"la liste compte {end} personne(s) ; le nombre annoncé est corrigé."
    if rows.count() == mailing.frozen:
        return ""
    held = (
        (position, position) for position in rows.order_by("position").values_list("position", flat=True).iterator()
    )
    lost = [position for first, last in _gaps(held, mailing.frozen) for position in range(first, last + 1)]
    with transaction.atomic():
        tried = _last_attempts(mailing, lost)
        Recipient.objects.bulk_create(
            (Recipient(mailing=mailing, position=n, person=-n, public_id=uuid.uuid4(), address="") for n in lost),
            batch_size=500,
        )
        Attempt.objects.bulk_create(
            (
                Attempt(
                    mailing=mailing,
                    position=position,
                    number=number + 1,
                    kind=Attempt.Kind.CANCELLED,
                    text="la ligne de la liste s’est perdue",
                    at=now,
                )
                for position, (number, kind) in tried.items()
                if kind not in _SETTLED
            ),
            batch_size=500,
        )
    for pk in Batch.objects.filter(mailing=mailing, last__gte=lost[0], first__lte=lost[-1]).values_list(
        "pk", flat=True
    ):
        _mend(pk)
    return f"{len(lost)} ligne(s) de la liste s’étaient perdues ; comptées comme annulées, sans nom."


def _last_attempts(mailing: Mailing, positions: list[int]) -> dict[int, tuple[int, str]]:
    """Number and kind of the last attempt at each position; 0 and ``""`` where there is none."""
    found = dict.fromkeys(positions, (0, ""))
    for at in range(0, len(positions), 500):
        tried = Attempt.objects.filter(mailing=mailing, position__in=positions[at : at + 500]).order_by("number")
        found |= {
            position: (number, kind) for position, number, kind in tried.values_list("position", "number", "kind")
        }
    return found


def _cover(mailing: Mailing) -> str:
    """People in no batch would never be sent to."""
    spans = Batch.objects.filter(mailing=mailing).order_by("first").values_list("first", "last")
    gaps = list(_gaps(spans, mailing.frozen))
    if not gaps:
        return ""
    with transaction.atomic():
        made = Batch.objects.bulk_create(
            Batch(mailing=mailing, first=at, last=min(at + freezing.BATCH - 1, last))
            for first, last in gaps
            for at in range(first, last + 1, freezing.BATCH)
        )
        for batch in made:  # before anybody can claim one: a batch without counts is sent to all of its people
            _mend(batch.pk)
    count = sum(last - first + 1 for first, last in gaps)
    return f"{count} personne(s) n’étaient dans aucun lot ; elles y sont."


def _gaps(spans: Iterable[tuple[int, int]], end: int) -> Iterator[tuple[int, int]]:
    """What of 1 to ``end`` the spans leave out; they come by their first number."""
    due = 1
    for first, last in spans:
        if first > due:
            yield due, first - 1
        due = max(due, last + 1)
    if due <= end:
        yield due, end


def _stuck(mailing: Mailing, now: dt.datetime) -> str:
    """Batches that wait for nothing, or longer than anything lasts: an instant written before a clock was put back."""
    tried = sum((F(kind) for kind in _KINDS[1:]), start=F(_KINDS[0]))
    waiting = Batch.objects.filter(mailing=mailing, state=Batch.State.WAITING).annotate(tried=tried)
    untried = Q(tried__lt=F("last") - F("first") + 1)
    late = Q(due_at=None) | Q(untried, due_at__gt=now + LONGEST_REST) | Q(due_at__gt=now + LONGEST_RETRY)
    count = waiting.filter(late).update(state=Batch.State.OPEN, due_at=None)
    return f"{count} lot(s) attendaient sans échéance, ou trop loin ; ils sont rouverts." if count else ""


def _batches(mailing: Mailing, *, recount: bool) -> str:
    suspects = set(_closed_too_early(mailing).values_list("pk", flat=True))
    if recount and _totals_differ(mailing):
        suspects |= {batch.pk for batch in Batch.objects.filter(mailing=mailing) if _counted(batch) != _claimed(batch)}
    recounted = reopened = 0
    for pk in sorted(suspects):
        counted, opened = _mend(pk)
        recounted += counted
        reopened += opened
    told = [f"{recounted} lot(s) recompté(s)"] if recounted else []
    told += [f"{reopened} lot(s) clos avant que chacun ait sa réponse, rouvert(s)"] if reopened else []
    return " ; ".join(told) + "." if told else ""


def _closed_too_early(mailing: Mailing) -> QuerySet[Batch]:
    settled = sum((F(kind) for kind in _SETTLED[1:]), start=F(_SETTLED[0]))
    done = Batch.objects.filter(mailing=mailing, state=Batch.State.DONE)
    return done.annotate(settled=settled).filter(settled__lt=F("last") - F("first") + 1)


def _totals_differ(mailing: Mailing) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(_TOTALS, {"mailing": mailing.pk})
        return any(cursor.fetchone())


def _mend(pk: int) -> tuple[bool, bool]:
    """Under the batch's lock, whether its counters were wrong, and whether it was closed too early; both are mended then."""
    with transaction.atomic():
        batch = Batch.objects.select_for_update().get(pk=pk)
        counted = _counted(batch)
        wrong = counted != _claimed(batch)
        settled = sum(counted[kind] for kind in _SETTLED)
        early = batch.state == Batch.State.DONE and settled < batch.last - batch.first + 1
        if early:
            batch.state, batch.due_at = Batch.State.OPEN, None
        for kind in _KINDS:
            setattr(batch, kind, counted[kind])
        if wrong or early:
            batch.save(update_fields=[*_KINDS, "state", "due_at"])
    return wrong, early


def _counted(batch: Batch) -> Counter[str]:
    span = Attempt.objects.filter(mailing=batch.mailing_id, position__range=(batch.first, batch.last))
    return Counter(dict(span.order_by("position", "number").values_list("position", "kind")).values())


def _claimed(batch: Batch) -> Counter[str]:
    return Counter({kind: getattr(batch, kind) for kind in _KINDS})


def _states(now: dt.datetime) -> list[str]:
    """Mailings whose state does not fit their batches."""
    left = Exists(Batch.objects.filter(mailing=OuterRef("pk"), state__in=_UNDONE))
    known = Mailing.objects.defer("compiled").order_by("pk")
    lines: list[str] = []
    for one in known.filter(left, state=Mailing.State.DONE):
        if Mailing.objects.filter(pk=one.pk, state=Mailing.State.DONE).update(
            state=Mailing.State.SENDING, finished_at=None
        ):
            lines.append(f"{one.name} : dit terminé, il ne l’était pas ; l’envoi reprend.")
    for one in known.filter(~left, state=Mailing.State.SENDING):
        mailings.settle(one, now=now)
        lines.append(f"{one.name} : tout était fait ; il est terminé.")
    leased = Exists(Batch.objects.filter(mailing=OuterRef("pk"), state=Batch.State.LEASED))
    for one in known.filter(Q(left, ~leased) | Q(~left, finished_at=None), state=Mailing.State.CANCELLED):
        one.finished_at = None
        Mailing.objects.filter(pk=one.pk).update(finished_at=None)
        mailings.settle(one, now=now)
        lines.append(f"{one.name} : annulé, mais pas pour tous ; il l’est.")
    return lines
