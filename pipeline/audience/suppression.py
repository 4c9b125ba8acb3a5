"""Writing down that nobody writes to someone any more, and taking it back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection

from django.db import transaction
from django.db.models import F, Max, Q, QuerySet

from pipeline.audience.fingerprints import fingerprints
from pipeline.audience.models import Person, Reason, Suppression, SuppressionCounter

BY_CONSENT = tuple(reason for reason in Reason if reason != Reason.MANUAL)
"""What a person takes back by consenting anew, with proof that the mailbox is theirs. The staff's decision stands until staff lift it."""

FOR_GOOD = (Reason.UNSUBSCRIBED, Reason.COMPLAINT, Reason.ERASED, Reason.MOVED)
"""What the person wanted: nobody else may take it back for them, an import least of all."""

_PERSONAL = (Reason.PAUSED, Reason.UNDONE)
"""What concerns one person's subscriptions, and says nothing of the address once it is somebody else's."""


def in_force(now: dt.datetime) -> Q:
    """The suppressions that hold at ``now``."""
    return Q(lifted_at__isnull=True) & (Q(until__isnull=True) | Q(until__gt=now))


def stood_at(then: dt.datetime) -> Q:
    """The suppressions that held at ``then``, whatever became of them."""
    lifted = Q(lifted_at__isnull=True) | Q(lifted_at__gt=then)
    return Q(at__lte=then) & lifted & (Q(until__isnull=True) | Q(until__gt=then))


def next_sequence(count: int = 1) -> int:
    """Take the next number, or the next ``count``, and return the last. In a transaction, late in it: the counter's row stays locked.

    That lock makes numbers visible in the order in which they were given: 8 is only given once 7 is committed or undone. A
    sequence of the database would not do: its 8 may be seen before its 7.
    """
    if not transaction.get_connection().in_atomic_block:
        raise transaction.TransactionManagementError("a suppression's sequence is taken in a transaction")
    if not SuppressionCounter.objects.filter(pk=1).update(value=F("value") + count):
        reached = Suppression.objects.aggregate(reached=Max("sequence"))["reached"] or 0
        SuppressionCounter.objects.get_or_create(pk=1, defaults={"value": reached})
        SuppressionCounter.objects.filter(pk=1).update(value=F("value") + count)
    return SuppressionCounter.objects.values_list("value", flat=True).get(pk=1)


@transaction.atomic
def suppress(
    key: str,
    reason: Reason,
    *,
    now: dt.datetime,
    season: str = "",
    person: Person | None = None,
    until: dt.datetime | None = None,
) -> Suppression:
    """Nobody writes to this address any more, in ``season`` or (``""``) everywhere. ``person`` is looked up by ``key`` if not given."""
    if person is None:
        person = Person.objects.filter(key=key).first()
    return Suppression.objects.create(
        sequence=next_sequence(), person=person, key=key, season=season, reason=reason, at=now, until=until
    )


@transaction.atomic
def moved(person: Person, old: str, *, now: dt.datetime) -> None:
    """This person's address was ``old`` (a key), and is another: nobody writes to the old one, and senders who hold it learn of it.

    The first entry is about the address alone. The second is news about the person that stands for nothing (it is lifted at once).
    """
    last = next_sequence(2)
    Suppression.objects.create(sequence=last - 1, person=None, key=old, reason=Reason.MOVED, at=now)
    Suppression.objects.create(sequence=last, person=person, key=old, reason=Reason.MOVED, at=now, lifted_at=now)


def pause(person: Person, season: str, *, now: dt.datetime) -> Suppression | None:
    """The pause that holds for this person's subscription, if any."""
    held = Suppression.objects.filter(in_force(now), person=person, season=season, reason=Reason.PAUSED)
    return held.order_by("-sequence").first()


def is_refused(key: str, *, now: dt.datetime) -> bool:
    """True where staff decided that nobody writes to this address: not even to ask whether it wants to."""
    return _any_about(key, in_force(now), Q(reason=Reason.MANUAL))


def left_since(key: str, season: str, *, since: dt.datetime) -> bool:
    """True where whoever has this address left the season, or everything, after that: what was asked for before counts no more."""
    return _any_about(key, Q(reason__in=FOR_GOOD, season__in=("", season), at__gt=since, lifted_at__isnull=True))


@transaction.atomic
def suppress_dead(people: Collection[Person], *, now: dt.datetime) -> int:
    """Their addresses are dead: nobody writes to them, in any season; subscriptions stay as they are. Returns how many were new."""
    standing = Suppression.objects.filter(
        person__in=people, reason=Reason.BOUNCED, season="", lifted_at__isnull=True
    ).values_list("person_id", flat=True)
    known = set(standing)
    fresh = [person for person in people if person.pk not in known]
    if fresh:
        first = next_sequence(len(fresh)) - len(fresh) + 1
        Suppression.objects.bulk_create(
            Suppression(sequence=sequence, person=person, key=person.key, season="", reason=Reason.BOUNCED, at=now)
            for sequence, person in enumerate(fresh, first)
        )
    return len(fresh)


@transaction.atomic
def suppress_dead_address(key: str, *, now: dt.datetime) -> bool:
    """An address that is nobody's yet is dead: whoever signs up with it meets that. False where it stands already."""
    if Suppression.objects.filter(key=key, reason=Reason.BOUNCED, season="", lifted_at__isnull=True).exists():
        return False
    suppress(key, Reason.BOUNCED, now=now)
    return True


def is_dead(person: Person) -> bool:
    """True while nobody writes to this person because the address is dead: only a new consent, with proof of the mailbox, ends it."""
    return _about(person).filter(reason=Reason.BOUNCED, lifted_at__isnull=True).exists()


def proven_at(person: Person) -> dt.datetime | None:
    """When a consent last took back that the address is dead, or another address was confirmed: what failed before says nothing any
    more."""
    news = _about(person).filter(reason=Reason.BOUNCED) | Suppression.objects.filter(person=person, reason=Reason.MOVED)
    lifted = news.filter(lifted_at__isnull=False)
    return lifted.order_by("-lifted_at").values_list("lifted_at", flat=True).first()


def lift_by_consent(person: Person, season: str, *, now: dt.datetime) -> int:
    """A new consent of this person to ``season`` takes back what stood against it. Returns how many were lifted."""
    return (
        _about(person)
        .filter(season__in=("", season), reason__in=BY_CONSENT, lifted_at__isnull=True)
        .update(lifted_at=now)
    )


def carry_over(person: Person, *, now: dt.datetime) -> None:
    """A person who was just created meets what is known of their address: suppressions without a person, or left by an erasure."""
    known = (
        Suppression.objects.filter(key__in=(person.key, *fingerprints(person.key)), lifted_at__isnull=True)
        .exclude(person=person)
        .exclude(reason__in=_PERSONAL)
        .order_by("sequence")
    )
    for old in known:
        suppress(person.key, Reason(old.reason), now=now, season=old.season, person=person)


def _about(person: Person) -> QuerySet[Suppression]:
    return Suppression.objects.filter(Q(person=person) | Q(key__in=(person.key, *fingerprints(person.key))))


def _any_about(key: str, *conditions: Q) -> bool:
    """Two questions, each with an index of its own: asked as one, they read the whole table."""
    found = Suppression.objects.filter(*conditions)
    return found.filter(key__in=(key, *fingerprints(key))).exists() or found.filter(person__key=key).exists()
