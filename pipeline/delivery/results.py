"""From a transport's outcome to the line that is appended: a deferral has its next try, or becomes final when its time is over."""

from __future__ import annotations

import datetime as dt

from pipeline.delivery.envelope import MAX_TEXT, Outcome
from pipeline.delivery.ledger import Result, Row

RETRIES = tuple(dt.timedelta(minutes=m) for m in (5, 15, 30, 60, 120, 240, 480, 960, 1440))
GIVE_UP = dt.timedelta(hours=72)


def of_outcome(row: Row, outcome: Outcome, *, now: dt.datetime, give_up: dt.timedelta = GIVE_UP) -> Result:
    """The line for an outcome that is not ``withheld``."""
    kind, due_at, text = outcome.verdict, None, outcome.text
    if kind == "deferred":
        due_at = now + RETRIES[min(row.number, len(RETRIES)) - 1]
        if row.first_try is not None and due_at - row.first_try > give_up:
            hours = int(give_up.total_seconds() // 3600)
            kind, due_at, text = "refused", None, f"abandonné après {hours} h : {text}"[:MAX_TEXT]
    return Result(row.position, row.number, kind, "", outcome.code, outcome.enhanced[:12], text, now, due_at)


def suppressed(row: Row, *, now: dt.datetime) -> Result:
    """The line for someone who left before the message was sent."""
    return Result(row.position, row.number, "suppressed", "", 0, "", "désinscription avant l’envoi", now)


def cancelled(row: Row, *, now: dt.datetime) -> Result:
    """The line for a message of a mailing that was cancelled."""
    return Result(row.position, row.number, "cancelled", "", 0, "", "", now)


def unwritable(row: Row, *, now: dt.datetime) -> Result:
    """The line for a person whose address cannot stand in a message."""
    text = "L’adresse ne peut pas être écrite dans un message."
    return Result(row.position, row.number, "refused", "", 553, "5.1.3", text, now)
