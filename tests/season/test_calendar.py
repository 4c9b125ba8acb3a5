"""Dates: the same wall time whatever the season of the year, and nothing lost when something moves."""

from __future__ import annotations

import datetime as dt
from itertools import islice
from zoneinfo import ZoneInfo

import icalendar
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.season import calendar, ics, schema, table
from pipeline.season.season import Season
from pipeline.season.words import long_date, long_instant, month_name
from tests.factories import season_yaml

DATES = st.dates(dt.date(1995, 1, 1), dt.date(2090, 1, 1))


def season(**options: object) -> Season:
    return schema.parse(season_yaml(**options), "essai.yaml")  # type: ignore[arg-type]


def dates(made: Season, **overrides: dt.date) -> list[str]:
    return [str(one.date) for one in calendar.dated(made, overrides)]


@settings(deadline=None)
@given(
    first=DATES, every=st.integers(1, 60), unit=st.sampled_from(["days", "weeks", "months"]), slots=st.integers(1, 12)
)
def test_the_wall_time_stays_the_same_across_daylight_saving(first: dt.date, every: int, unit: str, slots: int) -> None:
    made = season(first=first, every=every, unit=unit, slots=slots)
    found = calendar.dated(made)
    for one in found:
        assert one.due is not None
        assert one.due.utcoffset() == dt.timedelta(0)
        local = one.due.astimezone(ZoneInfo("Europe/Paris"))
        assert (local.date(), local.time()) == (one.date, dt.time(9))
    days = [one.date for one in found if one.date is not None]
    assert days == sorted(set(days))
    assert days[0] == first


@settings(deadline=None)
@given(first=DATES, every=st.integers(1, 12))
def test_months_keep_the_day_where_there_is_one(first: dt.date, every: int) -> None:
    for day in islice(calendar.cadence_dates(season(first=first, every=every, unit="months")), 40):
        last = (day.replace(day=28) + dt.timedelta(days=4)).replace(day=1) - dt.timedelta(days=1)
        assert day.day == min(first.day, last.day)


def test_the_leap_day_is_a_day() -> None:
    assert dates(season(first="2020-02-15", every=14, unit="days", slots=2)) == ["2020-02-15", "2020-02-29"]
    assert dates(season(first="2020-02-29", every=12, unit="months", slots=2)) == ["2020-02-29", "2021-02-28"]


def test_a_time_that_does_not_exist_leaves_when_the_clock_has_moved() -> None:
    made = season(first="2020-03-29", time="02:30", slots=1)
    assert calendar.instant(made, dt.date(2020, 3, 29)) == dt.datetime(2020, 3, 29, 1, 30, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("action", "expected", "hold"),
    [
        ("next-day", ["2020-01-22", "2020-02-07", "2020-02-19"], ""),
        ("next-slot", ["2020-01-22", "2020-02-19", "2020-03-04"], ""),
        ("hold", ["2020-01-22", "2020-02-05", "2020-02-19"], "pont"),
    ],
)
def test_what_happens_on_a_blackout_date(action: str, expected: list[str], hold: str) -> None:
    made = season(blackouts=f"[{{from: 2020-02-05, to: 2020-02-06, reason: pont, action: {action}}}]")
    assert dates(made) == expected
    held = calendar.dated(made)[1]
    assert hold in held.hold
    assert bool(held.moves) == (action != "hold")


def test_a_postponed_slot_moves_alone_or_takes_the_later_ones_along() -> None:
    alone = '[{slot: "2", date: 2020-02-12, reason: grève}]'
    assert dates(season(postponements=alone)) == ["2020-01-22", "2020-02-12", "2020-02-19"]
    along = '[{slot: "2", date: 2020-02-12, reason: grève, shift_later: true}]'
    made = season(postponements=along, finale="finale: {date: 2020-09-30}")
    assert dates(made) == ["2020-01-22", "2020-02-12", "2020-02-26", "2020-09-30"]
    assert "grève" in calendar.dated(made)[1].moves[0]


def test_a_decision_of_staff_stands_above_the_file() -> None:
    assert dates(season(), **{"2": dt.date(2020, 2, 6)}) == ["2020-01-22", "2020-02-06", "2020-02-19"]
    with pytest.raises(calendar.CalendarError):
        calendar.dated(season(), {"2": dt.date(2020, 2, 19)})


