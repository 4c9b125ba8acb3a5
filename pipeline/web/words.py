"""Dates, hours and sizes in words, as the pages say them."""

from __future__ import annotations

import datetime as dt
import re

from babel.dates import format_date
from django.utils.translation import get_language

from pipeline.content.fiche import Source
from pipeline.season.words import NBSP, long_date


def day(date: dt.date) -> str:
    """« mercredi 1er avril 2020 »."""
    return long_date(date, _locale())


def day_without_weekday(date: dt.date) -> str:
    """« 1er avril 2020 »."""
    words = format_date(date, "d MMMM y", locale=_locale())
    return re.sub(r"^1 ", "1er ", words) if _locale() == "fr" else words


def hour(time: dt.time) -> str:
    """« 9 h », « 14 h 30 »."""
    minutes = f"{NBSP}{time.minute:02}" if time.minute else ""
    return f"{time.hour}{NBSP}h{minutes}"


def source_date(source: Source) -> str:
    """A source's date, as far as it is known: « 13 décembre 2019 », « décembre 2019 », « 2019 », « s. d. »."""
    match source.date.count("-"):
        case 2:
            return day_without_weekday(dt.date.fromisoformat(source.date))
        case 1:
            return format_date(dt.date.fromisoformat(f"{source.date}-01"), "MMMM y", locale=_locale())
        case _:
            return source.date.replace(" ", NBSP)


def size(count: int) -> str:
    """A number of bytes: « 312 ko », « 1,4 Mo » (1 ko = 1 000 bytes, IEC 80000-13)."""
    if count < 1_000_000:
        return f"{max(1, round(count / 1_000))}{NBSP}ko"
    return f"{count / 1_000_000:.1f}{NBSP}Mo".replace(".", ",")


def _locale() -> str:
    return (get_language() or "fr").partition("-")[0]
