"""What follows from a verdict: one row, and its consequence, in one transaction; the same report twice is one report.

A person's row is locked before suppressions are written, as in :mod:`pipeline.audience.consent`.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import Count

from pipeline.audience import consent, suppression
from pipeline.audience.models import Person, Reason
from pipeline.audience.tokens import Token
from pipeline.delivery.bounces.forms.base import Verdict, key
from pipeline.delivery.bounces.verp import Origin, Signed
from pipeline.delivery.ledger import Result
from pipeline.delivery.models import Bounce, Mailing, Outgoing, Recipient
from pipeline.delivery.verdicts import Meaning

ABOUT_US: tuple[Meaning, ...] = ("blocked", "policy", "content", "greylist", "slow")
"""Meanings of refusals that are about who sends, what, and how fast: however many there are, nobody is suppressed for them.
The others are the recipient's: a mailbox that is full, a rule of theirs, a server that is never there."""


@dataclass(frozen=True, slots=True)
class Sent:
    """The message, or only the person, that a report is about. ``at``: when its list was frozen, or it was queued."""

    mailing: int | None
    position: int
    season: str
    person: int | None
    address: str
    at: dt.datetime | None


class Refusal(NamedTuple):
    """A message that the server refused for good while we were sending it."""

    position: int
    person: int
    meaning: str
    code: int
    enhanced: str
    text: str

    @classmethod
    def of(cls, person: int, result: Result) -> Refusal:
        """The refusal that an attempt at ``person``'s message came to."""
        return cls(result.position, person, result.meaning, result.code, result.enhanced, result.text)


def find(signed: Signed | Token) -> Sent | None:
    """What a signature of ours stands for; None where there is no such message or person (any more)."""
    if isinstance(signed, Token):
        person = Person.objects.filter(public_id=signed.public_id).first()
        return None if person is None else Sent(None, 0, signed.season, person.pk, person.email, None)
    if isinstance(signed, Origin):
        row = Recipient.objects.filter(mailing=signed.mailing, position=signed.position).first()
        mailing = Mailing.objects.filter(pk=signed.mailing).only("season", "created_at").first()
        if row is None or mailing is None:
            return None
        return Sent(mailing.pk, row.position, mailing.season, row.person, row.address, mailing.created_at)
    mail = Outgoing.objects.filter(pk=signed.outgoing).only("recipient", "created_at").first()
    if mail is None:
        return None
    known = Person.objects.filter(key=key(mail.recipient)).first()
    return Sent(None, 0, "", known.pk if known else None, mail.recipient, mail.created_at)


