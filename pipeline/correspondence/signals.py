"""What faces may want to do by the hour, beside what :mod:`pipeline.correspondence.tending` does."""

from __future__ import annotations

from django.dispatch import Signal

tidying = Signal()
"""What was kept long enough goes now, with ``now``: whoever keeps something for a time of its own drops it."""
