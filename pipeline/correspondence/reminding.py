"""One reminder to whoever did not confirm within a day, and never a second; one question to whoever has long said nothing."""

from __future__ import annotations

import datetime as dt
import logging

from django.db import transaction

from pipeline import broker
from pipeline.audience import retention
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
    seasons = reception.open_seasons(press)
    waiting = Subscription.objects.filter(
        status=Status.PENDING,
        since__lte=now - AFTER,
        since__gt=now - LIFETIMES["confirm"],
        reminded_at__isnull=True,
        season__in=seasons,
    )
    due = waiting.select_related("person").order_by("since")[:most]
    return sum(_write(press, seasons[one.season], one, "reminder", mark="reminded_at", now=now) for one in due)


def ask_to_renew(press: Press, *, months: int, now: dt.datetime, most: int = ROUND) -> int:
    """Ask those who have not said what they want for so many months; return how many. None where ``months`` is 0."""
    seasons = reception.open_seasons(press)
    due = retention.to_renew(now, months, most, seasons=seasons)
    return sum(_write(press, seasons[one.season], one, "renewal", mark="renewal_at", now=now) for one in due)


def _write(press: Press, season: Season, due: Subscription, kind: LetterKind, *, mark: str, now: dt.datetime) -> bool:
    try:
        with transaction.atomic():
            # The mark is taken first: of two who look at once, one writes.
            free = Subscription.objects.filter(
                pk=due.pk, status=due.status, since=due.since, **{f"{mark}__isnull": True}
            )
            if not free.update(**{mark: now}):
                return False
            key = f"{kind}/{due.person.public_id}/{due.season}/{int(now.timestamp())}"
            letters.queue(press, season, kind, due.person, key=key, now=now, until_they_leave=True)
            broker.wake_on_commit(letters.TASK, "transactional")
    except PreflightError as error:
        logger.error("%s to %s: %s", kind, due.person_id, error)
        return False
    return True
