"""Dates in words, as a reader of the season's language writes them."""

from __future__ import annotations

import datetime as dt
import re
from zoneinfo import ZoneInfo

from babel.dates import format_date

NBSP = "\N{NO-BREAK SPACE}"


def long_date(date: dt.date, language: str = "fr") -> str:
    """« mercredi 22 janvier 2020 », « mercredi 1er avril 2020 »."""
    words = format_date(date, "EEEE d MMMM y", locale=language)
    # CLDR writes « 1 avril »; in French the first of a month is an ordinal.
    return re.sub(r"\b1 (?=\w)", "1er ", words) if language == "fr" else words


def month_name(date: dt.date, language: str = "fr") -> str:
    """The month of that day: « mars 2020 »."""
    return str(format_date(date, "MMMM y", locale=language))


def long_instant(instant: dt.datetime, zone: ZoneInfo, language: str = "fr") -> str:
    """« mercredi 22 janvier 2020 à 9 h », in the zone's wall time."""
    local = instant.astimezone(zone)
    minutes = f"{NBSP}{local.minute:02}" if local.minute else ""
    return f"{long_date(local.date(), language)} à {local.hour}{NBSP}h{minutes}"
