"""CSV: UTF-8 with or without BOM, ``;`` or ``,`` as the header has it, quotes doubled (RFC 4180)."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from pipeline.audience.lists.judging import Finding
from pipeline.audience.lists.table import Table, Told, UnreadableError
from pipeline.audience.spreadsheet import bare

DELIMITERS = ";,"
LONGEST_LINE = 16_384
"""Bytes of a line; longer ones are faulty."""
TALLEST_RECORD = 10
"""Lines that one record may span by quoted line ends; beyond, its quote is taken as never closed."""

_BOM = b"\xef\xbb\xbf"
_SAVE_AS = "Enregistrez le fichier en « CSV UTF-8 »."


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    text: str
    sound: bool
    """False where the bytes are not UTF-8 or there are too many of them."""


def read(stream: IO[bytes], told: Told) -> Table:
    """Raises :class:`UnreadableError`: there is no header, or it is not UTF-8."""
    lines = _lines(stream)
    header = next(lines, None)
    if header is None or (header.sound and not header.text.strip()):
        raise UnreadableError(1, "le fichier n’a pas d’en-tête.", "La première ligne nomme les colonnes.")
    if not header.sound:
        raise UnreadableError(1, "le fichier n’est pas en UTF-8.", _SAVE_AS)
    delimiter = max(DELIMITERS, key=header.text.count)
    cells = next(csv.reader([header.text.rstrip("\r\n")], delimiter=delimiter))
    return Table(tuple(cells), _records(told, lines, delimiter), bare)


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


def _records(told: Told, lines: Iterator[_Line], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """The records below the header with the line each begins on. A quote that is never closed costs its own line, not the rest."""
    ahead: deque[_Line] = deque()
    while (line := _next(ahead, lines)) is not None:
        if not line.sound:
            told(
                Finding(line.number, "", f"cette ligne n’est pas en UTF-8, ou dépasse {LONGEST_LINE} octets.", _SAVE_AS)
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
            message = "un guillemet est mal placé ou n’est pas fermé."
            told(Finding(line.number, "", message, "Doublez les guillemets à l’intérieur d’une case."))


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
