"""Slots → dates and instants."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from pipeline.season.season import PlannedSlot


@dataclass(frozen=True, slots=True)
class DatedSlot:
    """A slot with its date. ``number`` counts the season's mailings from 1; ``planned`` is the date before blackouts and
    postponements, ``date`` the local day it leaves, ``due`` that instant in UTC (all None for a finale without a date).
    ``moves`` tells, in French, each reason for which ``date`` is not ``planned``; ``hold`` is set where the file asks for a person."""

    slot: PlannedSlot
    number: int
    planned: dt.date | None
    date: dt.date | None
    due: dt.datetime | None
    moves: tuple[str, ...] = ()
    hold: str = ""
