"""Answering what forms and the API took: each once, in the order in which it came. Only the mailbox learns what is known of it."""

from __future__ import annotations

import datetime as dt
import logging

from django.db import InterfaceError, OperationalError, transaction

from pipeline import broker
from pipeline.audience import consent, domains, quotas, suppression
from pipeline.audience.addresses import Address
from pipeline.audience.consent import Proof
from pipeline.audience.models import Person, SignUp, Status, Subscription
from pipeline.audience.wishes import Profile, Wish, unpacked
from pipeline.compose.preflight import PreflightError
from pipeline.correspondence import letters, reception
from pipeline.release.letters import Press
from pipeline.season.season import Season

logger = logging.getLogger(__name__)

LOOK_UP = "pipeline.tasks.look_up"
ROUND = 200
"""Rows of one round at most: the outbox is emptied between rounds."""


def waiting() -> int:
    """How many there are to answer."""
    return SignUp.objects.count()


def answer(press: Press, *, now: dt.datetime, most: int = ROUND) -> int:
    """Answer what waits, oldest first; return how many were answered, ``most`` of them. What cannot be answered now stays, keeps nobody
    else waiting, and is told in the log: of a season that nobody can sign up to, or whose letter is not fit to be sent."""
    seasons = reception.open_seasons(press)
    closed = SignUp.objects.exclude(season__in=seasons).count()
    if closed:
        logger.warning("%s sign-up(s) wait for seasons to which nobody can sign up now", closed)
    answered, last, unfit = 0, 0, set()
    while answered < most:
        waiting = SignUp.objects.filter(season__in=seasons, pk__gt=last).order_by("pk")
        rows = list(waiting.values_list("pk", "season", "wants", "key")[: most - answered])
        for pk, name, wants, key in rows:
            last = pk
            if (name, wants) in unfit:
                continue
            try:
                answered += _answer(pk, key, seasons[name], press, now)
            except PreflightError as error:
                logger.error("sign-up %s: %s", pk, error)
                unfit.add((name, wants))
            except (OperationalError, InterfaceError):  # the database is away, for everybody
                raise
            except Exception:
                logger.exception("sign-up %s cannot be answered; it waits", pk)
        if not rows:
            break
    return answered


def _answer(pk: int, key: str, season: Season, press: Press, now: dt.datetime) -> bool:
    """One row: what it asks for and its end are one transaction. False where another worker has it."""
    with transaction.atomic():
        # The person before what they asked for, as an erasure does, which drops both.
        Person.objects.select_for_update(no_key=True).filter(key=key).first()
        row = SignUp.objects.select_for_update(skip_locked=True).filter(pk=pk).first()
        if row is None:
            return False
        address = Address(row.mailbox, row.mailbox, row.key)
        if row.wants == SignUp.Wants.WELCOME:
            _welcome(row, season, press, now)
        elif suppression.is_refused(row.key, now=now):
            logger.info("sign-up %s: staff decided that nobody writes to this address", pk)
        elif suppression.left_since(row.key, row.season, since=row.at):
            logger.info("sign-up %s: they have left since", pk)
        elif not press.here and domains.known(address.domain, now) == "none":
            logger.info("sign-up %s: its domain takes no mail", pk)
        elif not quotas.take(address, now=now):
            logger.warning("sign-up %s: its mailbox has had enough of our mails", pk)
        elif row.wants == SignUp.Wants.LINK:
            _send_link(row, season, press, now)
        else:
            _subscribe(row, address, season, press, now)
        row.delete()
        broker.wake_on_commit(letters.TASK, "transactional")
        if not press.here and domains.known(address.domain, now) is None:
            broker.wake_on_commit(LOOK_UP, "kit", address.domain)
    return True


def _subscribe(row: SignUp, address: Address, season: Season, press: Press, now: dt.datetime) -> None:
    asked = consent.subscribe(
        address,
        season.name,
        Wish(row.choice, unpacked(row.themes), row.rhythm),
        Proof(row.source, row.text_version, row.form, row.ip_truncated),
        now=row.at,
        profile=Profile(row.name, row.organisation, row.role, row.territory, row.department),
    )
    kind = "already" if asked.status == Status.ACTIVE else "confirmation"
    letters.queue(press, season, kind, asked.person, key=f"{kind}/{asked.person.public_id}/{row.pk}", now=now)  # type: ignore[arg-type]


def _send_link(row: SignUp, season: Season, press: Press, now: dt.datetime) -> None:
    """To somebody who is known here, if only to see what is kept of them; to nobody else."""
    person = Person.objects.filter(key=row.key, erased_at__isnull=True).first()
    if person is not None:
        letters.queue(press, season, "link", person, key=f"link/{person.public_id}/{row.pk}", now=now)


def _welcome(row: SignUp, season: Season, press: Press, now: dt.datetime) -> None:
    running = Subscription.objects.filter(person__key=row.key, season=season.name, status=Status.ACTIVE)
    found = running.select_related("person").first()
    if found is None:
        return
    key = f"welcome/{found.person.public_id}/{season.name}/{int(found.since.timestamp())}"
    letters.queue(press, season, "welcome", found.person, key=key, now=now, until_they_leave=True)
