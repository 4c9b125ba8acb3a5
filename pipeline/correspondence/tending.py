"""What is done for the audience by itself: entries are sealed, people reminded and asked again, and what was kept long enough goes."""

from __future__ import annotations

import datetime as dt

from django.db.models import Q

from pipeline.audience import imports, retention, sealing
from pipeline.correspondence import reminding, signals
from pipeline.delivery import outbox
from pipeline.release.letters import Press
from pipeline.release.models import Plan

EVERY = dt.timedelta(hours=1)
"""How often what is old is looked for."""
LEFT = dt.timedelta(minutes=5)
"""An import that is as old and not done has lost the process that was at it."""
SECONDS = 4.0


def tend(press: Press, *, months: int, now: dt.datetime) -> None:
    """Do what is due, for a few seconds. ``months``: after so many without a word, people are asked again; 0: never."""
    imports.resume(decided_before=now - LEFT, seconds=SECONDS)
    reminding.remind(press, now=now)
    sealing.seal(now=now)
    due = Plan.objects.filter(Q(tended_at=None) | Q(tended_at__lte=now - EVERY) | Q(tended_at__gt=now + EVERY))
    if not due.update(tended_at=now):
        return
    reminding.ask_to_renew(press, months=months, now=now)
    retention.lapse(now, seconds=SECONDS)
    outbox.tidy(now)
    signals.tidying.send(sender=Plan, now=now)
    if not retention.purge(now, seconds=SECONDS).finished:
        Plan.objects.update(tended_at=None)  # the next tick goes on
