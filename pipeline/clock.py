"""The only place that knows what time it is. Rooms below `release` are handed `now`; faces ask here.

A rehearsal sets the time it plays (:func:`simulated`); everything else reads the machine's clock.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_simulated: ContextVar[Callable[[], dt.datetime] | None] = ContextVar("simulated_clock", default=None)


def now() -> dt.datetime:
    """The current instant, aware, UTC."""
    read = _simulated.get()
    return dt.datetime.now(dt.UTC) if read is None else read()


@contextmanager
def simulated(read: Callable[[], dt.datetime]) -> Iterator[None]:
    """Make :func:`now` answer what ``read`` says, in this context only.

    Raises:
        ValueError: ``read`` gives an instant that is not UTC.
    """
    if read().utcoffset() != dt.timedelta(0):
        raise ValueError("a simulated instant must be UTC")
    token = _simulated.set(read)
    try:
        yield
    finally:
        _simulated.reset(token)


def boot_time() -> float:
    """Seconds since the machine started, suspension included (CLOCK_BOOTTIME): no clock setting moves it. Leases are measured with it."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def boot_id() -> str:
    """What tells one boot of this machine from another (Linux, random(4))."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:  # noqa: PTH123 - no path is built
        return file.read().strip()
