"""What a person does: ask, confirm, change their mind, pause, leave, come back. Every step is one transaction and one entry of the ledger.

A person's row is locked first, the suppressions' counter last: steps of one person come one after the other, on PostgreSQL too.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
from dataclasses import dataclass, replace
from uuid import UUID

from django.db import transaction

from pipeline.audience import evidence, signals, suppression
from pipeline.audience.addresses import Address
from pipeline.audience.evidence import Details
from pipeline.audience.models import CatchUp, Event, Person, Reason, Status, Subscription, Suppression
from pipeline.audience.wishes import Profile, Wish

LONGEST_PAUSE = dt.timedelta(days=366)


class UnknownPersonError(LookupError):
    """Nobody has this public id or address."""

    def __init__(self) -> None:
        super().__init__("Cette personne n’est pas connue.")


class NotSubscribedError(LookupError):
    """There is no subscription that this could be done to: there was none, or it has ended."""

    def __init__(self) -> None:
        super().__init__("Il n’y a pas d’inscription en cours.")


class PauseError(ValueError):
    """A pause ends in the future, within a year. The message is French."""

    def __init__(self) -> None:
        super().__init__("Indiquez une date à venir, dans un an au plus.")


@dataclass(frozen=True, slots=True)
class Proof:
    """How a consent was collected: from where, with which wording, by which form, from which network."""

    source: str
    text_version: str = ""
    form: str = ""
    ip: str = ""


@transaction.atomic
def subscribe(
    address: Address, season: str, wish: Wish, proof: Proof, *, now: dt.datetime, profile: Profile | None = None
) -> Subscription:
    """Someone typed this address into a form: the subscription is *pending* until :func:`confirm`, and mails nothing.

    Whoever typed it need not own it: what is already active stays as it is and the ledger gets no entry, unless mails to it have
    come back: then it has to be proven anew; a known person's name is not replaced. The caller answers the same in every case.
    """
    told = profile or Profile()
    person = _locked_by_key(address.key)
    if person is None:
        person, created = Person.objects.get_or_create(
            key=address.key,
            defaults={
                "email": address.mailbox,
                "name": told.name,
                "organisation": told.organisation,
                "ledger_key": evidence.new_key(),
                "created_at": now,
            },
        )
        if created:
            suppression.carry_over(person, now=now)
    asked = Subscription.objects.filter(person=person, season=season).first()
    if asked is not None and asked.status == Status.ACTIVE and not suppression.is_dead(person):
        return asked
    asked = asked or Subscription(person=person, season=season)
    reminded_at = asked.reminded_at if asked.status == Status.PENDING else None
    asked.role, asked.territory, asked.department = told.role, told.territory, told.department
    wish.put(asked)
    _set(asked, Status.PENDING, now, reminded_at=reminded_at)
    record(asked, Event.GRANTED, proof, now)
    return asked


@transaction.atomic
def confirm(season: str, public_id: UUID, *, now: dt.datetime, ip: str = "") -> Subscription:
    """The person followed the link of the confirmation mail: they are subscribed from ``now`` on. Twice is once.

    Where an import has made it active in the meantime, it becomes their own.

    Raises:
        NotSubscribedError: they never asked, or have left since: an old link brings nobody back.
        UnknownPersonError: nobody has this id.
    """
    asked = _subscription(locked(public_id), season)
    if asked.status == Status.ACTIVE and asked.brought_by_id is None:
        return asked
    activate(asked, Event.CONFIRMED, Proof(source="confirmation", ip=ip), now)
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
    person = locked(public_id)
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
    proof = Proof(source=source, ip=ip)
    for one in ending:
        one.person = person
        end(one, Event.WITHDRAWN, proof, why=reason, now=now)
    if not ending and person.ledger_key:
        record(Subscription(person=person, season=season, choice=""), Event.WITHDRAWN, proof, now)
    suppression.suppress(person.key, reason, now=now, season=season, person=person)
    return True


@transaction.atomic
def change(
    season: str,
    public_id: UUID,
    wish: Wish,
    *,
    now: dt.datetime,
    profile: Profile | None = None,
    source: str = "preferences",
    ip: str = "",
) -> Subscription:
    """The person wants something else of the season, or says who they are. The same again is no change.

    Raises:
        NotSubscribedError: they have no subscription, or it has ended.
        UnknownPersonError: nobody has this id.
    """
    kept = _subscription(locked(public_id), season)
    if profile is not None:
        _tell(kept, profile)
    if Wish.of(kept) != replace(wish, themes=tuple(sorted(set(wish.themes)))):
        wish.put(kept)
        kept.decided_at, kept.renewal_at = now, None
        kept.save(update_fields=["choice", "themes", "rhythm", "decided_at", "renewal_at"])
        record(kept, Event.CHANGED, Proof(source=source, ip=ip), now)
    _own(kept)
    return kept


@transaction.atomic
def pause(
    season: str, public_id: UUID, until: dt.datetime, *, now: dt.datetime, source: str = "preferences", ip: str = ""
) -> Subscription:
    """Nothing is written to the person for this season before ``until``; what is being sent stops for them, too. A new date replaces
    the old one.

    Raises:
        PauseError: ``until`` is past, or more than a year away.
        NotSubscribedError: they have no active subscription.
        UnknownPersonError: nobody has this id.
    """
    if not now < until <= now + LONGEST_PAUSE:
        raise PauseError
    person = locked(public_id)
    kept = _subscription(person, season)
    if kept.status != Status.ACTIVE:
        raise NotSubscribedError
    _lift_pause(person, season, now)
    still_wanted(kept, now)
    record(
        kept, Event.PAUSED, Proof(source=source, ip=ip), now, note=f"jusqu’au {until.astimezone(dt.UTC).isoformat()}"
    )
    suppression.suppress(person.key, Reason.PAUSED, now=now, season=season, person=person, until=until)
    return kept


@transaction.atomic
def resume(season: str, public_id: UUID, *, now: dt.datetime, source: str = "preferences", ip: str = "") -> bool:
    """The person ends their pause before its date. False where there was none.

    Raises:
        NotSubscribedError: they have no subscription.
        UnknownPersonError: nobody has this id.
    """
    person = locked(public_id)
    kept = _subscription(person, season)
    if suppression.pause(person, season, now=now) is None:
        return False
    _lift_pause(person, season, now)
    still_wanted(kept, now)
    record(kept, Event.RESUMED, Proof(source=source, ip=ip), now)
    return True


@transaction.atomic
def renew(season: str, public_id: UUID, *, now: dt.datetime, ip: str = "") -> Subscription:
    """The person was asked whether they still want this, and says yes. Twice is once.

    Raises:
        NotSubscribedError: they have no active subscription any more.
        UnknownPersonError: nobody has this id.
    """
    kept = _subscription(locked(public_id), season)
    if kept.status != Status.ACTIVE:
        raise NotSubscribedError
    if kept.renewal_at is not None:
        still_wanted(kept, now)
        record(kept, Event.RENEWED, Proof(source="renouvellement", ip=ip), now)
    return kept


@transaction.atomic
def resubscribe(season: str, public_id: UUID, wish: Wish, proof: Proof, *, now: dt.datetime) -> Subscription:
    """The person comes back through a signed link of theirs (so the mailbox is proven): a new consent, which lifts the suppression.

    Raises:
        UnknownPersonError: nobody has this id, or the person was erased and has to sign up anew.
    """
    person = locked(public_id)
    if person.erased_at is not None:
        raise UnknownPersonError
    back = Subscription.objects.filter(person=person, season=season).first() or Subscription(
        person=person, season=season
    )
    if back.status != Status.ACTIVE or suppression.is_dead(person):
        wish.put(back)
        activate(back, Event.GRANTED, proof, now)
    return back


@transaction.atomic
def catch_up(
    season: str, public_id: UUID, rhythm: str, *, first: dt.datetime, now: dt.datetime, ip: str = ""
) -> CatchUp:
    """The person wants what went out before they came, from ``first`` on, at ``rhythm``. Asked again, only the rhythm changes.

    Raises:
        NotSubscribedError: they have no active subscription.
        UnknownPersonError: nobody has this id.
    """
    person = locked(public_id)
    kept = _subscription(person, season)
    if kept.status != Status.ACTIVE:
        raise NotSubscribedError
    running = CatchUp.objects.filter(person=person, season=season, ended_at__isnull=True).first()
    if running is None:
        running = CatchUp(person=person, season=season, asked_at=now, next_at=first)
    if running.rhythm != rhythm:
        running.rhythm = rhythm
        running.save()
        still_wanted(kept, now)
        told = f"rattrapage : {running.get_rhythm_display()}"
        record(kept, Event.CHANGED, Proof(source="preferences", ip=ip), now, note=told)
    return running


@transaction.atomic
def stop_catching_up(season: str, public_id: UUID, *, now: dt.datetime, ip: str = "") -> bool:
    """The person wants no more of what they missed. False where there was nothing to stop.

    Raises:
        NotSubscribedError: they have no subscription.
        UnknownPersonError: nobody has this id.
    """
    person = locked(public_id)
    kept = _subscription(person, season)
    running = CatchUp.objects.filter(person=person, season=season, ended_at__isnull=True)
    if not running.update(ended_at=now, end="stopped"):
        return False
    record(kept, Event.CHANGED, Proof(source="preferences", ip=ip), now, note="rattrapage : arrêté")
    return True


def end(subscription: Subscription, event: Event, proof: Proof, *, why: str, now: dt.datetime) -> None:
    """End one subscription in the caller's transaction: with its entry, its catch-up, and the news of it."""
    active = subscription.status == Status.ACTIVE
    subscription.status, subscription.ended_at = Status.ENDED, now
    subscription.save(update_fields=["status", "ended_at"])
    running = CatchUp.objects.filter(person=subscription.person_id, season=subscription.season, ended_at__isnull=True)
    running.update(ended_at=now, end="left")
    record(subscription, event, proof, now)
    if active:
        signals.ended.send(sender=Subscription, subscription=subscription, why=str(why), now=now)


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


