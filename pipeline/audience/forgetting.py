"""Every copy of what names a person, dropped: the common part of an erasure, which they ask for, and of what nobody confirmed."""

from __future__ import annotations

import datetime as dt

from django.db.models import Q

from pipeline.audience import signals
from pipeline.audience.fingerprints import PREFIX, fingerprint
from pipeline.audience.models import Consent, Move, Person, Subscription, Suppression


def empty(person: Person, *, now: dt.datetime) -> None:
    """Leave of the person a row without a name, to which ledgers and old links point. In the caller's transaction, which holds it.

    Their ledger's key goes: nobody reads what their entries said any more. Suppressions of their addresses stay, as keyed hashes.
    """
    _drop_copies(person, now)
    Subscription.objects.filter(person=person).update(role="", territory="", department="", themes="")
    person.email = person.name = person.organisation = ""
    person.ledger_key = b""
    person.key = f"erased:{person.public_id}"
    person.erased_at = now
    person.save()


def remove(person: Person, *, now: dt.datetime) -> None:
    """Leave nothing of the person but their entries in the ledger, which nobody can read or relate to anybody. In the caller's
    transaction, which holds them. Suppressions of their addresses stay, as keyed hashes."""
    _drop_copies(person, now)
    person.subscriptions.all().delete()
    Suppression.objects.filter(person=person).update(person=None)
    Consent.objects.let_go(person)
    person.delete()


def _drop_copies(person: Person, now: dt.datetime) -> None:
    former = _former(person)
    others = set(Person.objects.filter(key__in=former).values_list("key", flat=True))
    mine = tuple(key for key in former if key not in others)
    for kept in (person.moves, person.visits, person.catch_ups):
        kept.all().delete()
    Suppression.objects.filter(key=person.key).update(key=fingerprint(person.key))
    for key in former:
        # What stands against an address that is somebody else's by now goes on standing against it in clear, where lists see it.
        about = Q(person=person) | Q(person=None) if key in mine else Q(person=person)
        Suppression.objects.filter(about, key=key).update(key=fingerprint(key))
    Move.objects.filter(key=person.key).delete()
    signals.erased.send(sender=Person, person_id=person.pk, address=person.email, former=mine, now=now)


def _former(person: Person) -> list[str]:
    """Keys of addresses that were the person's, or that they asked to have their mails at."""
    left = Suppression.objects.filter(person=person).exclude(key__startswith=PREFIX).values_list("key", flat=True)
    asked = person.moves.values_list("key", flat=True)
    return sorted({*left, *asked} - {person.key})
