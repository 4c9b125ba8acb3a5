"""The season's dates as iCalendar (RFC 5545)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping

from pipeline.season.calendar import DatedSlot
from pipeline.season.season import Season

_LENGTH = dt.timedelta(minutes=30)


def calendar(
    season: Season,
    slots: Iterable[DatedSlot],
    *,
    url_for: Callable[[str], str],
    now: dt.datetime,
    states: Mapping[str, str] | None = None,
) -> bytes:
    """One event per dated slot, in UTC, with CRLF lines of at most 75 octets. ``now`` is the DTSTAMP.

    UIDs stay the same when a slot moves; a provisional date is TENTATIVE, a skipped slot CANCELLED.
    """
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        f"PRODID:-//{_text(season.publisher.name)}//{_text(season.title)}//FR",
        "CALSCALE:GREGORIAN",
        "METHOD:PUBLISH",
        f"X-WR-CALNAME:{_text(season.title)}",
        f"X-WR-TIMEZONE:{season.zone.key}",
    ]
    for one in slots:
        if one.due is not None:
            state = (states or {}).get(one.slot.name, "")
            lines += _event(season, one, url=url_for(one.slot.name), now=now, state=state)
    lines.append("END:VCALENDAR")
    return b"".join(_folded(line) for line in lines)


def _event(season: Season, one: DatedSlot, *, url: str, now: dt.datetime, state: str) -> list[str]:
    slot, due = one.slot, one.due or now
    tentative = slot.status == "provisional"
    status = "CANCELLED" if state == "skipped" else "TENTATIVE" if tentative else "CONFIRMED"
    title = slot.title or slot.event or f"{season.title} n° {one.number}"
    told = [slot.event] if slot.event else []
    told += ["Date à confirmer."] if tentative else []
    told += list(one.moves)
    return [
        "BEGIN:VEVENT",
        f"UID:{season.name}-{slot.name}@{season.publisher.list_id}",
        f"DTSTAMP:{_stamp(now)}",
        f"DTSTART:{_stamp(due)}",
        f"DTEND:{_stamp(due + _LENGTH)}",
        f"SEQUENCE:{len(one.moves)}",
        f"STATUS:{status}",
        "TRANSP:TRANSPARENT",
        f"SUMMARY:{_text(title + (' (date à confirmer)' if tentative else ''))}",
        *([f"DESCRIPTION:{_text(chr(10).join(told))}"] if told else []),
        f"URL:{url}",
        "END:VEVENT",
    ]


def _stamp(instant: dt.datetime) -> str:
    return instant.astimezone(dt.UTC).strftime("%Y%m%dT%H%M%SZ")


def _text(value: str) -> str:
    """RFC 5545 §3.3.11."""
    return value.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,").replace("\n", "\\n").replace("\r", "")


def _folded(line: str) -> bytes:
    """RFC 5545 §3.1: at most 75 octets a line, never inside a character."""
    parts: list[bytes] = []
    current = b""
    for character in line:
        raw = character.encode()
        if len(current) + len(raw) > (75 if not parts else 74):
            parts.append(current)
            current = b""
        current += raw
    parts.append(current)
    return b"\r\n ".join(parts) + b"\r\n"
