"""What a person does: ask, confirm, change their mind, leave, come back. Every step is one transaction and one entry of the ledger.

A person's row is locked first, the suppressions' counter last: steps of one person come one after the other, on PostgreSQL too.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction

from pipeline.audience import suppression
from pipeline.audience.addresses import Address
from pipeline.audience.models import Consent, Event, Person, Reason, Status, Subscription, Suppression


class UnknownPersonError(LookupError):
    """Nobody has this public id or address."""

    def __init__(self) -> None:
        super().__init__("Cette personne n’est pas connue.")


class NotSubscribedError(LookupError):
    """There is no subscription that this could be done to: there was none, or it has ended."""

    def __init__(self) -> None:
        super().__init__("Il n’y a pas d’inscription en cours.")


@dataclass(frozen=True, slots=True)
class Proof:
    """How a consent was collected: from where, with which wording, by which form, from which network."""

    source: str
    text_version: str = ""
    form: str = ""
    ip: str = ""


@transaction.atomic
def subscribe(
    address: Address,
    season: str,
    choice: str,
    proof: Proof,
    *,
    now: dt.datetime,
    name: str = "",
    organisation: str = "",
) -> Subscription:
    """Someone typed this address into a form: the subscription is *pending* until :func:`confirm`, and mails nothing.

    Whoever typed it need not own it: what is already active stays as it is and the ledger gets no entry, unless mails to it have
    come back: then it has to be proven anew; a known person's name is not replaced. The caller answers the same in every case.
    """
    person = _locked_by_key(address.key)
    if person is None:
        person, created = Person.objects.get_or_create(
            key=address.key,
            defaults={"email": address.mailbox, "name": name, "organisation": organisation, "created_at": now},
        )
        if created:
            suppression.carry_over(person, now=now)
    asked = Subscription.objects.filter(person=person, season=season).first()
    if asked is not None and asked.status == Status.ACTIVE and not suppression.is_dead(person):
        return asked
    asked = asked or Subscription(person=person, season=season)
    _set(asked, Status.PENDING, choice, now)
    _record(asked, Event.GRANTED, proof, now)
    return asked


@transaction.atomic
def confirm(season: str, public_id: UUID, *, now: dt.datetime, ip: str = "") -> Subscription:
    """The person followed the link of the confirmation mail: they are subscribed from ``now`` on. Twice is once.

    Raises:
        NotSubscribedError: they never asked, or have left since: an old link brings nobody back.
        UnknownPersonError: nobody has this id.
    """
    asked = _subscription(_locked(public_id), season)
    if asked.status == Status.ACTIVE:
        return asked
    _activate(asked, Event.CONFIRMED, Proof(source="confirmation", ip=ip), now)
    return asked


@transaction.atomic
def unsubscribe(
    season: str, public_id: UUID, *, now: dt.datetime, source: str, reason: Reason = Reason.UNSUBSCRIBED, ip: str = ""
) -> bool:
    """The person leaves ``season``, or everything (``""``). Once this is committed, nothing more is written to them.

    It holds for people who never confirmed or were never subscribed, too. ``reason`` may be a complaint. Returns False if
    it was so already.

    Raises:
        UnknownPersonError: nobody has this id.
    """
    person = _locked(public_id)
    running = Subscription.objects.filter(person=person).exclude(status=Status.ENDED)
    standing = Suppression.objects.filter(person=person, reason__in=suppression.FOR_GOOD, lifted_at__isnull=True)
    if season:
        running = running.filter(season=season)
        standing = standing.filter(season__in=("", season))
    else:
        standing = standing.filter(season="")
    ending = list(running)
    if not ending and standing.exists():
        return False
    Subscription.objects.filter(pk__in=[one.pk for one in ending]).update(status=Status.ENDED, ended_at=now)
    proof = Proof(source=source, ip=ip)
    for one in ending or [Subscription(person=person, season=season, choice="")]:
        _record(one, Event.WITHDRAWN, proof, now)
    suppression.suppress(person.key, reason, now=now, season=season, person=person)
    return True


@transaction.atomic
def change(
    season: str, public_id: UUID, choice: str, *, now: dt.datetime, source: str = "preferences", ip: str = ""
) -> Subscription:
    """The person wants something else of the season. The same choice again is no change.

    Raises:
        NotSubscribedError: they have no subscription, or it has ended.
        UnknownPersonError: nobody has this id.
    """
    kept = _subscription(_locked(public_id), season)
    if kept.choice != choice:
        kept.choice = choice
        kept.save(update_fields=["choice"])
        _record(kept, Event.CHANGED, Proof(source=source, ip=ip), now)
    return kept


@transaction.atomic
def resubscribe(season: str, public_id: UUID, choice: str, proof: Proof, *, now: dt.datetime) -> Subscription:
    """The person comes back through a signed link of theirs (so the mailbox is proven): a new consent, which lifts the suppression.

    Raises:
        UnknownPersonError: nobody has this id, or the person was erased and has to sign up anew.
    """
    person = _locked(public_id)
    if person.erased_at is not None:
        raise UnknownPersonError
    back = Subscription.objects.filter(person=person, season=season).first() or Subscription(
        person=person, season=season
    )
    if back.status != Status.ACTIVE or suppression.is_dead(person):
        back.choice = choice
        _activate(back, Event.GRANTED, proof, now)
    return back


def truncated(ip: str) -> str:
    """The network that an address is in, for proof without a trace: /24 of IPv4, /48 of IPv6; ``""`` for what is no address.

    >>> truncated("192.0.2.77"), truncated("2001:db8:1:2::3"), truncated("?")
    ('192.0.2.0', '2001:db8:1::', '')
    """
    try:
        address = ipaddress.ip_address(ip.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    network = ipaddress.ip_network((address, 24 if address.version == 4 else 48), strict=False)
    return str(network.network_address)


def _locked(public_id: UUID) -> Person:
    # Not a full row lock: freezing a large list holds key locks on its people, and leaving must not wait for it.
    person = Person.objects.select_for_update(no_key=True).filter(public_id=public_id).first()
    if person is None:
        raise UnknownPersonError
    return person


def _locked_by_key(key: str) -> Person | None:
    return Person.objects.select_for_update(no_key=True).filter(key=key).first()


def _subscription(person: Person, season: str) -> Subscription:
    found = Subscription.objects.filter(person=person, season=season).exclude(status=Status.ENDED).first()
    if found is None:
        raise NotSubscribedError
    return found


def _activate(subscription: Subscription, event: Event, proof: Proof, now: dt.datetime) -> None:
    _set(subscription, Status.ACTIVE, subscription.choice, now)
    _record(subscription, event, proof, now)
    suppression.lift_by_consent(subscription.person, subscription.season, now=now)


def _set(subscription: Subscription, status: Status, choice: str, now: dt.datetime) -> None:
    subscription.status = status
    subscription.choice = choice
    subscription.since = now
    subscription.ended_at = None
    subscription.save()


def _record(subscription: Subscription, event: Event, proof: Proof, now: dt.datetime) -> None:
    Consent.objects.create(
        person=subscription.person,
        season=subscription.season,
        event=event,
        source=proof.source,
        text_version=proof.text_version,
        form=proof.form,
        ip_truncated=truncated(proof.ip),
        choice=subscription.choice,
        at=now,
    )
