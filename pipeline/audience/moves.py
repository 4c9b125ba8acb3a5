"""A change of address: asked from the old mailbox, confirmed from the new one. Until then nothing changes."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q

from pipeline.audience import consent, signals, suppression, tokens
from pipeline.audience.addresses import Address
from pipeline.audience.consent import NotSubscribedError, Proof, UnknownPersonError
from pipeline.audience.fingerprints import fingerprints
from pipeline.audience.models import Event, Move, Person, Reason, Status, Subscription, Suppression
from pipeline.audience.wishes import Wish

_TRIES = 3


@transaction.atomic
def ask(season: str, public_id: UUID, address: Address, *, now: dt.datetime) -> Move | None:
    """Write down that the person wants their mails at ``address``; None where it is theirs already. What was asked before is dropped.

    Raises:
        NotSubscribedError: they have no subscription to this season.
        UnknownPersonError: nobody has this id.
    """
    person = consent.locked(public_id)
    if not Subscription.objects.filter(person=person, season=season).exclude(status=Status.ENDED).exists():
        raise NotSubscribedError
    Move.objects.filter(person=person, done_at__isnull=True).delete()
    if address.key == person.key:
        return None
    return Move.objects.create(person=person, season=season, mailbox=address.mailbox, key=address.key, asked_at=now)


@transaction.atomic
def drop(public_id: UUID) -> bool:
    """The person does not want the change that was asked for: its link leads nowhere any more. False where nothing waited.

    Raises:
        UnknownPersonError: nobody has this id.
    """
    waiting = Move.objects.filter(person=consent.locked(public_id), done_at__isnull=True)
    return bool(waiting.delete()[0])


def confirm(public_id: UUID, *, now: dt.datetime, ip: str = "") -> Person:
    """The new mailbox answered: from now on everything goes there, and nothing to the old one. Twice is once.

    Where somebody is known by the new address already, what ran under the old one goes over to them. Returns whose the address is.

    Raises:
        UnknownPersonError: the change was dropped, or the person erased since.
    """
    for left in reversed(range(_TRIES)):
        try:
            return _confirm(public_id, now, ip)
        except IntegrityError:  # somebody signs up with the new address in this instant: now they are known
            if not left:
                raise
    raise AssertionError  # the last try returns or raises


@transaction.atomic
def _confirm(public_id: UUID, now: dt.datetime, ip: str) -> Person:
    asked = Move.objects.filter(public_id=public_id).first()
    if asked is None:
        raise UnknownPersonError
    both = Person.objects.select_for_update(no_key=True).filter(Q(pk=asked.person_id) | Q(key=asked.key))
    found = {one.pk: one for one in both.order_by("pk")}
    # Read again under the locks, which come first: whoever asks anew or is erased drops it under the same ones.
    move = Move.objects.filter(public_id=public_id).first()
    if move is None:
        raise UnknownPersonError
    person = found.pop(move.person_id)
    if person.erased_at is not None:
        raise UnknownPersonError
    other = next(iter(found.values()), None)
    if move.done_at is not None or person.key == move.key:
        return other or person
    move.done_at = now
    move.save(update_fields=["done_at"])
    proof = Proof(source="changement d’adresse", ip=ip)
    if other is not None:
        _hand_over(person, other, proof, now)
        return other
    _readdress(person, move, proof, now)
    return person


def read_preferences(token: str, *, now: dt.datetime) -> tokens.Token:
    """Whose preferences a link opens. One that was made before the person moved lies in a mailbox that is theirs no more: it has expired.

    Raises:
        pipeline.audience.tokens.ExpiredError: too old, or from before a change of address.
        pipeline.audience.tokens.TokenError: not a link to preferences.
    """
    found = tokens.read("preferences", token, now=now)
    if Move.objects.filter(person__public_id=found.public_id, done_at__gte=found.until).exists():
        raise tokens.ExpiredError(found)
    return found


def _readdress(person: Person, move: Move, proof: Proof, now: dt.datetime) -> None:
    old, old_key = person.email, person.key
    person.email, person.key = move.mailbox, move.key
    person.save(update_fields=["email", "key"])
    for one in _running(person):
        consent.still_wanted(one, now)
        consent.record(one, Event.MOVED, proof, now, note=f"{old} → {person.email}")
    _lift(person, now)
    # What stands against the person goes with them: whoever has the old address next takes nothing of it back.
    theirs = Suppression.objects.filter(person=person, key=old_key, lifted_at__isnull=True)
    theirs.exclude(reason=Reason.MANUAL).update(key=person.key)
    signals.moved.send(sender=Person, person_id=person.pk, old=old, new=person.email, now=now)
    suppression.moved(person, old_key, now=now)


def _hand_over(person: Person, other: Person, proof: Proof, now: dt.datetime) -> None:
    for one in _running(person):
        there = Subscription.objects.filter(person=other, season=one.season).first()
        there = there or Subscription(person=other, season=one.season)
        there.person = other
        if one.status == Status.ACTIVE and there.status != Status.ACTIVE:
            Wish.of(one).put(there)
            consent.activate(there, Event.MOVED, proof, now)
            _pause_too(person, there, now)
        consent.end(one, Event.MOVED, proof, why=Reason.MOVED, now=now)
    signals.moved.send(sender=Person, person_id=person.pk, old=person.email, new="", now=now)
    suppression.suppress(person.key, Reason.MOVED, now=now, person=person)


def _pause_too(person: Person, there: Subscription, now: dt.datetime) -> None:
    held = suppression.pause(person, there.season, now=now)
    if held is not None and held.until is not None:
        consent.pause(there.season, there.person.public_id, held.until, now=now, source="changement d’adresse")


def _running(person: Person) -> list[Subscription]:
    running = list(Subscription.objects.filter(person=person).exclude(status=Status.ENDED))
    for one in running:
        one.person = person
    return running


def _lift(person: Person, now: dt.datetime) -> None:
    """The new mailbox is proven: what stood against it before it was this person's, and that the old one was dead, count no more."""
    before = Q(key__in=(person.key, *fingerprints(person.key)), reason__in=suppression.BY_CONSENT)
    dead = Q(person=person, reason=Reason.BOUNCED)
    Suppression.objects.filter(before | dead, lifted_at__isnull=True).update(lifted_at=now)
