"""Somebody changed their address while mails to them were waiting: lists follow, mails to the old mailbox do not leave."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from pipeline.audience.models import Person
from pipeline.delivery import ledger
from pipeline.delivery.models import Attempt, Mailing, Outgoing, Recipient

_CHUNK = 500


def follow(*, person_id: int, old: str, new: str, now: dt.datetime, **_: object) -> None:
    """In the change's own transaction (:data:`pipeline.audience.signals.moved`). ``new`` is empty where somebody else has it already.

    What was sent keeps the address that it was sent to, and what is uncertain too, until it is sent again (:func:`catch_up`).
    """
    if new:
        _readdress(person_id, new)
    mails = Outgoing.objects.filter(recipient__iexact=old)
    mails.filter(state=Outgoing.State.QUEUED).update(
        state=Outgoing.State.REFUSED, settled_at=now, answer="adresse changée avant l’envoi"
    )
    # Whoever has it in hand sees that it is theirs no more, and writes nothing further.
    mails.filter(state=Outgoing.State.SENDING).update(state=Outgoing.State.UNKNOWN, settled_at=now)


def catch_up(mailing: Mailing, positions: Sequence[int]) -> None:
    """These messages of uncertain outcome are to be sent once more: to where their people have moved since. In the caller's transaction."""
    listed: dict[int, tuple[int, str]] = {}
    for at in range(0, len(positions), _CHUNK):
        rows = Recipient.objects.filter(mailing=mailing, position__in=positions[at : at + _CHUNK]).exclude(address="")
        listed |= {person: (pk, address) for person, pk, address in rows.values_list("person", "pk", "address")}
    order = sorted(listed)
    for at in range(0, len(order), _CHUNK):
        held = Person.objects.select_for_update(no_key=True).filter(pk__in=order[at : at + _CHUNK], erased_at=None)
        for person, email in held.order_by("pk").values_list("pk", "email"):
            pk, address = listed[person]
            if email != address:
                Recipient.objects.filter(pk=pk).update(address=email)


def _readdress(person: int, new: str) -> None:
    running = Mailing.objects.filter(state__in=(Mailing.State.SENDING, Mailing.State.PAUSED))
    for mailing in list(running.values_list("pk", flat=True)):
        for row in Recipient.objects.filter(mailing=mailing, person=person):
            last = ledger.latest(mailing, row.position, row.position).first()
            if last is None or last.kind == Attempt.Kind.DEFERRED:
                Recipient.objects.filter(pk=row.pk).update(address=new)
