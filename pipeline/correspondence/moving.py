"""A change of address: the new mailbox is asked, the old one is told."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from django.db import transaction

from pipeline import broker
from pipeline.audience import moves, quotas, suppression
from pipeline.audience.addresses import Address
from pipeline.audience.models import Person
from pipeline.correspondence import letters
from pipeline.release.letters import Press
from pipeline.season.season import Season


def ask(press: Press, season: Season, public_id: UUID, address: Address, *, now: dt.datetime) -> None:
    """Write to both mailboxes. Whoever asks sees the same whether the new address is known, refused, or has had enough mails.

    Raises:
        pipeline.audience.consent.NotSubscribedError: they have no subscription to this season.
        pipeline.audience.consent.UnknownPersonError: nobody has this id.
        pipeline.compose.preflight.PreflightError: a letter's template is not fit to be sent.
    """
    with transaction.atomic():
        move = moves.ask(season.name, public_id, address, now=now)
        if move is None or suppression.is_refused(address.key, now=now) or not quotas.take(address, now=now):
            return
        person, key = move.person, f"{move.public_id}"
        letters.queue(
            press,
            season,
            "moving",
            person,
            key=f"moving/{key}",
            now=now,
            to=move.mailbox,
            move=move.public_id,
            until_they_leave=True,
        )
        # A warning, in case it was not them: it leaves during a pause, too.
        if not suppression.is_dead(person):
            letters.queue(press, season, "moved", person, key=f"moved/{key}", now=now)
        broker.wake_on_commit(letters.TASK, "transactional")


def confirm(public_id: UUID, *, now: dt.datetime, ip: str = "") -> Person:
    """:func:`pipeline.audience.moves.confirm`: from now on the mails go to the new mailbox."""
    return moves.confirm(public_id, now=now, ip=ip)
