"""Slots → dates and instants. Pure: the same season gives the same calendar, whatever the day."""

from __future__ import annotations

import calendar as months
import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count

from pipeline.content.errors import Fault
from pipeline.season.season import Blackout, PlannedSlot, Season


class CalendarError(Exception):
    """The dates contradict each other; ``fault`` tells where and how to mend it."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        super().__init__(str(fault))


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


def cadence_dates(season: Season) -> Iterator[dt.date]:
    """Yield the dates of the cadence, without end. Months are counted from the first date: a 31st stays a 31st where there is one."""
    every, unit = season.cadence.every, season.cadence.unit
    for at in count():
        try:
            if unit == "months":
                yield _plus_months(season.first, at * every)
            else:
                yield season.first + dt.timedelta(**{unit: at * every})
        except (OverflowError, ValueError):
            return


def instant(season: Season, date: dt.date) -> dt.datetime:
    """The instant, in UTC, at which a slot of that local day leaves: the season's wall time, whatever the offset of the day.

    A wall time that daylight saving skips is taken as if the clock had not moved yet; of two, the first.
    """
    return dt.datetime.combine(date, season.time, season.zone).astimezone(dt.UTC)


def digest_date(season: Season, year: int, month: int) -> dt.date:
    """The local day on which the digest of that month leaves: the first one, from ``season.digest_day`` of the following month
    on, that no blackout covers. A digest is no slot: what a blackout says of slots (``action``) does not hold it.

    Raises:
        CalendarError: the blackouts leave no such day before the end of the calendar.
    """
    try:
        return open_day(season, _plus_months(dt.date(year, month, 1), 1).replace(day=season.digest_day))
    except (OverflowError, ValueError) as error:
        message = f"aucun jour ne reste pour le récapitulatif de {month:02}/{year}."
        raise CalendarError(Fault(season.path, 0, "blackouts", message, "Raccourcir les jours sans envoi.")) from error


def open_day(season: Season, date: dt.date) -> dt.date:
    """The first day, from ``date`` on, that no blackout covers. Raises :class:`OverflowError` where there is none."""
    while (blackout := _blackout(season, date)) is not None:
        date = blackout.end + dt.timedelta(days=1)
    return date


def dated(season: Season, overrides: Mapping[str, dt.date] | None = None) -> tuple[DatedSlot, ...]:
    """Give every slot its date. ``overrides``: slot → the date that staff decided.

    A blackout moves only a slot whose date the cadence gave: a date that a person wrote or decided stands.

    Raises:
        CalendarError: two slots on one date, or a finale that is not last.
    """
    found = list(_walk(season, overrides or {}))
    _check(season, found)
    return tuple(found)


def _walk(season: Season, overrides: Mapping[str, dt.date]) -> Iterator[DatedSlot]:
    postponed = {one.slot: one for one in season.postponements}
    dates = cadence_dates(season)
    later = dt.timedelta()
    for number, slot in enumerate(season.slots, start=1):
        final = slot.kind == "final"
        planned = slot.date if final else _next(season, slot, dates, later)
        date, moves, hold = planned, list[str](), ""
        if slot.name in overrides:
            date = overrides[slot.name]
            moves.append(f"date décidée par l’équipe : {date.isoformat()}")
        elif slot.name in postponed:
            move = postponed[slot.name]
            date = move.date
            moves.append(f"reporté au {date.isoformat()} : {move.reason}")
            if move.shift_later and planned is not None:
                later += date - planned
        elif slot.date is None and date is not None:
            while (blackout := _blackout(season, date)) is not None:
                if blackout.action == "hold":
                    hold = f"Le {date.isoformat()} est un jour sans envoi : {blackout.reason}."
                    break
                moved = blackout.end + dt.timedelta(days=1)
                if blackout.action == "next-slot":
                    moved = _next(season, slot, dates, later)
                moves.append(f"déplacé du {date.isoformat()} au {moved.isoformat()} : {blackout.reason}")
                date = moved
        elif date is not None and (blackout := _blackout(season, date)) is not None and blackout.action == "hold":
            hold = f"Le {date.isoformat()} est un jour sans envoi : {blackout.reason}."
        due = instant(season, date) if date is not None else None
        yield DatedSlot(slot, number, planned, date, due, tuple(moves), hold)


def _next(season: Season, slot: PlannedSlot, dates: Iterator[dt.date], later: dt.timedelta) -> dt.date:
    """The next date of the cadence; a slot that fixes its own takes its place in the row all the same."""
    try:
        step = next(dates)
        return slot.date if slot.date is not None else step + later
    except (StopIteration, OverflowError) as error:
        message = "la cadence sort du calendrier (an 9999)."
        raise CalendarError(
            Fault(season.path, slot.line, f"slots.{slot.name}", message, "Corriger « cadence » ou « first ».")
        ) from error


def _blackout(season: Season, date: dt.date) -> Blackout | None:
    return next((one for one in season.blackouts if one.start <= date <= one.end), None)


def _check(season: Season, found: list[DatedSlot]) -> None:
    taken: dict[dt.date, str] = {}
    for one in found:
        if one.date is None:
            continue
        name = f"slots.{one.slot.name}"
        if one.date in taken:
            message = f"le {one.date.isoformat()} est déjà la date du créneau {taken[one.date]}."
            raise CalendarError(Fault(season.path, _line(season, one), name, message, "Changer l’une des deux dates."))
        taken[one.date] = one.slot.name
    finales = [one for one in found if one.slot.kind == "final" and one.date is not None]
    others = [one.date for one in found if one.slot.kind != "final" and one.date is not None]
    for one in finales:
        if others and one.date is not None and one.date < max(others):
            message = f"la finale ({one.date.isoformat()}) vient avant le dernier créneau ({max(others).isoformat()})."
            raise CalendarError(
                Fault(
                    season.path, _line(season, one), one.slot.name, message, "Donner à la finale une date plus tardive."
                )
            )


def _line(season: Season, one: DatedSlot) -> int:
    return next((move.line for move in season.postponements if move.slot == one.slot.name), one.slot.line)


def _plus_months(first: dt.date, number: int) -> dt.date:
    year, month = divmod(first.year * 12 + first.month - 1 + number, 12)
    return dt.date(year, month + 1, min(first.day, months.monthrange(year, month + 1)[1]))
