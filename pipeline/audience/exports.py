"""What is held about a person, shown, taken along or erased."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict
from typing import Any

from django.db import transaction
from django.db.models import Q

from pipeline.audience import addresses, consent, evidence, signals, suppression
from pipeline.audience.consent import Proof, UnknownPersonError
from pipeline.audience.fingerprints import fingerprint, fingerprints
from pipeline.audience.models import Event, Person, Reason, SignUp, Status, Subscription, Suppression


def show(email: str) -> dict[str, Any]:
    """Everything this room holds about a person, as JSON takes it; instants in ISO 8601, UTC; the ledger oldest first.

    Raises:
        AddressError: ``email`` is not an address.
        UnknownPersonError: nobody has it (an erased person has none any more).
    """
    person = Person.objects.filter(key=addresses.parse(email).key).first()
    if person is None:
        raise UnknownPersonError
    about = Suppression.objects.filter(Q(person=person) | Q(key__in=(person.key, *fingerprints(person.key))))
    return {
        "email": person.email,
        "name": person.name,
        "organisation": person.organisation,
        "public_id": str(person.public_id),
        "created_at": _iso(person.created_at),
        "subscriptions": [
            {
                "season": one.season,
                "choice": one.choice,
                "status": one.status,
                "since": _iso(one.since),
                "ended_at": _iso(one.ended_at),
            }
            for one in person.subscriptions.order_by("season")
        ],
        "consents": [
            {
                "season": one.season,
                "event": one.event,
                "at": _iso(one.at),
                **asdict(evidence.read(one, person) or evidence.Details()),
            }
            for one in person.consents.order_by("id")
        ],
        "suppressions": [
            {"season": one.season, "reason": one.reason, "at": _iso(one.at), "lifted_at": _iso(one.lifted_at)}
            for one in about.order_by("sequence")
        ],
    }


@transaction.atomic
def erase(email: str, *, now: dt.datetime) -> None:
    """Forget a person for good. What stays: an empty row that ledgers point to, what they consented to and when, and the keyed hash
    of their address, so that nobody imports it again. Nothing is written to them once this is committed.

    Raises:
        AddressError: ``email`` is not an address.
        UnknownPersonError: nobody has it.
    """
    key = addresses.parse(email).key
    person = Person.objects.select_for_update().filter(key=key).first()
    if person is None:
        raise UnknownPersonError
    for running in Subscription.objects.filter(person=person).exclude(status=Status.ENDED):
        running.person = person
        consent.end(running, Event.WITHDRAWN, Proof(source="effacement"), why=Reason.ERASED, now=now)
    address = person.email
    person.email = person.name = person.organisation = ""
    person.ledger_key = b""
    for kept in (person.moves, person.visits):
        kept.all().delete()
    SignUp.objects.filter(key=key).delete()
    Subscription.objects.filter(person=person).update(role="", territory="", department="")
    person.key = f"erased:{person.public_id}"
    person.erased_at = now
    person.save()
    hashed = fingerprint(key)
    Suppression.objects.filter(Q(person=person) | Q(key=key)).update(key=hashed)
    signals.erased.send(sender=Person, person_id=person.pk, address=address, now=now)
    suppression.suppress(hashed, Reason.ERASED, now=now, person=person)


def _iso(instant: dt.datetime | None) -> str | None:
    return None if instant is None else instant.astimezone(dt.UTC).isoformat()
