"""What every kind of mailbox gives: mails, each to be marked as read once what follows from it is committed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


class BoxError(Exception):
    """The mailbox cannot be read; the message is French, names KIT_BOUNCES_URL and never holds the password."""


@dataclass(frozen=True, slots=True)
class Filed:
    """A mail in a box. ``done`` marks it as read, for good."""

    raw: bytes
    done: Callable[[], None]
