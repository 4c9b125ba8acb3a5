from __future__ import annotations

import datetime as dt

import pytest

from pipeline.content.fiche import Source
from pipeline.web import words


def test_the_first_of_a_month_is_an_ordinal() -> None:
    assert words.day(dt.date(2020, 4, 1)) == "mercredi 1er avril 2020"
    assert words.day_without_weekday(dt.date(2020, 4, 1)) == "1er avril 2020"
    assert words.day_without_weekday(dt.date(2020, 4, 11)) == "11 avril 2020"


def test_an_hour_says_its_minutes_only_where_there_are_some() -> None:
    assert words.hour(dt.time(9)) == "9\N{NO-BREAK SPACE}h"
    assert words.hour(dt.time(14, 5)) == "14\N{NO-BREAK SPACE}h\N{NO-BREAK SPACE}05"


@pytest.mark.parametrize(
    ("date", "shown"),
    [
        ("2019-12-13", "13 décembre 2019"),
        ("2019-12", "décembre 2019"),
        ("2019", "2019"),
        ("s. d.", "s.\N{NO-BREAK SPACE}d."),
    ],
)
def test_a_source_is_dated_as_far_as_is_known(date: str, shown: str) -> None:
    assert words.source_date(Source("", "", date, "")) == shown


@pytest.mark.parametrize(("count", "shown"), [(0, "1 ko"), (1_499, "1 ko"), (312_400, "312 ko"), (1_449_999, "1,4 Mo")])
def test_a_size_is_told_in_round_units(count: int, shown: str) -> None:
    assert words.size(count) == shown.replace(" ", "\N{NO-BREAK SPACE}")
