"""Reading a CSV file of people: each line becomes a row, a duplicate of an earlier one, or a fault with its mend. No database."""

from __future__ import annotations

import csv
import datetime as dt
import re
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import IO

from pipeline.audience import spreadsheet
from pipeline.audience.addresses import Address, AddressError, parse
from pipeline.content.errors import Fault

COLUMNS = ("email", "name", "organisation", "consent_source", "consent_at")
DELIMITERS = ";,"
LONGEST_LINE = 16_384
"""Bytes of a line; longer ones are faulty."""
LONGEST_CELL = 200
TALLEST_RECORD = 10
"""Lines that one record may span by quoted line ends; beyond, its quote is taken as never closed."""

_BOM = b"\xef\xbb\xbf"
_SPACES = re.compile(r"[^\S\x1c-\x1f]+")
# Controls, and the overrides that write a text backwards.
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True)
class Row:
    """One person of the file. ``line`` counts from 1; ``consent_at`` is UTC, None where the file has none."""

    line: int
    address: Address
    name: str
    organisation: str
    consent_source: str
    consent_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A line whose address stood in ``first`` already; what the first one left empty was taken from it."""

    line: int
    first: int
    key: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What a file holds. Nothing was written yet. ``ignored``: columns that mean nothing here."""

    rows: tuple[Row, ...]
    faults: tuple[Fault, ...]
    duplicates: tuple[Duplicate, ...]
    path: str = ""
    ignored: tuple[str, ...] = ()

    def consents_after(self, now: dt.datetime) -> tuple[Fault, ...]:
        """The rows whose consent is dated in the future, as faults."""
        return tuple(
            Fault(
                self.path, row.line, "consent_at", "cette date est à venir.", "Indiquez quand la personne a consenti."
            )
            for row in self.rows
            if row.consent_at is not None and row.consent_at > now
        )


@dataclass(slots=True)
class _Reading:
    """The faults found so far."""

    path: str
    faults: list[Fault] = field(default_factory=list)

    def fault(self, line: int, column: str, message: str, mend: str) -> None:
        self.faults.append(Fault(self.path, line, column, message, mend))


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    text: str
    sound: bool
    """False where the bytes are not UTF-8 or there are too many of them."""


def read_csv(stream: IO[bytes], *, consent_source: str | None, path: str = "") -> Plan:
    """Judge a whole file: UTF-8 with or without BOM, ``;`` or ``,`` as the header has it, quotes doubled (RFC 4180).

    ``consent_source`` stands in where a line names none. ``path`` is what faults call the file; its own name if it has one.
    """
    path = path or str(getattr(stream, "name", "") or "(fichier)")
    reading = _Reading(path)
    lines = _lines(stream)
    header = next(lines, None)
    if header is not None and not header.sound:
        reading.fault(1, "", "le fichier n’est pas en UTF-8.", "Enregistrez-le en « CSV UTF-8 ».")
        return Plan((), tuple(reading.faults), (), path)
    if header is None or not header.text.strip():
        reading.fault(
            1, "", "le fichier n’a pas d’en-tête.", f"La première ligne nomme les colonnes : {', '.join(COLUMNS)}."
        )
        return Plan((), tuple(reading.faults), (), path)
    delimiter = max(DELIMITERS, key=header.text.count)
    columns = _columns(reading, header, delimiter, consent_source)
    if columns is None:
        return Plan((), tuple(reading.faults), (), path)
    rows: dict[str, Row] = {}
    duplicates: list[Duplicate] = []
    for number, cells in _records(reading, lines, delimiter):
        row = _row(reading, number, columns, cells, consent_source or "")
        if row is None:
            continue
        first = rows.get(row.address.key)
        if first is None:
            rows[row.address.key] = row
        else:
            duplicates.append(Duplicate(number, first.line, row.address.key))
            rows[row.address.key] = replace(
                first,
                name=first.name or row.name,
                organisation=first.organisation or row.organisation,
            )
    ignored = tuple(column for column in columns if column not in COLUMNS)
    return Plan(tuple(rows.values()), tuple(sorted(reading.faults)), tuple(duplicates), path, ignored)


def _lines(stream: IO[bytes]) -> Iterator[_Line]:
    """The lines of the file, their ends kept, each read up to a limit: a file without line ends does not fill the memory."""
    number = 0
    first = True
    while raw := stream.readline(LONGEST_LINE + 1):
        whole = raw
        while len(raw) > LONGEST_LINE and not raw.endswith(b"\n"):
            raw = stream.readline(LONGEST_LINE + 1)
            whole = b""
        if first:
            whole, first = whole.removeprefix(_BOM), False
        for part in whole.splitlines(keepends=True) or [b""]:
            number += 1
            try:
                yield _Line(number, part.decode(), sound=bool(part))
            except UnicodeDecodeError:
                yield _Line(number, "", sound=False)


