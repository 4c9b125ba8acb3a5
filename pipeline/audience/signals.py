"""What other rooms, which this one does not know, may want to hear of. Every signal is sent inside the transaction that makes it true."""

from __future__ import annotations

from django.dispatch import Signal

started = Signal()
"""A subscription became active, with ``subscription``, ``why`` (the ledger's event) and ``now``. Imports send none: they are one event."""

ended = Signal()
"""A subscription that was active ended, with ``subscription``, ``why`` (a reason of a suppression) and ``now``."""

moved = Signal()
"""A person has another address, with ``person_id``, the ``old`` and the ``new`` mailbox, and ``now``."""

erased = Signal()
"""A person was erased, with ``person_id``, the ``address`` they had, and ``now``: whoever kept a copy of the address drops it there."""

held = Signal()
"""What is held about a person is gathered, with ``person_id`` and ``address``: receivers return what they keep, as JSON takes it, by
the name of the part that it will be."""

named = Signal()
"""People are about to be removed whom nothing but an undone import knows, with ``people``, a frozenset of ids, and ``since``: when they
came. Receivers return, as a set, those whom what they keep still names."""
