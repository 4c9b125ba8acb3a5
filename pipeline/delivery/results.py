"""From a transport's outcome to the line that is appended: a deferral has its next try, or becomes final when its time is over."""

from __future__ import annotations

import datetime as dt

from pipeline.delivery import verdicts
from pipeline.delivery.envelope import MAX_TEXT, Outcome
from pipeline.delivery.ledger import Result, Row
from pipeline.delivery.retries import GIVE_UP, retry_after


def of_outcome(row: Row, outcome: Outcome, *, now: dt.datetime, give_up: dt.timedelta = GIVE_UP) -> Result:
    """The line for an outcome that is not ``withheld``."""
    kind, text, due_at = outcome.verdict, outcome.text, None
    meaning = "" if kind == "sent" else verdicts.meaning(outcome)
    if kind == "deferred":
        due_at = retry_after(
            row.number, position=row.position, first_try=row.first_try, now=now, give_up=give_up, meaning=meaning
        )
        if due_at is None:
            hours = int(give_up.total_seconds() // 3600)
            kind, text = "refused", f"abandonné après {hours}\u00a0h : {text}"[:MAX_TEXT]
    return Result(row.position, row.number, kind, meaning, outcome.code, outcome.enhanced[:12], text, now, due_at)


def suppressed(row: Row, *, now: dt.datetime) -> Result:
    """The line for someone who left before the message was sent."""
    return Result(row.position, row.number, "suppressed", "", 0, "", "désinscription avant l’envoi", now)


def moved(row: Row, *, now: dt.datetime) -> Result:
    """The line for someone whose address changed before the message was sent: it goes to the new one, at once."""
    return Result(row.position, row.number, "deferred", "", 0, "", "adresse changée avant l’envoi", now, now)


def cancelled(row: Row, *, now: dt.datetime) -> Result:
    """The line for a message of a mailing that was cancelled."""
    return Result(row.position, row.number, "cancelled", "", 0, "", "", now)


def unwritable(row: Row, *, now: dt.datetime) -> Result:
    """The line for a person whose address cannot stand in a message."""
    text = "L’adresse ne peut pas être écrite dans un message."
    return Result(row.position, row.number, "refused", "", 553, "5.1.3", text, now)
