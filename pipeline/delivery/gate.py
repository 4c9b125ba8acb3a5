"""What stands between a message and the wire: the lease, who has left or moved, a stop, a mailing that was paused."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Iterable
from typing import Literal, TypeAlias

from django.db import Error

from pipeline.audience import selection
from pipeline.clock import boot_time
from pipeline.delivery import ledger, news
from pipeline.delivery.envelope import Envelope, Outcome
from pipeline.delivery.journal import Journal, JournalFull
from pipeline.delivery.ledger import Lease, LeaseLost, Row
from pipeline.delivery.models import Mailing

logger = logging.getLogger(__name__)

Closed: TypeAlias = Literal["", "stop", "lease", "mailing", "database", "journal", "breaker"]
"""Why nothing more is begun: the process stops, the lease ran out, staff paused or cancelled, the database or the journal cannot
be had, or what came back calls for a person."""

RENEWED = 0.9
"""A lease of which less than this share is left is renewed while the other side lets us wait."""


class LeaseGate:
    """Answers the transport for one lease (:class:`pipeline.delivery.transports.base.Gate`).

    Once ``closed``, nothing is begun and no dot is written; answers that are under way are still awaited and noted.
    """

    def __init__(
        self,
        lease: Lease,
        journal: Journal,
        mailing: Mailing,
        *,
        stopping: Callable[[], bool],
        now: Callable[[], dt.datetime],
        patience: float,
    ) -> None:
        self.closed: Closed = ""
        self.suppressed: set[int] = set()
        self.moved: set[int] = set()
        self._lease = lease
        self._journal = journal
        self._mailing = mailing
        self._sequence = mailing.suppressions
        self._stopping = stopping
        self._now = now
        self._patience = patience
        self._stop_at: float | None = None
        self._rows: dict[int, Row] = {}
        self.refresh()
        # Rows are read after this, with the addresses of all who have moved so far.
        self.moved.clear()

    def expect(self, rows: Iterable[Row]) -> None:
        """Rows of the lease whose messages are handed to the transport next."""
        self._rows |= {row.position: row for row in rows}

    def row(self, position: int) -> Row:
        return self._rows[position]

    def refresh(self) -> None:
        if self._stopping():
            self._close("stop")
        elif not self._lease.safe:
            self._close("lease")
        if self.closed:
            return
        try:
            # Where answers come often, but slowly, nobody is ever asked to wait (:meth:`waiting`).
            if self._lease.until - boot_time() < ledger.LEASE / 2:
                ledger.renew(self._lease, now=self._now())
            state, sequence = news.ask(self._mailing.pk)
            if state != Mailing.State.SENDING:
                self._close("mailing")
            if sequence > self._sequence:
                heard = selection.news(self._sequence, self._mailing.season)
                self._sequence = heard.sequence
                self.suppressed |= heard.gone
                self.moved |= heard.moved
        except LeaseLost:
            self._close("lease")
        except Error as error:
            logger.warning("mailing %s: the database is away (%s)", self._mailing.name, error)
            self._close("database")

    def wanted(self, envelope: Envelope) -> bool:
        person = self._rows[envelope.key].person
        return not self.closed and self._lease.safe and person not in self.suppressed and person not in self.moved

    def intent(self, envelope: Envelope) -> bool:
        try:
            self._journal.intent(envelope.key)
        except JournalFull as error:
            logger.error("the journal cannot be written: %s", error.strerror)
            self._close("journal")
            return False
        # A process that slept before the line was written may find its batch taken by somebody who has read the journal without it.
        # Safe after the write, the line stood there in time.
        if not self._lease.safe:
            self._close("lease")
            return False
        return True

    def told(self, outcome: Outcome) -> None:
        """Note an outcome, before anything else is begun on its connection."""
        try:
            self._journal.outcome(outcome)
        except JournalFull as error:
            logger.error("the journal cannot be written: %s", error.strerror)
            self._close("journal")

    def stop(self) -> None:
        """What came back calls for a person: begin nothing more."""
        self._close("breaker")

    def waiting(self) -> bool:
        if self._stopping():
            self._close("stop")
            self._stop_at = self._stop_at or boot_time()
            return boot_time() < self._stop_at + self._patience
        if self._lease.until - boot_time() < ledger.LEASE * RENEWED:
            try:
                ledger.renew(self._lease, now=self._now())
            except LeaseLost:
                self._close("lease")
                return False
            except Error:
                # The answer may still come, and then stands in the journal; only the lease's end ends the wait.
                self._close("database")
                return self._lease.safe
        return True

    def _close(self, why: Closed) -> None:
        self.closed = self.closed or why