def digest_of(*parts: str) -> str:
    """What a report is known by: its parts, told apart."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


def record(sent: Sent, verdict: Verdict, *, source: Bounce.Source, digest: str, now: dt.datetime) -> bool:
    """Write down what came back, and let what has to follow follow. False where this report was known.

    Raises:
        ValueError: the verdict is ``ignored``: there is nothing to write.
    """
    if verdict.kind == "ignored":
        raise ValueError("nothing follows from an ignored report")
    with transaction.atomic():
        person = None
        if sent.person is not None:
            person = Person.objects.select_for_update(no_key=True).filter(pk=sent.person).first()
        row = Bounce(
            mailing_id=sent.mailing,
            position=sent.position,
            person=sent.person,
            kind=verdict.kind,
            source=source,
            meaning=verdict.meaning,
            code=verdict.code,
            enhanced=verdict.enhanced,
            text=verdict.text,
            domain=_domain(sent.address),
            at=now,
            digest=digest,
        )
        if person is not None and person.erased_at is not None:
            row.text = row.domain = ""
        try:
            with transaction.atomic():
                row.save(force_insert=True)
        except IntegrityError:
            if Bounce.objects.filter(digest=digest).exists():
                return False
            raise
        _follow(row, sent, person, now)
    return True


def refused(mailing: int, people: Sequence[Refusal], *, now: dt.datetime) -> None:
    """The synchronous way in: what the server refused for good while we sent. Part of the caller's transaction, late in it.

    Dead addresses are suppressed at once, others count as soft. Twice for one message is once.
    """
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError(
            "refusals are written in the transaction that appends the attempts"
        )
    refusals = [Refusal(*one) for one in people]
    places = [one.position for one in refusals]
    rows = Recipient.objects.filter(mailing=mailing, position__in=places).values_list("position", "address")
    at_domain = {position: _domain(address) for position, address in rows}
    digests = {one.position: digest_of("smtp", str(mailing), str(one.position)) for one in refusals}
    known = set(Bounce.objects.filter(digest__in=digests.values()).values_list("digest", flat=True))
    fresh = [one for one in refusals if digests[one.position] not in known]
    Bounce.objects.bulk_create(
        (
            Bounce(
                mailing_id=mailing,
                position=one.position,
                person=one.person,
                kind=Bounce.Kind.HARD if one.meaning == "dead" else Bounce.Kind.SOFT,
                source=Bounce.Source.SMTP,
                meaning=one.meaning,
                code=one.code,
                enhanced=one.enhanced,
                text=one.text,
                domain=at_domain.get(one.position, ""),
                at=now,
                digest=digests[one.position],
            )
            for one in fresh
        ),
        ignore_conflicts=True,
    )
    dead = {one.person for one in fresh if one.meaning == "dead"}
    failing = _failing_too_often({one.person for one in fresh if one.meaning not in ("dead", *ABOUT_US)}, now)
    # Locked first, as everywhere: whoever erases a person has their row when they take a suppression's number.
    gone = Person.objects.select_for_update(no_key=True).filter(pk__in=dead | failing).order_by("pk")
    suppression.suppress_dead([person for person in gone if person.erased_at is None], now=now)


def forget(person: int) -> None:
    """Drop the server's words and the domain, which may hold the address, of a person who was erased."""
    Bounce.objects.filter(person=person).update(text="", domain="")


def _follow(row: Bounce, sent: Sent, person: Person | None, now: dt.datetime) -> None:
    if person is None:
        if row.kind == Bounce.Kind.HARD and sent.address:
            suppression.suppress_dead_address(key(sent.address), now=now)
    elif person.erased_at is not None:
        return  # nobody writes to them, and their address is not known any more
    elif row.kind == Bounce.Kind.HARD:
        proven = suppression.proven_at(person)
        if proven is None or sent.at is None or sent.at > proven:
            suppression.suppress_dead([person], now=now)
    elif row.kind == Bounce.Kind.SOFT:
        if _failing_too_often({person.pk}, now):
            suppression.suppress_dead([person], now=now)
    elif row.kind == Bounce.Kind.COMPLAINT:
        consent.unsubscribe(sent.season, person.public_id, now=now, source="plainte", reason=Reason.COMPLAINT)
    else:
        consent.unsubscribe(sent.season, person.public_id, now=now, source="mail de désinscription")


def _failing_too_often(people: set[int], now: dt.datetime) -> set[int]:
    """Who has had ``KIT_SOFT_BOUNCES`` failures, on as many mailings, within its days, since they last proved that they read mail."""
    most, days = settings.KIT.soft_bounces
    begin = now - dt.timedelta(days=days)
    over = {person for person, count in _failures(people, begin).items() if count >= most}
    for person in Person.objects.filter(pk__in=over):
        proven = suppression.proven_at(person)
        if proven is not None and _failures({person.pk}, begin, written_after=proven).get(person.pk, 0) < most:
            over.discard(person.pk)
    return over


def _failures(people: set[int], begin: dt.datetime, *, written_after: dt.datetime | None = None) -> dict[int, int]:
    """On how many mailings, of those frozen after an instant, each person has had a failure that may be the address's since ``begin``."""
    rows = Bounce.objects.filter(person__in=people, kind=Bounce.Kind.SOFT, mailing__isnull=False, at__gt=begin)
    if written_after is not None:
        rows = rows.filter(mailing__created_at__gt=written_after)
    counted = rows.exclude(meaning__in=ABOUT_US).values_list("person").annotate(n=Count("mailing", distinct=True))
    return {person: n for person, n in counted if person is not None}


def _domain(address: str) -> str:
    return address.rpartition("@")[2].lower()
