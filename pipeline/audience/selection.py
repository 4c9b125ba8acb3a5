"""Who a mailing is for, and who has left since: what delivery asks of the audience."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from django.db.models import Exists, F, OuterRef, QuerySet

from pipeline.audience.models import Status, Subscription, Suppression


def active(season: str, choices: Iterable[str], *, cutoff: dt.datetime) -> QuerySet[Subscription]:
    """The subscriptions that a mailing goes to: active since ``cutoff`` or before, for one of ``choices``, not suppressed.

    Rows carry ``email`` and ``public_id`` and come by ``person_id``: one INSERT … SELECT freezes a list. Take
    :func:`latest_sequence` *before* it: whoever leaves while it runs is then told by :func:`suppressed_since`.
    """
    in_force = Suppression.objects.filter(lifted_at__isnull=True, season__in=("", season))
    return (
        Subscription.objects.filter(
            season=season,
            status=Status.ACTIVE,
            since__lte=cutoff,
            choice__in=list(choices),
            person__erased_at__isnull=True,
        )
        .exclude(Exists(in_force.filter(person_id=OuterRef("person_id"))))
        .exclude(Exists(in_force.filter(key=OuterRef("person__key"))))
        .annotate(email=F("person__email"), public_id=F("person__public_id"))
        .order_by("person_id")
    )


def suppressed_since(sequence: int, season: str) -> tuple[int, frozenset[int]]:
    """Who must not be written to any more: ``(latest sequence, person ids suppressed above sequence and still so)``.

    One indexed query, to be asked again with the sequence it gave. Whoever was erased stays
    so here, even if they have signed up anew since: that made them another person.
    """
    rows = list(
        Suppression.objects.filter(sequence__gt=sequence).values_list(
            "sequence", "person_id", "season", "lifted_at", "person__erased_at"
        )
    )
    gone = frozenset(
        person_id
        for _, person_id, where, lifted_at, erased_at in rows
        if person_id is not None and where in ("", season) and (lifted_at is None or erased_at is not None)
    )
    return max((row[0] for row in rows), default=sequence), gone


def latest_sequence() -> int:
    """The last suppression's sequence; 0 before the first."""
    return Suppression.objects.order_by("-sequence").values_list("sequence", flat=True).first() or 0
