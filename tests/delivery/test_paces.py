"""A rate that many senders keep together, on both databases."""

from __future__ import annotations

import datetime as dt
import threading
from concurrent.futures import ThreadPoolExecutor
from math import floor

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.delivery.models import Pace
from pipeline.delivery.paces import SKEW, blocked, take

pytestmark = pytest.mark.usefixtures("database")

START = dt.datetime(2020, 1, 22, 8, tzinfo=dt.UTC)


def after(seconds: float) -> dt.datetime:
    return START + dt.timedelta(seconds=seconds)


def test_a_second_is_given_at_once_and_then_the_rate() -> None:
    assert take("orange", 10, 50, now=START) == 10
    assert take("orange", 10, 50, now=START) == 0
    assert take("orange", 10, 50, now=after(0.5)) == 5
    assert take("orange", 10, 3, now=after(60)) == 3
    assert take("orange", 10, 50, now=after(60)) == 7


def test_less_than_one_a_second_is_one_at_a_time() -> None:
    assert [take("free", 0.5, 9, now=after(second)) for second in range(6)] == [1, 0, 1, 0, 1, 0]


def test_names_do_not_touch_each_other_and_no_limit_is_none() -> None:
    assert take("orange", 2, 9, now=START) == 2
    assert take("free", 3, 9, now=START) == 3
    assert take("google", 0, 9, now=START) == 9
    assert take("orange", 2, 0, now=START) == 0


def test_blocked_are_those_that_would_get_nothing() -> None:
    rates = {"orange": 10.0, "free": 2.0, "sfr": 1.0, "google": 0.0}
    assert blocked(rates, now=START) == {}
    take("orange", 10, 50, now=START)
    take("free", 2, 1, now=START)
    take("sfr", 1, 1, now=START)
    assert blocked(rates, now=START).keys() == {"orange", "sfr"}
    assert blocked(rates, now=after(0.2)).keys() == {"sfr"}
    assert blocked(rates, now=after(1)) == {}


def test_a_clock_put_back_an_hour_blocks_nothing_for_an_hour() -> None:
    take("orange", 10, 50, now=after(3600))
    assert take("orange", 10, 50, now=START) == 10
    assert take("orange", 10, 50, now=START) == 0


def test_a_host_whose_clock_is_a_little_ahead_does_not_raise_the_rate() -> None:
    ahead = SKEW / 2
    given = sum(take("orange", 10, 50, now=after(step / 10) + (ahead if step % 2 else -ahead)) for step in range(100))
    assert given <= 10 * (10 + 2 * ahead.total_seconds() + 1)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.floats(0.1, 1000),
    st.lists(st.tuples(st.integers(0, 3_000_000), st.integers(1, 2000)), min_size=1, max_size=12),
)
def test_over_any_time_never_more_than_the_rate_and_a_second(rate: float, asked: list[tuple[int, int]]) -> None:
    Pace.objects.filter(name="essai").delete()
    now, given = START, []
    for pause, want in asked:
        now += dt.timedelta(microseconds=pause)
        free = "essai" not in blocked({"essai": rate}, now=now)
        permits = take("essai", rate, want, now=now)
        assert (permits > 0) == free
        assert permits <= want
        given.append((now, permits))
    for first, (begin, _) in enumerate(given):
        total = 0
        for end, permits in given[first:]:
            total += permits
            assert total <= floor(rate * (end - begin).total_seconds() + max(rate, 1) + 0.01)


def test_many_senders_at_once_never_exceed_the_rate_and_leave_nothing_unused() -> None:
    senders, seconds, rate = 6, 5, 20
    together = threading.Barrier(senders)

    def sender(_: int) -> list[int]:
        try:
            found = []
            for second in range(seconds):
                together.wait(30)
                found.append(sum(take("orange", rate, 4, now=after(second)) for _ in range(6)))
            return found
        finally:
            connection.close()

    with ThreadPoolExecutor(senders) as pool:
        by_second = list(zip(*pool.map(sender, range(senders)), strict=True))
    assert [sum(told) for told in by_second] == [rate] * seconds
