"""A fixture that runs a test on both databases: real files and a real server, the same code."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection, connections

from pipeline.settings import database as described
from tests.postgres import postgres_url

KINDS = ("sqlite", "postgresql")
ROOMS = ("audience", "delivery", "release", "hooks", "web")


def use(description: dict[str, Any]) -> None:
    """Make ``description`` the default database of this process."""
    connections["default"].close()
    del connections["default"]
    connections.settings["default"] = description
    connections.configure_settings(connections.settings)


@pytest.fixture(scope="session")
def descriptions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """How to reach each database that was migrated so far; filled by :func:`database`."""
    return {}


@pytest.fixture(params=KINDS)
def database(
    request: pytest.FixtureRequest,
    descriptions: dict[str, dict[str, Any]],
    tmp_path_factory: pytest.TempPathFactory,
    django_db_blocker: Any,
) -> Iterator[str]:
    """The default database is an empty one of the kind named, with transactions that really commit. Returns the kind."""
    kind = request.param
    before = connections.settings["default"]
    with django_db_blocker.unblock():
        if kind not in descriptions:
            url = (
                postgres_url("rooms")
                if kind == "postgresql"
                else f"sqlite://{tmp_path_factory.mktemp('db')}/kit.sqlite3"
            )
            descriptions[kind] = described(url)
            use(descriptions[kind])
            call_command("migrate", verbosity=0)
        else:
            use(descriptions[kind])
        try:
            yield kind
        finally:
            empty()
            use(before)


def empty() -> None:
    models = [model for room in ROOMS for model in apps.get_app_config(room).get_models()]
    deletions = [f"DELETE FROM {connection.ops.quote_name(model._meta.db_table)}" for model in models]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # Not TRUNCATE: it makes new files for every table and index, which takes a hundred times as long.
            cursor.execute("; ".join(["SET session_replication_role = replica", *deletions]))
            cursor.execute(
                "RESET session_replication_role; SELECT setval(oid, 1, false) FROM pg_class "
                f"WHERE relkind = 'S' AND relname ~ '^({'|'.join(ROOMS)})_'"
            )
            return
        cursor.execute("PRAGMA foreign_keys=OFF")
        for deletion in deletions:
            cursor.execute(deletion)