def locked(public_id: UUID) -> Person:
    """The person, whose row is ours until the transaction ends. Raises :class:`UnknownPersonError`."""
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
    found.person = person
    return found


def activate(subscription: Subscription, event: Event, proof: Proof, now: dt.datetime) -> None:
    """Make a subscription active in the caller's transaction, which holds the person's row: with its entry and the news of it."""
    _set(subscription, Status.ACTIVE, now)
    record(subscription, event, proof, now)
    suppression.lift_by_consent(subscription.person, subscription.season, now=now)
    signals.started.send(sender=Subscription, subscription=subscription, why=str(event), now=now)


def _set(
    subscription: Subscription, status: Status, now: dt.datetime, *, reminded_at: dt.datetime | None = None
) -> None:
    subscription.status = status
    subscription.since = subscription.decided_at = now
    subscription.ended_at = subscription.renewal_at = None
    subscription.reminded_at = reminded_at
    subscription.save()


def _tell(subscription: Subscription, profile: Profile) -> None:
    person = subscription.person
    if (person.name, person.organisation) != (profile.name, profile.organisation):
        person.name, person.organisation = profile.name, profile.organisation
        person.save(update_fields=["name", "organisation"])
    told = (profile.role, profile.territory, profile.department)
    if (subscription.role, subscription.territory, subscription.department) != told:
        subscription.role, subscription.territory, subscription.department = told
        subscription.save(update_fields=["role", "territory", "department"])


