"""Many rows of one table at once: COPY on PostgreSQL, executemany elsewhere. Values are handed over as the database stores them."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection, Iterable, Sequence
from typing import Any
from uuid import UUID

from django.db import connection, models
from django.db.models.expressions import RawSQL


def insert(model: type[models.Model], columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Append ``rows``, whose values stand in the order of ``columns`` and were stored-formed by :func:`instant` and :func:`uuid`.

    Raises:
        django.db.IntegrityError: a row is there already; the caller's transaction is lost.
    """
    quote = connection.ops.quote_name
    table, names = quote(model._meta.db_table), ", ".join(map(quote, columns))
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with connection.wrap_database_errors, cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
        else:
            places = ", ".join(["%s"] * len(columns))
            cursor.executemany(f"INSERT INTO {table} ({names}) VALUES ({places})", list(rows))  # noqa: S608


def numbers(model: type[models.Model], count: int) -> list[int]:
    """Take ``count`` ids of a table, in the caller's transaction."""
    table = model._meta.db_table
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)",
                [connection.ops.quote_name(table), count],
            )
            return [row[0] for row in cursor.fetchall()]
        # The transaction was begun as a writer's: nobody else takes an id until it ends.
        cursor.execute("SELECT seq FROM sqlite_sequence WHERE name = %s", [table])
        last = (cursor.fetchone() or (0,))[0]
        return list(range(last + 1, last + 1 + count))


def among(values: Collection[str] | Collection[int]) -> RawSQL:
    """For ``…__in=``: thousands of values as one parameter, which costs a twentieth of as many parameters."""
    listed = list(values)
    if connection.vendor == "postgresql":
        kind = "text" if listed and isinstance(listed[0], str) else "bigint"
        return RawSQL(f"SELECT unnest(%s::{kind}[])", [listed])  # noqa: S611 - no text of anybody's
    return RawSQL("SELECT value FROM json_each(%s)", [json.dumps(listed)])


def instant(value: dt.datetime) -> Any:
    return value if connection.vendor == "postgresql" else connection.ops.adapt_datetimefield_value(value)


def uuid(value: UUID) -> Any:
    return value if connection.vendor == "postgresql" else value.hex


def settle(*models_: type[models.Model]) -> None:
    """After a great many rows PostgreSQL is told at once what its tables have become: until it finds out, it plans for small ones."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            for model in models_:
                cursor.execute(f"ANALYZE {connection.ops.quote_name(model._meta.db_table)}")
