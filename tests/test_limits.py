"""Limits are counted in a real Redis, keep nothing of whom they count, and refuse nobody where it is away."""

from __future__ import annotations

import dataclasses
import logging
import socket
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from redis import Redis

from pipeline import limits
from pipeline.limits import Limit
from tests.redis_server import redis_server

LIMIT = Limit("essai", 3, 3600)
ADDRESS = "ada.martin@commune.example"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with redis_server() as url:
        yield url


@pytest.fixture
def redis(server: str, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Redis:
    """The server, empty, as the one that the limits ask."""
    settings.KIT = dataclasses.replace(settings.KIT, redis_url=server)
    monkeypatch.setattr(limits, "_rest", limits._Rest())
    client = Redis(unix_socket_path=server.removeprefix("redis+socket://").partition("?")[0])
    client.flushall()
    return client


@pytest.fixture
def away(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.KIT = dataclasses.replace(settings.KIT, redis_url="redis://127.0.0.1:1/0")
    monkeypatch.setattr(limits, "_rest", limits._Rest())


def test_what_is_too_much_says_when_it_may_be_done_again(redis: Redis) -> None:
    assert [limits.take(LIMIT, ADDRESS) for _ in range(3)] == [0, 0, 0]
    assert 3590 <= limits.take(LIMIT, ADDRESS) <= 3600


def test_subjects_and_limits_are_counted_apart(redis: Redis) -> None:
    for _ in range(4):
        limits.take(LIMIT, "a", "bc")
    assert limits.take(LIMIT, "a", "bc") > 0
    assert limits.take(LIMIT, "ab", "c") == 0
    assert limits.take(dataclasses.replace(LIMIT, name="autre"), "a", "bc") == 0


def test_what_was_refused_does_not_count(redis: Redis) -> None:
    for _ in range(10):
        limits.take(LIMIT, ADDRESS)
    assert [redis.llen(key) for key in redis.scan_iter()] == [3]


def test_redis_holds_nothing_of_whom_it_counts(redis: Redis) -> None:
    limits.take(LIMIT, ADDRESS)
    limits.take(LIMIT, "192.0.2.0")
    keys = list(redis.scan_iter())
    assert len(keys) == 2
    held = b" ".join([*keys, *(one for key in keys for one in redis.lrange(key, 0, -1))])
    assert b"martin" not in held
    assert b"commune" not in held
    assert b"192.0" not in held


def test_keys_go_when_their_window_is_over(redis: Redis) -> None:
    limits.take(LIMIT, ADDRESS)
    assert all(0 < redis.ttl(key) <= 3600 for key in redis.scan_iter())


def test_a_redis_that_is_away_refuses_nobody_and_is_told(away: None, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "pipeline.limits"):
        assert [limits.take(LIMIT, ADDRESS) for _ in range(10)] == [0] * 10
    assert len(caplog.records) == 1  # and then left alone for a while
    assert ADDRESS not in caplog.text


def test_a_redis_that_says_nothing_holds_nobody_up(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "_rest", limits._Rest())
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        settings.KIT = SimpleNamespace(broker_url=f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
        # Without a time limit of its own this would never come back.
        assert [limits.take(LIMIT, "a") for _ in range(3)] == [0, 0, 0]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis+socket:///run/r.sock?virtual_host=2", "unix:///run/r.sock?db=2"),
        ("redis+socket:///run/r.sock", "unix:///run/r.sock?db=0"),
        ("unix:///run/r.sock?db=1", "unix:///run/r.sock?db=1"),
        ("rediss://:secret@redis.example.org:6380/3", "rediss://:secret@redis.example.org:6380/3"),
    ],
)
def test_the_url_of_the_broker_leads_to_the_same_server(url: str, expected: str) -> None:
    assert limits._redis_url(url) == expected
