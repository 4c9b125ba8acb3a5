"""When a deferred message is tried again."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.delivery.retries import GIVE_UP, retry_after
from pipeline.delivery.verdicts import WORDS, Meaning

START = dt.datetime(2020, 1, 22, 8, tzinfo=dt.UTC)
MEANINGS = st.sampled_from(sorted(WORDS))
POSITIONS = st.integers(1, 2**31)
HOURS = st.integers(1, 240).map(lambda hours: dt.timedelta(hours=hours))


def tries(meaning: Meaning, position: int, give_up: dt.timedelta = GIVE_UP) -> list[dt.datetime]:
    """Every retry of a message that is deferred again each time."""
    found: list[dt.datetime] = []
    now = START
    while (due := retry_after(len(found) + 1, position=position, first_try=START, now=now, give_up=give_up,
                              meaning=meaning)) is not None:  # fmt: skip
        found.append(due)
        now = due
        assert len(found) < 100
    return found


@given(MEANINGS, POSITIONS, HOURS)
def test_retries_come_later_and_later_and_end_when_the_time_is_over(
    meaning: Meaning, position: int, give_up: dt.timedelta
) -> None:
    times = [START, *tries(meaning, position, give_up)]
    waits = [after - before for before, after in pairwise(times)]
    assert all(wait > dt.timedelta(0) for wait in waits)
    assert waits[:-1] == sorted(waits[:-1])
    assert times[-1] == START + give_up


@given(st.integers(1, 10**6), POSITIONS, MEANINGS, st.integers(-(10**6), 10**6), HOURS)
def test_a_retry_is_never_before_now_nor_after_the_end(
    number: int, position: int, meaning: Meaning, age: int, give_up: dt.timedelta
) -> None:
    now = START + dt.timedelta(seconds=age)  # a clock may have been set back since the first try
    due = retry_after(number, position=position, first_try=START, now=now, give_up=give_up, meaning=meaning)
    if due is None:
        assert now >= START + give_up
    else:
        assert now < due <= START + give_up


@given(POSITIONS)
def test_after_greylisting_the_first_two_retries_come_within_five_to_fifteen_minutes_each(position: int) -> None:
    first, second, *_ = tries("greylist", position)
    for wait in (first - START, second - first):
        assert dt.timedelta(minutes=5) <= wait <= dt.timedelta(minutes=15)


@given(POSITIONS)
def test_a_message_is_tried_twice_in_the_first_hour_and_then_every_few_hours(position: int) -> None:
    times = tries("", position)
    assert times[1] <= START + dt.timedelta(hours=1)
    assert 10 <= len(times) <= 20


def test_people_deferred_together_are_not_retried_together() -> None:
    dues = {retry_after(1, position=position, first_try=None, now=START) for position in range(1, 501)}
    assert len(dues) == 500
    latest, earliest = max(filter(None, dues)), min(filter(None, dues))
    assert latest - earliest > dt.timedelta(minutes=3)


@pytest.mark.parametrize("meaning", ["", "full", "slow"])
def test_whoever_computes_it_again_finds_the_same(meaning: Meaning) -> None:
    assert tries(meaning, 7) == tries(meaning, 7)


def test_a_short_time_leaves_one_last_try_at_its_end() -> None:
    assert tries("full", 1, dt.timedelta(hours=1)) == [START + dt.timedelta(hours=1)]
