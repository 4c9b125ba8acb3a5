"""What other rooms may want to hear of a season, inside the transaction that makes it true."""

from __future__ import annotations

from django.dispatch import Signal

published = Signal()
"""A release appeared, with ``release`` and ``now``."""
