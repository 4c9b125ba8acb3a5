"""How much a sender reserves at a time: about a second of its work, and enough to fill its connections."""

from __future__ import annotations

from dataclasses import dataclass

SECOND = 0.8
"""How much sending one reservation is sized for, in seconds: a lost host leaves at most that much uncertain."""
FIRST, MOST = 16, 1000
"""Rows of a process's first reservation, before its pace is known, and of any."""


@dataclass(slots=True)
class Stride:
    """How many rows the next reservation takes, by the pace that this process has seen."""

    rows: int = FIRST

    def learn(self, count: int, seconds: float, *, least: int) -> None:
        """``count`` rows took so long. With fewer than ``least`` the way out would not be used to the full, and seem slower still."""
        if count < self.rows and seconds < SECOND:
            return  # the rest of a batch tells little
        pace = count / max(seconds, 0.001)
        self.rows = max(1, least, min(MOST, int(pace * SECOND), self.rows * 4))
