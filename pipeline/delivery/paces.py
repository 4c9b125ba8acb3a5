"""What is used up of each pace, in the database: any number of senders on any number of hosts keep one rate together.

One row per name holds the instant from which on nothing is used up yet (virtual scheduling, ITU-T I.371, known as GCRA). A permit is
taken by one conditional UPDATE: of two senders that saw the same row, one gets it and the other looks again.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from math import ceil

from pipeline.delivery.models import Pace

SECOND = 1_000_000
"""In microseconds: the finest step that both databases keep."""
SKEW = dt.timedelta(seconds=10)
"""How far hosts' clocks may differ. A row further ahead than its pace allows, and this, comes of a clock that was put back: it is
forgotten, or the destination would wait for that clock to come round again."""
_TRIES = 50


def take(name: str, rate: float, want: int, *, now: dt.datetime) -> int:
    """Take up to ``want`` permits for the coming second; return how many there were.

    Over any time, all takers together get at most ``rate`` a second plus one second's worth (where ``rate`` is below 1: one). 0 means:
    none now, ask again in a moment. ``rate`` 0 is no limit.
    """
    if not rate or want <= 0:
        return max(want, 0)
    for _ in range(_TRIES):
        row = Pace.objects.filter(name=name).values_list("next_at", flat=True).first()
        if row is None:
            Pace.objects.bulk_create([Pace(name=name, next_at=now)], ignore_conflicts=True)
            continue
        start, free = _free(row, rate, now)
        permits = min(want, free)
        if not permits:
            return 0
        used = dt.timedelta(microseconds=ceil(permits * SECOND / rate))
        if Pace.objects.filter(name=name, next_at=row).update(next_at=start + used):
            return permits
    return 0  # fifty others were faster: there is nothing left of this second


def blocked(rates: Mapping[str, float], *, now: dt.datetime) -> dict[str, dt.datetime]:
    """Those of the names that :func:`take` would give nothing now, and until when; one query. ``rates`` gives each its rate."""
    rows = Pace.objects.filter(name__in=list(rates)).values_list("name", "next_at")
    full = [(name, next_at) for name, next_at in rows if rates[name] and not _free(next_at, rates[name], now)[1]]
    return {
        name: next_at - dt.timedelta(microseconds=_horizon(rates[name]) - _one(rates[name])) for name, next_at in full
    }


def _free(next_at: dt.datetime, rate: float, now: dt.datetime) -> tuple[dt.datetime, int]:
    """From when on the pace is unused, and how many permits that leaves until the horizon: a second, or one permit's time."""
    horizon = _horizon(rate)
    start = max(next_at, now)
    ahead = (start - now) // dt.timedelta(microseconds=1)
    if start - now > dt.timedelta(microseconds=horizon) + SKEW:
        start, ahead = now, 0
    # The thousandth makes up for the rounding of instants to microseconds.
    return start, max(0, int((horizon - ahead) * rate / SECOND + 0.001))


def _one(rate: float) -> int:
    """What one permit takes, in microseconds."""
    return ceil(SECOND / rate)


def _horizon(rate: float) -> int:
    """How far ahead a pace may be used up, in microseconds."""
    return max(SECOND, _one(rate))
