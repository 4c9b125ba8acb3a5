"""Somebody changed their address while mails to them were waiting: lists follow, mails to the old mailbox do not leave."""

from __future__ import annotations

import datetime as dt

from pipeline.delivery import ledger
from pipeline.delivery.models import Attempt, Mailing, Outgoing, Recipient


def follow(*, person_id: int, old: str, new: str, now: dt.datetime, **_: object) -> None:
    """In the change's own transaction (:data:`pipeline.audience.signals.moved`). ``new`` is empty where somebody else has it already.

    What was sent keeps the address that it was sent to.
    """
    if new:
        _readdress(person_id, new)
    mails = Outgoing.objects.filter(recipient__iexact=old)
    mails.filter(state=Outgoing.State.QUEUED).update(
        state=Outgoing.State.REFUSED, settled_at=now, answer="adresse changée avant l’envoi"
    )
    # Whoever has it in hand sees that it is theirs no more, and writes nothing further.
    mails.filter(state=Outgoing.State.SENDING).update(state=Outgoing.State.UNKNOWN, settled_at=now)


def _readdress(person: int, new: str) -> None:
    running = Mailing.objects.filter(state__in=(Mailing.State.SENDING, Mailing.State.PAUSED))
    for mailing in list(running.values_list("pk", flat=True)):
        for row in Recipient.objects.filter(mailing=mailing, person=person):
            last = ledger.latest(mailing, row.position, row.position).first()
            if last is None or last.kind == Attempt.Kind.DEFERRED:
                Recipient.objects.filter(pk=row.pk).update(address=new)
