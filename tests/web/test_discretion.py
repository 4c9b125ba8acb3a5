"""Whoever reads the logs cannot do what the owners of links can."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from uuid import uuid4

import pytest
from django.test import Client

from pipeline import clock
from pipeline.audience.tokens import make
from pipeline.release import addresses
from tests.web.conftest import Site
from tests.web.factories import NAME

PATHS = {
    "canary": addresses.canary_path,
    "confirm": addresses.confirm_path,
    "move": addresses.move_path,
    "preferences": addresses.preferences_path,
    "renew": addresses.renew_path,
    "unsubscribe": addresses.unsubscribe_path,
}


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What the console is told from now on, as the settings have it."""
    (console,) = (one for one in logging.root.handlers if one.get_name() == "console")
    assert isinstance(console, logging.StreamHandler)
    told = io.StringIO()
    beside = logging.StreamHandler(told)
    beside.setFormatter(console.formatter)
    for one in console.filters:
        beside.addFilter(one)
    logging.root.addHandler(beside)
    yield told
    logging.root.removeHandler(beside)


@pytest.mark.django_db
def test_a_request_that_fails_is_logged_without_its_token(client: Client, site: Site, log: io.StringIO) -> None:
    tokens = {purpose: make(purpose, NAME, uuid4(), now=clock.now()) for purpose in PATHS}  # type: ignore[arg-type]
    for purpose, token in tokens.items():
        assert client.put(PATHS[purpose](token)).status_code == 405
    assert client.post(addresses.preferences_path(tokens["preferences"]) + "effacement/").status_code == 404
    told = log.getvalue()
    assert len(told.splitlines()) >= 7
    assert "/preferences/…/effacement/" in told
    assert [token for token in tokens.values() if token in told] == []


def test_what_is_no_link_is_logged_as_it_is(log: io.StringIO) -> None:
    logging.getLogger("pipeline").warning("seal %s, %s", 3, "ab" * 32)
    assert f"seal 3, {'ab' * 32}" in log.getvalue()
