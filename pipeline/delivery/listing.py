"""Who did not get it? Every person of a frozen list with the last answer, and the mailings there are."""

from __future__ import annotations

import csv
import datetime as dt
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, fields
from typing import Any, TextIO

from django.db import connection
from django.db.models import Max, QuerySet

from pipeline.audience.spreadsheet import guarded
from pipeline.delivery.models import Attempt, Mailing, Recipient

PENDING = "pending"
KINDS = (*Attempt.Kind.values, PENDING)
"""What may have become of a message; each person of a list is under exactly one of them."""

CHUNK = 5000
"""Positions that are read at once: a list of a million is walked through in bounded memory, and no transaction outlives a chunk."""

# Rows and attempts are laid together and the last of each position is kept. A join would say the same, but both databases walk
# through a whole chunk for each of its rows when they misjudge how many attempts are the last ones.
_LINES = f"""
    SELECT position, whose, kind, meaning, number, at, code, enhanced, text, due_at FROM (
        SELECT laid.*, first_value(address) OVER person AS whose, lead(number) OVER person AS later FROM (
            SELECT position, 0 AS number, address, '{PENDING}' AS kind, '' AS meaning, NULL AS at, 0 AS code,
                '' AS enhanced, '' AS text, NULL AS due_at
            FROM delivery_recipient WHERE mailing_id = %(mailing)s AND position BETWEEN %(first)s AND %(last)s
            UNION ALL
            SELECT position, number, '', kind, meaning, at, code, enhanced, text, due_at
            FROM delivery_attempt WHERE mailing_id = %(mailing)s AND position BETWEEN %(first)s AND %(last)s
        ) AS laid WINDOW person AS (PARTITION BY position ORDER BY number)
    ) AS lines WHERE later IS NULL AND kind IN (:kinds) ORDER BY position
"""  # noqa: S608 - made of constants
_MEANINGS = """
    SELECT kind, meaning, count(*) FROM (
        SELECT kind, meaning, lead(number) OVER (PARTITION BY position ORDER BY number) AS later
        FROM delivery_attempt WHERE mailing_id = %s
    ) AS tried WHERE later IS NULL GROUP BY kind, meaning
"""


@dataclass(frozen=True, slots=True)
class Line:
    """A person of a list. ``kind`` is one of :data:`KINDS`; ``at``, ``code``, ``enhanced`` and ``text`` are the last attempt's: when,
    and the server's words; ``next_try`` is when a deferred message goes again. ``address`` is empty for somebody erased since."""

    position: int
    address: str
    kind: str
    meaning: str
    attempts: int
    at: dt.datetime | None
    code: int
    enhanced: str
    text: str
    next_try: dt.datetime | None

    def as_dict(self) -> dict[str, Any]:
        """For JSON: instants in ISO 8601, UTC."""
        told = {name: getattr(self, name) for name in COLUMNS}
        return told | {"at": _iso(self.at), "next_try": _iso(self.next_try)}


COLUMNS = tuple(field.name for field in fields(Line))


def lines(mailing: Mailing, kinds: Collection[str] = KINDS) -> Iterator[Line]:
    """Yield the people of a list in its order: all of them, each once, or those whose message came to one of ``kinds``.

    While the mailing goes out, each chunk tells how it stood when that chunk was read.
    """
    end = Recipient.objects.filter(mailing=mailing).aggregate(n=Max("position"))["n"] or 0
    wanted = {f"kind{number}": kind for number, kind in enumerate(kinds)}
    sql = _LINES.replace(":kinds", ", ".join(f"%({hole})s" for hole in wanted))
    for first in range(1, end + 1, CHUNK):
        with connection.cursor() as cursor:
            cursor.execute(sql, wanted | {"mailing": mailing.pk, "first": first, "last": first + CHUNK - 1})
            found = cursor.fetchall()
        for position, address, kind, meaning, number, at, code, enhanced, text, due_at in found:
            due = _instant(due_at) if kind == Attempt.Kind.DEFERRED else None
            yield Line(position, address, kind, meaning, number, _instant(at), code, enhanced, text, due)


def write_csv(mailing: Mailing, out: TextIO, kinds: Collection[str] = KINDS) -> int:
    """Write the same as CSV (RFC 4180, header line); return how many. No cell is a formula, whatever a server has said."""
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    count = 0
    for count, line in enumerate(lines(mailing, kinds), start=1):  # noqa: B007 - the last one is the answer
        cells = line.as_dict().values()
        writer.writerow(guarded(cell) if isinstance(cell, str) else cell for cell in cells)
    return count


def meanings(mailing: Mailing) -> Counter[tuple[str, str]]:
    """How many people by kind and meaning of the last answer; who has none yet is not counted."""
    with connection.cursor() as cursor:
        cursor.execute(_MEANINGS, [mailing.pk])
        return Counter({(kind, meaning): count for kind, meaning, count in cursor.fetchall()})


def mailings() -> QuerySet[Mailing]:
    """Every mailing, the latest first, without its text."""
    return Mailing.objects.order_by("-created_at", "-pk").defer("compiled")


def _instant(value: dt.datetime | str | None) -> dt.datetime | None:
    """SQLite hands out text for an expression that Django does not know; it is UTC."""
    if isinstance(value, str):
        value = dt.datetime.fromisoformat(value)
    return value.replace(tzinfo=dt.UTC) if value is not None and value.tzinfo is None else value


def _iso(value: dt.datetime | None) -> str | None:
    return value.astimezone(dt.UTC).isoformat() if value else None
