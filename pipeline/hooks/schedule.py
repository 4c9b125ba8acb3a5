"""When a failed attempt is made again, and when it is enough: the schedule that Standard Webhooks recommends, with jitter."""

from __future__ import annotations

import datetime as dt
import hashlib
from email.utils import parsedate_to_datetime

_MINUTE, _HOUR = 60, 3600
WAITS = (5, 5 * _MINUTE, 30 * _MINUTE, 2 * _HOUR, 5 * _HOUR, 10 * _HOUR, 14 * _HOUR, 20 * _HOUR, 24 * _HOUR)
"""Seconds after the first failure, the second, …: ten attempts within a little more than three days."""
JITTER = 0.1
"""How much later than that an attempt may be, as a share of the wait."""
LONGEST_REST = 30 * _MINUTE
FAILING = dt.timedelta(days=5)
"""An endpoint that has answered nothing but failures for so long is disabled."""
LONGEST_WISH = 24 * _HOUR


def next_attempt(attempts: int, delivery: int, *, now: dt.datetime, wish: float = 0) -> dt.datetime | None:
    """When to try again after attempt number ``attempts`` (from 1) failed; None once it was the last.

    The jitter belongs to ``delivery`` and the number of the attempt, so that what failed together does not come back together.
    ``wish``: the seconds that the endpoint asked us to wait (``Retry-After``).
    """
    if attempts > len(WAITS):
        return None
    drawn = hashlib.blake2b(b"%d/%d" % (delivery, attempts), digest_size=4).digest()
    wait = WAITS[attempts - 1] * (1 + JITTER * int.from_bytes(drawn) / 2**32)
    return now + dt.timedelta(seconds=max(wait, wish))


def rest(failures: int, *, now: dt.datetime, wish: float = 0) -> dt.datetime:
    """Until when an endpoint that failed ``failures`` times in a row is not tried at all: the others that wait for it need not
    each find out for themselves."""
    wait = min(WAITS[min(failures, len(WAITS)) - 1], LONGEST_REST)
    return now + dt.timedelta(seconds=max(wait, wish))


def wish(retry_after: str, *, now: dt.datetime) -> float:
    """Seconds that a ``Retry-After`` asks for (RFC 9110 §10.2.3: seconds or a date), a day at most; 0 where it says nothing usable."""
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return float(min(int(text[:9]), LONGEST_WISH))
    try:
        at = parsedate_to_datetime(text)
        seconds = (at if at.tzinfo else at.replace(tzinfo=dt.UTC)) - now
    except (ValueError, TypeError, OverflowError):
        return 0
    return min(max(seconds.total_seconds(), 0), LONGEST_WISH)