def _columns(reading: _Reading, header: _Line, delimiter: str, consent_source: str | None) -> list[str] | None:
    """The names of the columns as the header gives them; None where the file cannot be read by them."""
    before = len(reading.faults)
    cells = next(csv.reader([header.text.rstrip("\r\n")], delimiter=delimiter))
    columns = [cell.strip().lower() for cell in cells]
    if "email" not in columns:
        reading.fault(
            1, "email", "la colonne « email » manque.", f"La première ligne nomme les colonnes : {', '.join(COLUMNS)}."
        )
    if "consent_source" not in columns and not consent_source:
        reading.fault(
            1,
            "consent_source",
            "rien ne dit d’où vient le consentement de ces personnes.",
            "Ajoutez la colonne « consent_source », ou indiquez l’origine pour tout le fichier.",
        )
    for name in COLUMNS:
        if columns.count(name) > 1:
            reading.fault(1, name, "cette colonne figure deux fois.", "N’en gardez qu’une.")
    return columns if len(reading.faults) == before else None


def _records(reading: _Reading, lines: Iterator[_Line], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """The records below the header with the line each begins on. A quote that is never closed costs its own line, not the rest."""
    ahead: deque[_Line] = deque()
    while (line := _next(ahead, lines)) is not None:
        if not line.sound:
            reading.fault(
                line.number,
                "",
                f"cette ligne n’est pas en UTF-8, ou dépasse {LONGEST_LINE} octets.",
                "Enregistrez le fichier en « CSV UTF-8 ».",
            )
            continue
        if '"' not in line.text:
            if line.text.strip(f"{delimiter} \t\r\n"):
                yield line.number, line.text.rstrip("\r\n").split(delimiter)
            continue
        taken = _taken(line, ahead, lines)
        try:
            yield line.number, next(csv.reader([one.text for one in taken], delimiter=delimiter, strict=True))
        except (csv.Error, StopIteration):
            ahead.extendleft(reversed(taken[1:]))
            reading.fault(
                line.number,
                "",
                "un guillemet est mal placé ou n’est pas fermé.",
                "Doublez les guillemets à l’intérieur d’une case.",
            )


def _next(ahead: deque[_Line], lines: Iterator[_Line]) -> _Line | None:
    return ahead.popleft() if ahead else next(lines, None)


def _taken(line: _Line, ahead: deque[_Line], lines: Iterator[_Line]) -> list[_Line]:
    """The lines of one record: as many as it takes for its quotes to be even, within bounds."""
    taken = [line]
    quotes = line.text.count('"')
    while quotes % 2 and len(taken) < TALLEST_RECORD:
        following = _next(ahead, lines)
        if following is None:
            break
        if not following.sound:
            ahead.appendleft(following)
            break
        taken.append(following)
        quotes += following.text.count('"')
    return taken


def _row(reading: _Reading, line: int, columns: list[str], cells: list[str], consent_source: str) -> Row | None:
    """The row, or None with every fault of the line told."""
    before = len(reading.faults)
    if any(cell.strip() for cell in cells[len(columns) :]):
        reading.fault(
            line,
            "",
            f"il y a {len(cells)} cases pour {len(columns)} colonnes.",
            "Mettez entre guillemets les cases qui contiennent le séparateur.",
        )
        return None
    found = {name: spreadsheet.bare(cell.strip(" \t")) for name, cell in zip(columns, cells, strict=False)}
    address = _address(reading, line, found.get("email", ""))
    name = _text(reading, line, "name", found)
    organisation = _text(reading, line, "organisation", found)
    source = _text(reading, line, "consent_source", found) or consent_source
    if not source:
        reading.fault(
            line,
            "consent_source",
            "rien ne dit d’où vient le consentement de cette personne.",
            "Indiquez-le, ou retirez la ligne.",
        )
    at = _instant(reading, line, found.get("consent_at", ""))
    if address is None or len(reading.faults) > before:
        return None
    return Row(line, address, name, organisation, source, at)


def _address(reading: _Reading, line: int, cell: str) -> Address | None:
    try:
        return parse(cell)
    except AddressError as error:
        reading.fault(line, "email", error.message, error.mend)
        return None


def _text(reading: _Reading, line: int, column: str, found: Mapping[str, str]) -> str:
    text = _SPACES.sub(" ", found.get(column, "")).strip()
    if len(text) > LONGEST_CELL:
        reading.fault(line, column, f"plus de {LONGEST_CELL} caractères.", "Raccourcissez.")
    elif _UNSEEN.search(text):
        reading.fault(line, column, "un caractère de contrôle s’y trouve.", "Effacez la case et écrivez-la à nouveau.")
    return text


def _instant(reading: _Reading, line: int, cell: str) -> dt.datetime | None:
    """A date is its first instant, UTC; a time without zone is UTC."""
    if not cell:
        return None
    try:
        instant = dt.datetime.fromisoformat(cell)
        return instant.replace(tzinfo=dt.UTC) if instant.tzinfo is None else instant.astimezone(dt.UTC)
    except (ValueError, OverflowError):
        reading.fault(line, "consent_at", "ce n’est pas une date ISO 8601.", "Écrivez-la comme 2019-11-04.")
        return None
