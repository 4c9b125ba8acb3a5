"""The dated slots as rows: for `kit calendar`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pipeline.season.calendar import DatedSlot
from pipeline.season.season import Season
from pipeline.season.words import long_date

_HEAD = ("créneau", "n°", "date", "fiches", "")


def rows(season: Season, slots: Iterable[DatedSlot]) -> list[dict[str, Any]]:
    """One JSON-ready row per slot; ``due`` in UTC, ``local`` in the season's zone, both ISO 8601."""
    return [
        {
            "season": season.name,
            "slot": one.slot.name,
            "number": one.number,
            "kind": one.slot.kind,
            "planned": one.planned.isoformat() if one.planned else None,
            "date": one.date.isoformat() if one.date else None,
            "due": one.due.isoformat() if one.due else None,
            "local": one.due.astimezone(season.zone).isoformat() if one.due else None,
            "status": one.slot.status,
            "fiches": {kind: list(slugs) for kind, slugs in one.slot.fiches.items()},
            "moves": list(one.moves),
            "hold": one.hold,
            "event": one.slot.event,
            "note": one.slot.note,
        }
        for one in slots
    ]


def as_table(season: Season, slots: Iterable[DatedSlot]) -> str:
    """The same as columns of text."""
    lines = [_HEAD, *(_line(one) for one in slots)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_HEAD))]
    told = (f"{season.title} ({season.name}), {season.time:%H:%M} {season.zone.key}", "")
    shown = ("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines)
    return "\n".join((*told, *shown))


def _line(one: DatedSlot) -> tuple[str, ...]:
    date = long_date(one.date) if one.date else "sans date"
    told = [*one.moves, one.hold, "date à confirmer" if one.slot.status == "provisional" else "", one.slot.note]
    fiches = ", ".join(one.slot.slugs) or one.slot.event
    return one.slot.name, str(one.number), date, fiches, " ; ".join(part for part in told if part)
