"""A list that was read and judged, before anything of it is done: outside memory, whatever its length.

It lives in a private temporary database of SQLite (a file without a name, which is gone with the process): duplicates are found by its
index, and a million rows take some megabytes of cache.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from pipeline.audience.lists.judging import Finding, Row
from pipeline.content.errors import Fault

_MERGED = ("name", "organisation", "choice", "themes", "rhythm", "role", "territory", "department")
"""What a first line leaves empty is taken from a later one with the same address."""

_SCHEMA = f"""
PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -24000;
CREATE TABLE person (line INTEGER PRIMARY KEY, {", ".join(f"{name} TEXT NOT NULL" for name in Row._fields[1:])});
CREATE UNIQUE INDEX person_key ON person (key);
CREATE TABLE fault (line INTEGER, field TEXT, message TEXT, mend TEXT);
CREATE INDEX fault_line ON fault (line);
CREATE TABLE note (line INTEGER PRIMARY KEY, message TEXT, mend TEXT);
CREATE TABLE duplicate (line INTEGER PRIMARY KEY, first INTEGER, key TEXT);
"""
_INSERT = f"INSERT INTO person VALUES ({', '.join('?' * len(Row._fields))}) ON CONFLICT (key) DO NOTHING"  # noqa: S608
_MERGE = f"UPDATE person SET {', '.join(f'{name} = ?' for name in _MERGED)} WHERE line = ?"  # noqa: S608


class Duplicate(NamedTuple):
    """A line whose address stood in ``first`` already; what the first one left empty was taken from it."""

    line: int
    first: int
    key: str


class Plan:
    """What a file holds. ``columns``: each column that is read, with the headers it is read from; ``guessed``: some of them were guessed;
    ``ignored``: headers that mean nothing here; ``readable``: false where nothing, or only its beginning, could be read."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.format = ""
        self.sha256 = ""
        self.columns: dict[str, str] = {}
        self.guessed = False
        self.ignored: tuple[str, ...] = ()
        self.readable = True
        self._held = sqlite3.connect("", isolation_level=None)
        self._held.executescript(_SCHEMA)
        self._held.execute(
            "BEGIN"
        )  # and never committed: a statement that is a transaction of its own takes ten times as long

    def add(self, row: Row) -> None:
        """Take a row in, or merge it into the one that has its address."""
        if not self._held.execute(_INSERT, row).rowcount:
            first = self._one(row.key)
            merged = [getattr(first, name) or getattr(row, name) for name in _MERGED]
            self._held.execute(_MERGE, (*merged, first.line))
            self._held.execute("INSERT INTO duplicate VALUES (?, ?, ?)", (row.line, first.line, row.key))

    def fault(self, finding: Finding) -> None:
        self._held.execute("INSERT INTO fault VALUES (?, ?, ?, ?)", finding)

    def note(self, rows: Iterable[Row], message: str, mend: str) -> None:
        """These rows are sound, but something has to be said of them."""
        self._held.executemany(
            "INSERT OR REPLACE INTO note VALUES (?, ?, ?)", [(row.line, message, mend) for row in rows]
        )

    def rows(self) -> Iterator[Row]:
        """In the order of the file."""
        last = 0
        while chunk := self._held.execute(
            "SELECT * FROM person WHERE line > ? ORDER BY line LIMIT 2000", (last,)
        ).fetchall():
            last = chunk[-1][0]
            yield from map(Row._make, chunk)

    def chunks(self, size: int) -> Iterator[list[Row]]:
        rows = self.rows()
        while chunk := list(islice(rows, size)):
            yield chunk

    def faults(self) -> Iterator[Fault]:
        """In the order of the file."""
        found = self._held.execute("SELECT line, field, message, mend FROM fault ORDER BY line, field, message")
        return (Fault(self.path, *one) for one in found)

    def notes(self) -> Iterator[Fault]:
        found = self._held.execute("SELECT line, 'email', message, mend FROM note ORDER BY line")
        return (Fault(self.path, *one) for one in found)

    def duplicates(self) -> Iterator[Duplicate]:
        return map(Duplicate._make, self._held.execute("SELECT line, first, key FROM duplicate ORDER BY line"))

    @property
    def count(self) -> int:
        """How many people the sound lines name."""
        return self._number("SELECT count(*) FROM person")

    @property
    def faulty(self) -> int:
        """How many lines have faults."""
        return self._number("SELECT count(DISTINCT line) FROM fault")

    @property
    def merged(self) -> int:
        return self._number("SELECT count(*) FROM duplicate")

    def _one(self, key: str) -> Row:
        return Row._make(self._held.execute("SELECT * FROM person WHERE key = ?", (key,)).fetchone())

    def _number(self, question: str) -> int:
        return int(self._held.execute(question).fetchone()[0])
