"""What a person may ask of whoever holds data about them: to see it, to take it along, to have it proven, to have it erased
(RGPD art. 15, 17 and 20)."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict
from typing import Any, cast
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet

from pipeline.audience import addresses, consent, evidence, forgetting, proving, signals, suppression
from pipeline.audience.consent import Proof, UnknownPersonError
from pipeline.audience.fingerprints import fingerprint, fingerprints
from pipeline.audience.models import Event, Move, Person, Reason, SignUp, Status, Subscription, Suppression
from pipeline.audience.portable import as_csv_zip, as_json
from pipeline.audience.signals import Part
from pipeline.audience.wishes import unpacked

__all__ = ["as_csv_zip", "as_json", "erase", "erase_person", "held", "proof", "show", "whose"]


def held(public_id: UUID) -> dict[str, Any]:
    """Everything that every room holds about a person, as JSON takes it: a list of rows by the name of each part, and under
    ``about`` a French sentence on each. Instants are ISO 8601, UTC; the oldest rows come first.

    Raises:
        UnknownPersonError: nobody has this id, or the person was erased.
    """
    person = Person.objects.filter(public_id=public_id, erased_at__isnull=True).first()
    if person is None:
        raise UnknownPersonError
    parts = _parts(person)
    for _, told in signals.held.send(sender=Person, person_id=person.pk, address=person.email):
        parts += cast(list[Part], told)
    return {"about": {one.name: one.about for one in parts}, **{one.name: one.rows for one in parts}}


def show(email: str) -> dict[str, Any]:
    """As :func:`held`, of whoever has this address.

    Raises:
        AddressError: ``email`` is not an address.
        UnknownPersonError: nobody has it (an erased person has none any more).
    """
    return held(whose(email))


def proof(public_id: UUID) -> dict[str, Any]:
    """What a person consented to, in a form that somebody else can check (:mod:`pipeline.audience.proving`).

    Raises:
        UnknownPersonError: nobody has this id, or the person was erased: nobody can read their entries any more.
    """
    person = Person.objects.filter(public_id=public_id, erased_at__isnull=True).first()
    if person is None:
        raise UnknownPersonError
    return proving.proof(person)


def whose(email: str) -> UUID:
    """The ``public_id`` of whoever has this address; errors as of :func:`show`."""
    found = Person.objects.filter(key=addresses.parse(email).key).values_list("public_id", flat=True).first()
    if found is None:
        raise UnknownPersonError
    return found


@transaction.atomic
def erase_person(public_id: UUID, *, now: dt.datetime) -> None:
    """Forget a person for good. What stays: an empty row that ledgers point to, that they consented and when, and the keyed hash
    of their addresses, so that nobody imports them again. Nothing is written to them once this is committed.

    Raises:
        UnknownPersonError: nobody has this id, or the person was erased already.
    """
    person = Person.objects.select_for_update().filter(public_id=public_id, erased_at__isnull=True).first()
    if person is None:
        raise UnknownPersonError
    for running in Subscription.objects.filter(person=person).exclude(status=Status.ENDED):
        running.person = person
        consent.end(running, Event.WITHDRAWN, Proof(source="effacement"), why=Reason.ERASED, now=now)
    key = person.key
    SignUp.objects.filter(key=key).delete()
    forgetting.empty(person, now=now)
    suppression.suppress(fingerprint(key), Reason.ERASED, now=now, person=person)


def erase(email: str, *, now: dt.datetime) -> None:
    """As :func:`erase_person`, for whoever has this address; errors as of :func:`show`."""
    erase_person(whose(email), now=now)


def _parts(person: Person) -> list[Part]:
    return [
        Part("person", "Qui vous êtes pour nous : ce que vous nous en avez dit, et depuis quand.", [_person(person)]),
        Part(
            "subscriptions",
            "Ce que vous recevez, saison par saison, et ce que vous avez dit de vous pour cela ; « import » : le numéro de la liste "
            "dont vous venez, jusqu’à ce que vous décidiez vous-même.",
            [_subscription(one) for one in person.subscriptions.order_by("season")],
        ),
        Part(
            "consents",
            "Le registre de vos consentements : chaque étape, quand, par quel formulaire, devant quel texte. "
            "Il prouve ce que vous avez voulu.",
            [
                {"season": one.season, "event": one.event, "at": _iso(one.at)}
                | asdict(evidence.read(one, person) or evidence.Details())
                for one in person.consents.order_by("id")
            ],
        ),
        Part(
            "suppressions",
            "Ce qui fait que nous ne vous écrivons pas : désinscription, pause, adresse en erreur…",
            [
                {
                    "season": one.season,
                    "reason": one.reason,
                    "at": _iso(one.at),
                    "until": _iso(one.until),
                    "lifted_at": _iso(one.lifted_at),
                }
                for one in _suppressions(person)
            ],
        ),
        Part(
            "sign_ups",
            "Les demandes d’inscription à votre adresse auxquelles il n’est pas encore répondu.",
            [_sign_up(one) for one in SignUp.objects.filter(key=person.key).order_by("pk")],
        ),
        Part(
            "moves",
            "Les changements d’adresse demandés ; ils sont oubliés après trente jours.",
            [_move(one) for one in person.moves.order_by("pk")],
        ),
        Part(
            "visits",
            "Les ouvertures des liens de confirmation, pour distinguer une personne d’un filtre ; oubliées après treize mois.",
            [
                {
                    "season": one.season,
                    "purpose": one.purpose,
                    "how": one.how,
                    "network": one.ip_truncated,
                    "verdict": one.verdict,
                    "why": one.why,
                    "at": _iso(one.at),
                }
                for one in person.visits.order_by("pk")
            ],
        ),
        Part(
            "catch_ups",
            "Les rattrapages de saisons que vous avez demandés.",
            [
                {
                    "season": one.season,
                    "rhythm": one.rhythm,
                    "asked_at": _iso(one.asked_at),
                    "next_at": _iso(one.next_at),
                    "ended_at": _iso(one.ended_at),
                    "end": one.end,
                }
                for one in person.catch_ups.order_by("pk")
            ],
        ),
    ]


def _suppressions(person: Person) -> QuerySet[Suppression]:
    """Theirs, and those of their addresses, former ones included."""
    theirs = Suppression.objects.filter(person=person)
    keys = (person.key, *fingerprints(person.key))
    former = Q(person=None, key__in=theirs.values("key"))
    return Suppression.objects.filter(Q(person=person) | Q(key__in=keys) | former).order_by("sequence")


def _person(person: Person) -> dict[str, Any]:
    return {
        "email": person.email,
        "name": person.name,
        "organisation": person.organisation,
        "public_id": str(person.public_id),
        "created_at": _iso(person.created_at),
    }


def _subscription(one: Subscription) -> dict[str, Any]:
    return {
        "season": one.season,
        "choice": one.choice,
        "themes": list(unpacked(one.themes)),
        "rhythm": one.rhythm,
        "role": one.role,
        "territory": one.territory,
        "department": one.department,
        "status": one.status,
        "since": _iso(one.since),
        "ended_at": _iso(one.ended_at),
        "decided_at": _iso(one.decided_at),
        "reminded_at": _iso(one.reminded_at),
        "renewal_at": _iso(one.renewal_at),
        "import": one.brought_by_id,
    }


def _sign_up(one: SignUp) -> dict[str, Any]:
    shown = ("season", "wants", "mailbox", "name", "organisation", "choice", "rhythm", "role", "territory")
    more = ("department", "source", "text_version", "form")
    return {
        **{name: getattr(one, name) for name in (*shown, *more)},
        "themes": list(unpacked(one.themes)),
        "network": one.ip_truncated,
        "at": _iso(one.at),
    }


def _move(one: Move) -> dict[str, Any]:
    return {"season": one.season, "mailbox": one.mailbox, "asked_at": _iso(one.asked_at), "done_at": _iso(one.done_at)}


def _iso(instant: dt.datetime | None) -> str | None:
    return None if instant is None else instant.astimezone(dt.UTC).isoformat()