def test_a_finale_may_have_no_date_and_a_season_no_finale() -> None:
    assert calendar.dated(season(finale="finale: {event: Un jour}"))[-1].due is None
    assert len(calendar.dated(season(slots=30))) == 30


@settings(deadline=None)
@given(blackout=st.dates(dt.date(2020, 1, 1), dt.date(2020, 6, 1)), length=st.integers(0, 40))
def test_no_slot_that_the_cadence_dates_falls_on_a_blackout_it_must_leave(blackout: dt.date, length: int) -> None:
    end = blackout + dt.timedelta(days=length)
    made = season(every=9, unit="weeks", blackouts=f"[{{from: {blackout}, to: {end}, reason: été, action: next-day}}]")
    for one in calendar.dated(made):
        assert one.date is not None
        assert not blackout <= one.date <= end


@settings(deadline=None)
@given(year=st.integers(1970, 2200), month=st.integers(1, 12), day=st.integers(1, 28))
def test_a_digest_leaves_on_its_day_of_the_month_after(year: int, month: int, day: int) -> None:
    date = calendar.digest_date(season(more=f"digest: {{day: {day}}}"), year, month)
    assert (date.year * 12 + date.month) - (year * 12 + month) == 1
    assert date.day == day


@pytest.mark.parametrize("action", ["next-day", "next-slot", "hold"])
def test_a_digest_leaves_after_the_blackouts_of_its_day(action: str) -> None:
    made = season(
        blackouts=f"[{{from: 2020-05-01, to: 2020-05-03, reason: pont, action: {action}}},"
        f" {{from: 2020-05-04, reason: panne, action: {action}}}]"
    )
    assert calendar.digest_date(made, 2020, 4) == dt.date(2020, 5, 5)
    assert calendar.digest_date(made, 2020, 5) == dt.date(2020, 6, 1)


def test_a_digest_that_no_day_is_left_for_is_told() -> None:
    made = season(blackouts="[{from: 2020-05-01, to: 9999-12-31, reason: fermeture}]")
    with pytest.raises(calendar.CalendarError, match="04/2020"):
        calendar.digest_date(made, 2020, 4)


def test_dates_in_words() -> None:
    assert month_name(dt.date(2020, 8, 31)) == "août 2020"
    assert long_date(dt.date(2020, 4, 1)) == "mercredi 1er avril 2020"
    instant = dt.datetime(2020, 1, 22, 8, tzinfo=dt.UTC)
    assert long_instant(instant, ZoneInfo("Europe/Paris")) == "mercredi 22 janvier 2020 à 9\N{NO-BREAK SPACE}h"


def test_the_calendar_file_is_read_by_others() -> None:
    made = season(finale='finale: {date: 2020-09-30, status: provisional, event: "Fin; la, vraie"}')
    raw = ics.calendar(
        made,
        calendar.dated(made),
        url_for=lambda slot: f"https://essai.org/{slot}/",
        now=dt.datetime(2020, 1, 1, tzinfo=dt.UTC),
    )
    events = list(icalendar.Calendar.from_ical(raw).walk("VEVENT"))
    assert [event["DTSTART"].dt for event in events][0] == dt.datetime(2020, 1, 22, 8, tzinfo=dt.UTC)
    assert str(events[-1]["STATUS"]) == "TENTATIVE"
    assert "la, vraie" in str(events[-1]["DESCRIPTION"])
    assert all(len(line) <= 75 for line in raw.split(b"\r\n"))
    moved = season(first="2020-03-01", finale="finale: {date: 2020-09-30}")
    again = ics.calendar(moved, calendar.dated(moved), url_for=str, now=dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
    uids = [str(event["UID"]) for event in icalendar.Calendar.from_ical(again).walk("VEVENT")]
    assert uids == [str(event["UID"]) for event in events]


def test_rows_tell_what_the_table_shows() -> None:
    made = season()
    rows = table.rows(made, calendar.dated(made))
    assert rows[0]["due"] == "2020-01-22T08:00:00+00:00"
    assert rows[0]["local"] == "2020-01-22T09:00:00+01:00"
    assert "mercredi 5 février 2020" in table.as_table(made, calendar.dated(made))
