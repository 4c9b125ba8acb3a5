"""Beat's scheduler: it remembers nothing that matters. At a slot's instant, and every minute, it wakes the task that asks the database."""

from __future__ import annotations

import datetime as dt
import logging
import time
from typing import Any

from celery.beat import Scheduler
from django.db import Error, close_old_connections

from pipeline import clock
from pipeline.broker import wake
from pipeline.release import audit, due

logger = logging.getLogger(__name__)

TICK = 60.0
STEP = 2.0
"""Wall time that moves against monotonic time by more than this many seconds was set by somebody."""


class SeasonScheduler(Scheduler):  # type: ignore[misc]
    """Wakes `tick` at the instants that the applied seasons name, and once a minute.

    What it knows is forgotten when the plan's revision changes (a slot was moved, a season applied) and when wall time steps
    against monotonic time: the standard schedulers, after a step back of an hour, sleep that hour.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["lazy"] = True
        super().__init__(*args, **kwargs)
        self.max_interval = 5
        self._revision = -1
        self._instants: list[dt.datetime] = []
        self._offset = 0.0
        self._ticked = -TICK
        self._forget()

    def tick(self, *_: Any, **__: Any) -> float:
        """Wake what is due; return how many seconds to sleep, five at most."""
        close_old_connections()
        try:
            self._refresh()
        except Error as error:  # the database is away: the tick will ask it, as soon as it is back
            logger.warning("the calendar cannot be read: %s", error)
        now, elapsed = clock.now(), time.monotonic()
        reached = [instant for instant in self._instants if instant <= now]
        if reached or elapsed - self._ticked >= TICK:
            wake("pipeline.tasks.tick", "transactional")
            self._ticked = elapsed
            self._instants = self._instants[len(reached) :]
        until_slot = (self._instants[0] - now).total_seconds() if self._instants else TICK
        return max(0.0, min(float(self.max_interval), until_slot, self._ticked + TICK - elapsed))

    def setup_schedule(self) -> None:
        """Nothing to set up: the schedule is the database's."""

    def sync(self) -> None:
        """Nothing to keep."""

    def _refresh(self) -> None:
        revision = audit.plan_revision()
        offset = time.time() - time.monotonic()
        stepped = abs(offset - self._offset) > STEP
        if stepped:
            logger.warning("wall time moved by %.0f s against monotonic time", offset - self._offset)
        if stepped or revision != self._revision:
            first = self._revision == -1
            self._instants = due.upcoming(clock.now())
            self._revision, self._offset = revision, offset
            if not first:
                self._ticked = time.monotonic() - TICK  # what fell due while something moved is asked for at once

    def _forget(self) -> None:
        self._offset = time.time() - time.monotonic()
        self._ticked = time.monotonic() - TICK
