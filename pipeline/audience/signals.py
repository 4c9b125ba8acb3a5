"""What other rooms, which this one does not know, may want to hear of."""

from __future__ import annotations

from django.dispatch import Signal

erased = Signal()
"""A person was erased. Sent inside the transaction with ``person_id``, the ``address`` they had, and ``now``: whoever kept a copy of
the address drops it there."""