def still_wanted(subscription: Subscription, now: dt.datetime) -> None:
    """The person did something that says so: the question whether they do is answered."""
    subscription.decided_at, subscription.renewal_at = now, None
    subscription.save(update_fields=["decided_at", "renewal_at"])


def _own(subscription: Subscription) -> None:
    """The person did something with it themselves: from now on it is not undone with the import that brought it."""
    if subscription.brought_by_id is not None:
        subscription.brought_by = None
        subscription.save(update_fields=["brought_by"])


def _lift_pause(person: Person, season: str, now: dt.datetime) -> None:
    held = Suppression.objects.filter(person=person, season=season, reason=Reason.PAUSED, lifted_at__isnull=True)
    held.update(lifted_at=now)


def record(subscription: Subscription, event: Event, proof: Proof, now: dt.datetime, *, note: str = "") -> None:
    """Append an entry that says what the subscription is now, by what its person did."""
    _own(subscription)
    details = Details(
        source=proof.source,
        text_version=proof.text_version,
        form=proof.form,
        ip_truncated=truncated(proof.ip),
        choice=subscription.choice,
        themes=subscription.themes.strip(),
        rhythm=subscription.rhythm,
        note=note,
    )
    evidence.entry(subscription.person, subscription.season, event, details, now=now).save()
