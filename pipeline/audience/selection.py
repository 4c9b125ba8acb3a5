"""Who a mailing is for, and who has left since: what delivery asks of the audience."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import reduce
from operator import or_

from django.db.models import Exists, F, OuterRef, Q, QuerySet

from pipeline.audience import suppression
from pipeline.audience.list_models import Import
from pipeline.audience.models import Person, Reason, Rhythm, Status, Subscription, Suppression


@dataclass(frozen=True, slots=True)
class Choices:
    """Whom a release concerns. ``all_of``: choices whose subscribers all get it; ``picked``: choices whose subscribers picked their own
    themes, with the themes of the release: one in common is enough; ``rhythms``: those it is for."""

    all_of: tuple[str, ...]
    picked: tuple[str, ...] = ()
    themes: tuple[str, ...] = ()
    rhythms: tuple[str, ...] = tuple(Rhythm.values)

    def condition(self) -> Q:
        """As a condition on subscriptions."""
        wanted = Q(choice__in=self.all_of)
        if self.picked and self.themes:
            common = reduce(or_, (Q(themes__contains=f" {theme} ") for theme in self.themes))
            wanted |= Q(choice__in=self.picked) & common
        return wanted & Q(rhythm__in=self.rhythms)


@dataclass(frozen=True, slots=True)
class News:
    """What became of people since a sequence. ``gone``: not to be written to; ``moved``: only at another address than before."""

    sequence: int
    gone: frozenset[int]
    moved: frozenset[int] = frozenset()


def active(season: str, choices: Choices, *, cutoff: dt.datetime) -> QuerySet[Subscription]:
    """The subscriptions that a mailing goes to: active since ``cutoff`` or before, concerned by ``choices``, not suppressed or paused,
    nor brought by an import that is still under way, or being undone.

    Rows carry ``email`` and ``public_id`` and come by ``person_id``: one INSERT … SELECT freezes a list. Take
    :func:`latest_sequence` *before* it: whoever leaves while it runs is then told by :func:`news`.
    """
    in_force = Suppression.objects.filter(suppression.in_force(cutoff), season__in=("", season))
    return (
        Subscription.objects.filter(
            choices.condition(),
            season=season,
            status=Status.ACTIVE,
            since__lte=cutoff,
            person__erased_at__isnull=True,
        )
        .exclude(Exists(Import.objects.filter(pk=OuterRef("brought_by")).exclude(state=Import.State.DONE)))
        .exclude(Exists(in_force.filter(person_id=OuterRef("person_id"))))
        .exclude(Exists(in_force.filter(key=OuterRef("person__key"))))
        .annotate(email=F("person__email"), public_id=F("person__public_id"))
        .order_by("person_id")
    )


def withheld(season: str, *, at: dt.datetime) -> Q:
    """A condition on subscriptions: nobody wrote to the person at that instant, because they had paused or their address was suppressed."""
    stood = Suppression.objects.filter(suppression.stood_at(at), season__in=("", season))
    return Q(Exists(stood.filter(person_id=OuterRef("person_id")))) | Q(
        Exists(stood.filter(key=OuterRef("person__key")))
    )


def news(sequence: int, season: str) -> News:
    """Who must not be written to any more, or not at the address that was known: what happened above ``sequence`` and still holds.

    One indexed query, to be asked again with the sequence it gave. Whoever was erased stays
    so here, even if they have signed up anew since: that made them another person.
    """
    rows = list(
        Suppression.objects.filter(sequence__gt=sequence).values_list(
            "sequence", "person_id", "season", "reason", "lifted_at", "person__erased_at"
        )
    )
    here = [row for row in rows if row[1] is not None and row[2] in ("", season)]
    return News(
        max((row[0] for row in rows), default=sequence),
        frozenset(
            person_id
            for _, person_id, _, _, lifted_at, erased_at in here
            if person_id is not None and (lifted_at is None or erased_at is not None)
        ),
        frozenset(row[1] for row in here if row[3] == Reason.MOVED and row[4] is not None and row[1] is not None),
    )


def may_write(person: int, season: str, *, now: dt.datetime) -> bool:
    """True while nothing keeps a mail from this person, who has not left the season."""
    if not _running(person, season):
        return False
    held = Suppression.objects.filter(suppression.in_force(now), season__in=("", season))
    if held.filter(person=person).exists():
        return False
    # Asked apart, each of them has an index.
    return not held.filter(key__in=Person.objects.filter(pk=person).values("key")).exists()


def has_left(person: int, season: str) -> bool:
    """True once this person has left the season, or everything, or was erased. A pause, or a dead address, is not leaving."""
    if not _running(person, season):
        return True
    gone = Q(reason__in=(*suppression.FOR_GOOD, Reason.MANUAL), season__in=("", season), lifted_at__isnull=True)
    return Suppression.objects.filter(gone, person=person).exists()


def _running(person: int, season: str) -> bool:
    running = Subscription.objects.filter(person=person, season=season, person__erased_at__isnull=True)
    return running.exclude(status=Status.ENDED).exists()


def latest_sequence() -> int:
    """The last suppression's sequence; 0 before the first."""
    return Suppression.objects.order_by("-sequence").values_list("sequence", flat=True).first() or 0
