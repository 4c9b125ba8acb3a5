"""Invented people, subscribed in three statements whatever their number: the bench measures the sending, not the import."""

from __future__ import annotations

import datetime as dt

from django.db import connection, transaction

from pipeline.audience.models import Consent, Event, Person, Status, Subscription

_NUMBERS = {
    "sqlite": "WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < %s)",
    "postgresql": "WITH number(n) AS (SELECT generate_series(1, %s))",
}
_UUID = {"sqlite": "lower(hex(randomblob(16)))", "postgresql": "gen_random_uuid()"}
_KEY = {"sqlite": "randomblob(32)", "postgresql": "decode(md5(random()::text) || md5(random()::text), 'hex')"}
"""Of the ledger: no secret, in a bench."""
_ADDRESS = {
    "sqlite": "printf('abonne-%%07d@example.org', n)",
    "postgresql": "'abonne-' || lpad(n::text, 7, '0') || '@example.org'",
}


def address(number: int) -> str:
    """The address of the n-th person, at a domain that can receive nothing (RFC 2606)."""
    return f"abonne-{number:07}@example.org"


def enrol(count: int, season: str, choice: str, *, now: dt.datetime) -> None:
    """Create ``count`` people with an active subscription to ``season`` and the consent that goes with it."""
    vendor, quote = connection.vendor, connection.ops.quote_name
    person, subscription, consent = (quote(model._meta.db_table) for model in (Person, Subscription, Consent))
    at = connection.ops.adapt_datetimefield_value(now)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"{_NUMBERS[vendor]} INSERT INTO {person} (public_id, email, key, ledger_key, name, organisation, created_at) "  # noqa: S608
            f"SELECT {_UUID[vendor]}, {_ADDRESS[vendor]}, {_ADDRESS[vendor]}, {_KEY[vendor]}, '', '', %s FROM number",
            [count, at],
        )
        cursor.execute(
            f"INSERT INTO {subscription} (person_id, season, choice, status, since) SELECT id, %s, %s, %s, %s FROM {person}",  # noqa: S608
            [season, choice, Status.ACTIVE.value, at],
        )
        cursor.execute(
            f"INSERT INTO {consent} (person_id, season, event, at) "  # noqa: S608
            f"SELECT id, %s, %s, %s FROM {person}",
            [season, Event.IMPORTED.value, at],
        )
    with connection.cursor() as cursor:
        for table in (person, subscription):  # as a server does by itself within a minute of such an import
            cursor.execute(f"ANALYZE {table}")
