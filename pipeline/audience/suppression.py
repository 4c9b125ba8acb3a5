"""Writing down that nobody writes to someone any more, and taking it back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection

from django.db import transaction
from django.db.models import F, Max, Q, QuerySet

from pipeline.audience.fingerprints import fingerprints
from pipeline.audience.models import Person, Reason, Suppression, SuppressionCounter

BY_CONSENT = (Reason.UNSUBSCRIBED, Reason.BOUNCED, Reason.COMPLAINT, Reason.ERASED)
"""What a person takes back by consenting anew, with proof that the mailbox is theirs. The staff's decision stands until staff lift it."""

FOR_GOOD = (Reason.UNSUBSCRIBED, Reason.COMPLAINT, Reason.ERASED)
"""What the person wanted: nobody else may take it back for them, an import least of all."""


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
    key: str, reason: Reason, *, now: dt.datetime, season: str = "", person: Person | None = None
) -> Suppression:
    """Nobody writes to this address any more, in ``season`` or (``""``) everywhere. ``person`` is looked up by ``key`` if not given."""
    if person is None:
        person = Person.objects.filter(key=key).first()
    return Suppression.objects.create(
        sequence=next_sequence(), person=person, key=key, season=season, reason=reason, at=now
    )


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
    """When a consent last took back that the address is dead: what failed before says nothing any more."""
    dead = _about(person).filter(reason=Reason.BOUNCED, lifted_at__isnull=False)
    return dead.order_by("-lifted_at").values_list("lifted_at", flat=True).first()


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
        .order_by("sequence")
    )
    for old in known:
        suppress(person.key, Reason(old.reason), now=now, season=old.season, person=person)


def _about(person: Person) -> QuerySet[Suppression]:
    return Suppression.objects.filter(Q(person=person) | Q(key__in=(person.key, *fingerprints(person.key))))
