"""When an attempt is made again."""

from __future__ import annotations

import datetime as dt
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.hooks import schedule

NOW = dt.datetime(2031, 3, 3, 8, 0, tzinfo=dt.UTC)
# The table of the specification (Standard Webhooks 1.0, « Deliverability and reliability »), in seconds since the start.
SPECIFIED = [5, 305, 2105, 9305, 27305, 63305, 113705, 185705, 272105]


def attempts(delivery: int) -> list[float]:
    at, made = NOW, list[float]()
    for number in range(1, 20):
        again = schedule.next_attempt(number, delivery, now=at)
        if again is None:
            break
        at = again
        made.append((at - NOW).total_seconds())
    return made


@given(st.integers(1, 2**40))
def test_ten_attempts_follow_the_specification_a_little_later_each(delivery: int) -> None:
    for made, specified in zip(attempts(delivery), SPECIFIED, strict=True):
        assert specified <= made <= specified * (1 + schedule.JITTER)


def test_what_failed_together_does_not_come_back_together() -> None:
    assert len({tuple(attempts(delivery)) for delivery in range(100)}) == 100


@given(st.integers(1, 9), st.integers(0, 1000))
def test_an_endpoint_rests_no_longer_than_a_lone_event_waits(failures: int, delivery: int) -> None:
    again = schedule.next_attempt(failures, delivery, now=NOW)
    assert again is not None
    assert NOW < schedule.rest(failures, now=NOW) <= min(again, NOW + dt.timedelta(minutes=30))


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120),
        (" 7 ", 7),
        ("0", 0),
        (format_datetime(NOW + dt.timedelta(minutes=5), usegmt=True), 300),
        (format_datetime(NOW - dt.timedelta(minutes=5), usegmt=True), 0),
        ("999999999999999999", 86_400),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86_400),
        ("", 0),
        ("-1", 0),
        ("bientôt", 0),
        ("٣", 0),
    ],
)
def test_a_wish_to_wait_is_heard_up_to_a_day(header: str, seconds: float) -> None:
    assert schedule.wish(header, now=NOW) == seconds


@given(st.text(max_size=60))
def test_any_header_is_a_wish_of_a_day_at_most(header: str) -> None:
    assert 0 <= schedule.wish(header, now=NOW) <= 86_400
