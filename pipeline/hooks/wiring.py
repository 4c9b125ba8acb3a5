"""From settings to what the room is handed: for faces (commands, tasks) and nobody else."""

from __future__ import annotations

from urllib.parse import urlsplit

from pipeline import clock, outward
from pipeline.hooks.sending import Courier
from pipeline.release import wiring


def is_local() -> bool:
    """True on an installation that nobody but this machine reaches: endpoints on it may be tried out, by http too."""
    host = urlsplit(wiring.environment().base_url).hostname or ""
    return host in ("localhost", "127.0.0.1", "::1")


def courier() -> Courier:
    return Courier(wiring.identity(), wiring.environment().base_url, outward.Caller(local=is_local()), clock.now)
