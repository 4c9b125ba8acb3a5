"""From a letter to the mailing that carries releases to a list: what digests and catching up do alike."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterator, Sequence
from itertools import chain, count, product
from string import ascii_lowercase
from typing import Any

from django.db.models import QuerySet

from pipeline import broker
from pipeline.audience.models import Subscription
from pipeline.compose import newsletters
from pipeline.compose.letter import Letter, LetterKind
from pipeline.compose.preflight import PreflightError
from pipeline.delivery import freezing, mailings
from pipeline.delivery.dkim import DkimError
from pipeline.delivery.freezing import Draft
from pipeline.delivery.models import Mailing
from pipeline.release import audit, decisions, notices
from pipeline.release.audit import Actor
from pipeline.release.letters import Press
from pipeline.release.models import Carrying, Release, SeasonState
from pipeline.season import schema
from pipeline.season.season import Season

logger = logging.getLogger(__name__)

HINDRANCES = (decisions.Refusal, PreflightError, DkimError)
"""Why a mailing cannot be made that is due; the message is French. Nothing of it was written: the next tick tries again."""


def letter(
    season: Season,
    kind: LetterKind,
    name: str,
    press: Press,
    *,
    now: dt.datetime,
    number: int = 0,
    web_url: str = "",
    **about: Any,
) -> Letter:
    """The letter of the mailing called ``name``; ``about``: what its kind needs (:class:`pipeline.compose.letter.Letter`)."""
    return Letter(
        season=season,
        kind=kind,
        key=name,
        number=number,
        date=now.astimezone(season.zone).date(),
        sent_at=now,
        base_url=press.base_url,
        web_url=web_url,
        local=press.local,
        mailto=bool(press.stationery.return_path),
        cfbl_address=press.cfbl_address,
        **about,
    )


def draft(letter: Letter, press: Press) -> Draft:
    """Compose a letter. Nothing is written.

    Raises:
        decisions.Refusal: the publisher's values are examples, and mails leave this machine.
        PreflightError: the mail may not leave as it is.
        DkimError: there are keys, and none can sign for the season's sender.
    """
    season, sender = letter.season, letter.season.publisher.sender_address
    faults = () if press.here else schema.publisher_faults(season)
    if faults:
        raise decisions.Refusal("\n".join(map(str, faults)))
    press.stationery.signer(sender)
    compiled = newsletters.compose(letter, press.templates)
    return Draft(
        name=letter.key,
        season=season.name,
        kind=letter.kind,
        subject=compiled.subject,
        sender=sender,
        domain=sender.rpartition("@")[2],
        base_url=press.base_url,
        compiled=compiled.dump(),
    )


def names(base: str) -> Iterator[str]:
    """``base``, ``base-b`` … ``base-z``, ``base-aa`` …, as long as no mailing bears them yet."""
    endings = chain.from_iterable(product(ascii_lowercase, repeat=length) for length in count(1))
    next(endings)
    taken = set(Mailing.objects.filter(name__startswith=base).values_list("name", flat=True))
    for name in chain([base], (f"{base}-{''.join(letters)}" for letters in endings)):
        if name not in taken:
            yield name


def hold(season: Season) -> bool:
    """Keep everybody else from making a mailing of this room for the season, until the transaction ends. False where it does not run."""
    return SeasonState.objects.select_for_update().filter(season=season.name, active=True).first() is not None


def freeze(
    drafted: Draft, people: QuerySet[Subscription], releases: Sequence[Release], press: Press, *, now: dt.datetime
) -> Mailing | None:
    """Freeze the list and say what it carries, in the caller's transaction; None where nobody is left for it."""
    mailing = freezing.freeze(drafted, people, now=now, throttles=press.throttles)
    if not mailing.frozen:
        mailing.delete()
        return None
    Carrying.objects.bulk_create(Carrying(release=release, mailing=mailing) for release in releases)
    return mailing


def made(action: str, season: Season, slot: str, found: Sequence[Mailing], *, actor: Actor, now: dt.datetime) -> None:
    """Put on record what was frozen, and wake senders once it is committed."""
    audit.record(actor, action, now=now, season=season.name, slot=slot, mailings=[one.name for one in found])
    broker.wake_all_on_commit("pipeline.tasks.send", "bulk", mailings.open_batches(now))


def hindered(season: Season, what: str, error: Exception, *, staff: Sequence[str], now: dt.datetime) -> None:
    """Say, once to staff, that a mailing waits for a person."""
    logger.error("%s cannot be made: %s", what, error)
    notices.hindered(season, what, str(error), staff=staff, now=now)
