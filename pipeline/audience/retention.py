"""How long things are kept (RGPD art. 5-1-e), and who is asked whether they still want what they once asked for.

Nobody watches who opens what: a subscription is renewed by what people say. All of it is for a task that comes by every hour: what it has
no time for is done the next, and two at once change nothing.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from pipeline.audience import consent, forgetting, signals, suppression
from pipeline.audience.consent import Proof
from pipeline.audience.models import (
    Consent,
    DomainCheck,
    Event,
    MailboxUse,
    Move,
    Person,
    SignUp,
    Status,
    Subscription,
    Suppression,
    Visit,
)
from pipeline.audience.tokens import LIFETIMES

logger = logging.getLogger(__name__)

UNCONFIRMED = dt.timedelta(days=30)
"""A sign-up, or a change of address, that nobody confirmed."""
UNANSWERED = dt.timedelta(days=1)
"""After this, a sign-up that waits for its answer shows that something is wrong."""
VISITS = dt.timedelta(days=396)
"""Thirteen months: what the CNIL allows for such measurements."""
MAILBOX_USES = dt.timedelta(days=30)
DONE_MOVES = LIFETIMES["preferences"] + dt.timedelta(days=1)
"""As long as a link to the preferences may lie in the mailbox that somebody left (:func:`pipeline.audience.moves.read_preferences`)."""
DOMAIN_CHECKS = dt.timedelta(days=90)
ANSWER = LIFETIMES["renew"] + dt.timedelta(days=1)
"""For this long a person may say that they still want it: a little longer than the link in the letter works."""
LAPSED = "lapsed"
"""Why a subscription ended that was not renewed, for :data:`pipeline.audience.signals.ended`."""
SECONDS = 4.0

_STEP = 500
_TOGETHER = 20
"""People in one transaction: fewer syncs, and nobody waits long for it."""
_NO_ANSWER = "sans réponse"
_NEVER_CONFIRMED = "jamais confirmée"
_UNPROVEN = (Event.GRANTED, Event.CHANGED, Event.WITHDRAWN)
"""What can be said in the name of an address by whoever typed it: all else takes the mailbox, or an import that names its source."""


@dataclass(frozen=True, slots=True)
class Purged:
    """What a purge did. ``people``: removed, or emptied; ``rows``: of other tables; ``unanswered``: sign-ups that wait for too long;
    ``finished``: False where its time ran out."""

    people: int
    rows: int
    unanswered: int
    finished: bool


def purge(now: dt.datetime, *, seconds: float = SECONDS) -> Purged:
    """Remove what has been kept long enough, for about ``seconds``; the rest at the next call.

    A sign-up that waits for its answer is told in the log, since somebody waits for their mail; after :data:`UNCONFIRMED`, nobody
    does any more, and it goes like those that were answered.
    """
    end = time.monotonic() + seconds
    unanswered = _unanswered(now)
    old: tuple[QuerySet[Any], ...] = (
        SignUp.objects.filter(at__lt=now - UNCONFIRMED),
        MailboxUse.objects.filter(at__lt=now - MAILBOX_USES),
        Visit.objects.filter(at__lt=now - VISITS),
        Move.objects.filter(Q(done_at__lt=now - DONE_MOVES) | Q(done_at=None, asked_at__lt=now - UNCONFIRMED)),
        DomainCheck.objects.filter(at__lt=now - DOMAIN_CHECKS),
    )
    people, finished = _each(_unconfirmed(now), lambda person: _let_go(person, now), end)
    deleted = [_delete(one, end) for one in old]
    rows = sum(count for count, _ in deleted)
    return Purged(people, rows, unanswered, finished and all(whole for _, whole in deleted))


def to_renew(
    now: dt.datetime, months: int, limit: int, *, seasons: Collection[str] | None = None
) -> list[Subscription]:
    """Up to ``limit`` active subscriptions (to one of ``seasons``, where given) about which the person has said nothing for ``months``
    months and was not asked, the oldest first, with their ``person``. Whoever may not be written to now (a pause, a dead address) is
    asked later. 0 months: nobody.
    """
    if months <= 0:
        return []
    before = months_before(now, months)
    in_force = Suppression.objects.filter(suppression.in_force(now), season__in=("", OuterRef("season")))
    waiting = Subscription.objects.filter(
        # Nobody decided before they came: the index on the one spares the scan for the other.
        status=Status.ACTIVE,
        since__lt=before,
        decided_at__lt=before,
        renewal_at__isnull=True,
        person__erased_at__isnull=True,
    )
    if seasons is not None:
        waiting = waiting.filter(season__in=seasons)
    reached = waiting.exclude(Exists(in_force.filter(person_id=OuterRef("person_id")))).exclude(
        Exists(in_force.filter(key=OuterRef("person__key")))
    )
    return list(reached.select_related("person").order_by("decided_at", "pk")[:limit])


def lapse(now: dt.datetime, *, seconds: float = SECONDS) -> int:
    """End the subscriptions of those who were asked :data:`ANSWER` ago and said nothing; return how many.

    It is no refusal: nothing is suppressed, and they may come back by any way. A mailing whose list was frozen while they were
    subscribed still reaches them.
    """
    asked = Subscription.objects.filter(status=Status.ACTIVE, renewal_at__lt=now - ANSWER)
    people = Person.objects.filter(pk__in=asked.values("person"))
    end = time.monotonic() + seconds
    return _each(people, lambda one: len(_withdrawn(one, asked.filter(person=one), _NO_ANSWER, now)), end)[0]


def months_before(now: dt.datetime, months: int) -> dt.datetime:
    """The same day so many months earlier, or the last of that month.

    >>> months_before(dt.datetime(2028, 3, 31), 1)
    datetime.datetime(2028, 2, 29, 0, 0)
    """
    year, month = divmod(now.year * 12 + now.month - 1 - months, 12)
    for day in range(now.day, 27, -1):
        try:
            return now.replace(year=year, month=month + 1, day=day)
        except ValueError:
            continue
    return now.replace(year=year, month=month + 1)


def _unanswered(now: dt.datetime) -> int:
    late = SignUp.objects.filter(at__lt=now - UNANSWERED).order_by("at")
    count = late.count()
    if count:
        oldest = late.values_list("at", flat=True)[0]
        logger.error("%s sign-up(s) unanswered for more than a day, the oldest since %s", count, oldest.isoformat())
    return count


def _delete(old: QuerySet[Any], end: float) -> tuple[int, bool]:
    """Delete these rows; how many, and whether that was all of them."""
    count = 0
    while some := list(old.order_by("pk").values_list("pk", flat=True)[:_STEP]):
        count += old.model._base_manager.filter(pk__in=some).delete()[0]
        if time.monotonic() >= end:
            return count, False
    return count, True


def _each(people: QuerySet[Person], do: Callable[[Person], int], end: float) -> tuple[int, bool]:
    """Do it with each of these people, a few in a transaction that holds their rows; the sum of what it gave, and whether that
    was all of them."""
    count, last = 0, 0
    while found := list(people.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:_STEP]):
        for at in range(0, len(found), _TOGETHER):
            with transaction.atomic():
                held = Person.objects.select_for_update().filter(
                    pk__in=found[at : at + _TOGETHER], erased_at__isnull=True
                )
                count += sum(do(person) for person in held.order_by("pk"))
            if time.monotonic() >= end:
                return count, False
        last = found[-1]
    return count, True


def _unconfirmed(now: dt.datetime) -> QuerySet[Person]:
    """People with a sign-up that nobody confirmed in time; also where they left before they ever confirmed."""
    proven = Consent.objects.filter(person=OuterRef("person_id")).exclude(event__in=_UNPROVEN)
    waiting = Subscription.objects.filter(status=Status.PENDING, since__lt=now - UNCONFIRMED)
    left = Subscription.objects.filter(~Exists(proven), status=Status.ENDED, ended_at__lt=now - UNCONFIRMED)
    named = Q(pk__in=waiting.values("person")) | Q(pk__in=left.values("person"))
    return Person.objects.filter(named, erased_at__isnull=True)


def _let_go(person: Person, now: dt.datetime) -> int:
    """Drop their sign-ups that nobody confirmed; the person too, where nothing else was ever theirs."""
    limit = now - UNCONFIRMED
    theirs = Subscription.objects.filter(person=person)
    proven = Consent.objects.filter(person=person).exclude(event__in=_UNPROVEN).exists()
    recent = theirs.filter(Q(status=Status.ACTIVE) | Q(since__gte=limit) | Q(ended_at__gte=limit)).exists()
    if proven or recent:
        for one in _withdrawn(person, theirs.filter(status=Status.PENDING, since__lt=limit), _NEVER_CONFIRMED, now):
            one.delete()
        return 0
    if any(found for _, found in signals.pointing.send(sender=Person, person_id=person.pk)):
        _withdrawn(person, theirs.exclude(status=Status.ENDED), _NEVER_CONFIRMED, now)
        forgetting.empty(person, now=now)
    else:
        forgetting.remove(person, now=now)
    return 1


def _withdrawn(person: Person, those: QuerySet[Subscription], source: str, now: dt.datetime) -> list[Subscription]:
    """End these subscriptions of the person's, with what the ledger says of it, and return them."""
    ending = list(those)
    for one in ending:
        one.person = person
        consent.end(one, Event.WITHDRAWN, Proof(source=source), why=LAPSED, now=now)
    return ending
