"""Reading the mailbox that reports come to (``KIT_BOUNCES_URL``): a bounded batch at a time, nothing lost when killed in between."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import datetime
from urllib.parse import urlsplit

from django.db import Error

from pipeline.delivery.bounces import imap, intake, maildir, report
from pipeline.delivery.bounces.box import BoxError

logger = logging.getLogger(__name__)

BATCH = 500
"""Mails that one poll reads at most."""
SECONDS = 4.0
"""How long a poll begins another mail: it shares its queue with what must not wait."""

_BOXES = {"maildir": maildir.unread, "imaps": imap.unread, "imap": imap.unread}


def poll(url: str, *, now: Callable[[], datetime], most: int = BATCH, seconds: float = SECONDS) -> int:
    """Read what is new, and mark each mail once what follows from it is committed; return how many were read: 0 where none is left.

    A mail that was recorded but not marked (the process died) is read again, and changes nothing.

    Raises:
        BoxError: the mailbox cannot be read.
        django.db.Error: the database is away; what was not marked waits for the next poll.
    """
    parts = urlsplit(url)
    if parts.scheme not in _BOXES:
        raise BoxError(
            "KIT_BOUNCES_URL : attendu « maildir:///dossier » ou « imaps://utilisateur:motdepasse@hôte/boîte »."
        )
    read, end = 0, time.monotonic() + seconds
    for filed in _BOXES[parts.scheme](parts, most):
        try:
            intake.take(filed.raw, report.addressees(filed.raw), now=now())
        except Error:
            raise
        except Exception:
            # One mail that we cannot handle must not keep the others waiting: it stays unread, and is told.
            logger.exception("a mail of the bounce mailbox cannot be handled")
            continue
        filed.done()
        read += 1
        if time.monotonic() >= end:
            break
    return read
