"""One reminder to whoever did not confirm within a day, and never a second; one question to whoever has long said nothing."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterable

from django.db import transaction

from pipeline import broker
from pipeline.audience import consent, retention
from pipeline.audience.consent import UnknownPersonError
from pipeline.audience.models import Status, Subscription
from pipeline.audience.tokens import LIFETIMES
from pipeline.compose.letter import LetterKind
from pipeline.compose.preflight import PreflightError
from pipeline.correspondence import letters, reception
from pipeline.release.letters import Press
from pipeline.season.season import Season

logger = logging.getLogger(__name__)

AFTER = dt.timedelta(hours=24)
ROUND = 500


def remind(press: Press, *, now: dt.datetime, most: int = ROUND) -> int:
    """Remind those who asked a day ago and whose link still works; return how many.

    Nobody is reminded who had left before they asked again: until they confirm, one mail is all they get.
    """
    waiting = Subscription.objects.filter(
        status=Status.PENDING, since__lte=now - AFTER, since__gt=now - LIFETIMES["confirm"], reminded_at__isnull=True
    ).order_by("since")
    count = 0
    for season in reception.open_seasons(press).values():
        due = waiting.filter(season=season.name)[: most - count]
        count += _write_all(press, season, due, "reminder", mark="reminded_at", now=now)
    return count


def ask_to_renew(press: Press, *, months: int, now: dt.datetime, most: int = ROUND) -> int:
    """Ask those who have not said what they want for so many months; return how many. None where ``months`` is 0."""
    count = 0
    for season in reception.open_seasons(press).values():
        due = retention.to_renew(now=now, months=months, limit=most - count, seasons=[season.name])
        count += _write_all(press, season, due, "renewal", mark="renewal_at", now=now)
    return count


def _write_all(
    press: Press, season: Season, due: Iterable[Subscription], kind: LetterKind, *, mark: str, now: dt.datetime
) -> int:
    """Write to each; return to how many. None any more once the letter turns out not to be fit to be sent, which the log is told."""
    count = 0
    try:
        for one in due:
            count += _write(press, season, one, kind, mark=mark, now=now)
    except PreflightError as error:
        logger.error("%s of %s: %s", kind, season.name, error)
    return count


def _write(press: Press, season: Season, due: Subscription, kind: LetterKind, *, mark: str, now: dt.datetime) -> bool:
    with transaction.atomic():
        try:
            consent.locked(due.person.public_id)
        except UnknownPersonError:  # removed in this instant
            return False
        # The mark is taken first: of two who look at once, one writes.
        free = Subscription.objects.filter(pk=due.pk, status=due.status, since=due.since, **{f"{mark}__isnull": True})
        if not free.update(**{mark: now}):
            return False
        key = f"{kind}/{due.person.public_id}/{due.season}/{int(now.timestamp())}"
        letters.queue(press, season, kind, due.person, key=key, now=now, until_they_leave=True)
        broker.wake_on_commit(letters.TASK, "transactional")
    return True
