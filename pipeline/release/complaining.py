"""Complaints about what went out lately: too many stop a mailing, a share that worries is told to staff."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from pipeline.delivery import complaint_rates, mailings
from pipeline.delivery.models import Bounce, Mailing
from pipeline.delivery.throttle import Throttles
from pipeline.release import notices

LATELY = dt.timedelta(days=14)
"""For how long after it was frozen a mailing's complaints are looked at."""


def look(throttles: Throttles, *, staff: Sequence[str], now: dt.datetime) -> None:
    """Stop mailings that are being sent, and tell staff about the others, where their complaints pass a threshold
    (:mod:`pipeline.delivery.complaints`). Asking again says nothing twice."""
    complained = Bounce.objects.filter(kind=Bounce.Kind.COMPLAINT, at__gte=now - LATELY).values("mailing")
    for mailing in Mailing.objects.filter(pk__in=complained, cutoff__gte=now - LATELY).defer("compiled"):
        rates = [rate for rate in complaint_rates.of_mailing(mailing, throttles) if rate.level]
        if not rates:
            continue
        if mailing.state == Mailing.State.SENDING:
            mailings.stop_where_needed(mailing, rates=rates)
        notices.complaints(mailing, rates, staff=staff, now=now)
