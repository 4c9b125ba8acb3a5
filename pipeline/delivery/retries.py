"""When a deferred message is tried again: soon where a few minutes help, late where they do not, and not for ever."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping

from pipeline.delivery.verdicts import Meaning

GIVE_UP = dt.timedelta(hours=72)
SPREAD = 0.25
"""How much later than planned a retry may be, as a share of its interval."""

_USUAL = (15, 30, 60, 120, 240, 360)
_INTERVALS: Mapping[Meaning, tuple[int, ...]] = {
    # Greylisting lets a message in after 1 to 15 minutes, most often 5 (RFC 6647 §2.1).
    "greylist": (6, 10, 15, 30, 60, 120, 240, 360),
    # Blocks of a provider for too much or too fast last from an hour to a day (SFR: two hours; Free: up to 24).
    "slow": (30, 60, 130, 240, 360),
    "full": (240, 480, 720),
}
"""Minutes to wait after the first failure, the second, …; the last one stands for all that follow."""


def retry_after(
    number: int,
    *,
    position: int,
    first_try: dt.datetime | None,
    now: dt.datetime,
    give_up: dt.timedelta = GIVE_UP,
    meaning: Meaning = "",
) -> dt.datetime | None:
    """When to try again after attempt ``number`` (from 1) came to a deferral; None where ``give_up`` is over since the first try.

    Growing intervals, after RFC 5321 §4.5.4.1 (twice in the first hour, then every two or three hours or more), each stretched by up
    to a quarter. The stretch is drawn from ``position``, so that people deferred together are not retried together, and whoever
    computes it again finds the same. The last retry is at the end of ``give_up``, never beyond.
    """
    end = (first_try or now) + give_up
    if now >= end:
        return None
    minutes = _INTERVALS.get(meaning, _USUAL)
    interval = dt.timedelta(minutes=minutes[min(number, len(minutes)) - 1])
    return min(now + interval * (1 + SPREAD * _share(position)), end)


def _share(position: int) -> float:
    """A number in [0, 1) that belongs to ``position``; neighbours get far ones."""
    return int.from_bytes(hashlib.blake2b(b"%d" % position, digest_size=4).digest()) / 2**32
