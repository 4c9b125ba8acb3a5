"""What other rooms, which this one does not know, may want to hear of. Every signal is sent inside the transaction that makes it true."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.dispatch import Signal

started = Signal()
"""A subscription became active, with ``subscription``, ``why`` (the ledger's event) and ``now``. Imports send none: they are one event."""

ended = Signal()
"""A subscription that was active ended, with ``subscription``, ``why`` (a reason of a suppression) and ``now``."""

moved = Signal()
"""A person has another address, with ``person_id``, the ``old`` and the ``new`` mailbox, and ``now``."""

erased = Signal()
"""A person was erased, or removed because they never confirmed, with ``person_id``, the ``address`` they had, the ``former`` ones, and
``now``: whoever kept a copy of an address drops it there."""

held = Signal()
"""What is held about a person is gathered, with ``person_id`` and ``address``: receivers return a list of :class:`Part`."""

pointing = Signal()
"""A person who never confirmed is about to be removed, with ``person_id``: receivers return True where they keep rows that name them."""

named = Signal()
"""People are about to be removed whom nothing but an undone import knows, with ``people``, a frozenset of ids, and ``since``: when they
came. Receivers return, as a set, those whom what they keep still names."""


@dataclass(frozen=True, slots=True)
class Part:
    """Some of what is held about a person. ``name``: of the part, and of its file; ``about``: a French sentence, what it is and what
    it is for; ``rows``: one a thing, with the same keys in each, as JSON takes it."""

    name: str
    about: str
    rows: list[dict[str, Any]]
