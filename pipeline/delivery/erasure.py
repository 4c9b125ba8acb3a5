"""What sending keeps of a person who was erased: the address on lists and mails, and the words of servers that quote it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from functools import reduce
from operator import or_

from django.db.models import Q, QuerySet

from pipeline.audience.models import Person
from pipeline.delivery.bounces import records
from pipeline.delivery.models import Attempt, Mailing, Outgoing, Recipient


def forget(*, person_id: int, address: str, former: tuple[str, ...] = (), now: dt.datetime, **_: object) -> None:
    """Drop every copy, in the erasure's own transaction (:data:`pipeline.audience.signals.erased`).

    What became of the messages stays counted; one not yet sent is suppressed.
    """
    _forget_lists(person_id)
    records.forget(person_id)
    _forget_mails(person_id, (address, *former), now)


def points_to(*, person_id: int, **_: object) -> bool:
    """True where a list has this person on it: their row must stay (:data:`pipeline.audience.signals.pointing`)."""
    return on_lists(person_id).exists()


def on_lists(person: int) -> QuerySet[Recipient]:
    """The person's rows, mailing by mailing for the index: a search by person alone reads every list there ever was."""
    return Recipient.objects.filter(mailing__in=list(Mailing.objects.values_list("pk", flat=True)), person=person)


def forget_again(since: dt.datetime) -> None:
    """Drop what was appended after the erasure: the answer to a message that was under way, or one that a journal kept."""
    for person in Person.objects.filter(erased_at__gte=since).values_list("pk", flat=True):
        _forget_lists(person)
        records.forget(person)


def _forget_lists(person: int) -> None:
    rows = on_lists(person)
    for mailing, position in list(rows.values_list("mailing", "position")):
        Attempt.objects.filter(mailing=mailing, position=position).exclude(text="").update(text="")
    rows.exclude(address="").update(address="")


def _forget_mails(person: int, addresses: Sequence[str], now: dt.datetime) -> None:
    """Mails to the person alone. One that waits is not sent any more; of one under way nobody will know the answer."""
    mails = to_person(person, addresses)
    mails.filter(state=Outgoing.State.QUEUED).update(state=Outgoing.State.REFUSED, settled_at=now)
    mails.filter(state=Outgoing.State.SENDING).update(state=Outgoing.State.UNKNOWN, settled_at=now)
    mails.update(recipient="", content=b"", answer="effacement")


def to_person(person: int, addresses: Sequence[str]) -> QuerySet[Outgoing]:
    """Mails that were put for this person, or to one of these addresses."""
    named = reduce(or_, (Q(recipient__iexact=one) for one in addresses if one), Q(person=person))
    return Outgoing.objects.filter(named)
