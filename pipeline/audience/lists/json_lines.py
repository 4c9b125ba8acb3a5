"""JSON lines: one object a line, UTF-8; its keys are the header, its values texts, numbers, dates as texts, or lists of texts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import IO, Any

from pipeline.audience.lists.judging import Finding
from pipeline.audience.lists.table import WIDEST, Table, Told, UnreadableError

LONGEST_LINE = 65_536
"""Bytes of a line; longer ones are faulty."""
DEEPEST = 20
"""Brackets of a line beyond which it is not parsed: the parser recurses."""


def read(stream: IO[bytes], told: Told) -> Table:
    """The file is read twice: any line may have a key that no line before had. Raises :class:`UnreadableError`."""
    start = stream.tell()
    header: dict[str, None] = {}
    for _, found in _objects(stream, lambda _: None):
        header.update(dict.fromkeys(found))
        if len(header) > WIDEST:
            raise UnreadableError(1, f"les objets ont plus de {WIDEST} clés en tout.", "Gardez celles qui servent.")
    if not header:
        raise UnreadableError(1, "aucune ligne n’est un objet JSON.", 'Chaque ligne est un objet : {"email": "…"}.')
    stream.seek(start)
    return Table(tuple(header), _records(stream, told, tuple(header)), str)


def _records(stream: IO[bytes], told: Told, header: tuple[str, ...]) -> Iterator[tuple[int, list[str]]]:
    for number, found in _objects(stream, told):
        try:
            yield number, [_cell(found.get(key)) for key in header]
        except TypeError:
            message = "une valeur est un objet, ou une liste d’autre chose que de textes."
            told(Finding(number, "", message, "Écrivez un texte, un nombre ou une liste de textes."))


def _objects(stream: IO[bytes], told: Told) -> Iterator[tuple[int, dict[str, Any]]]:
    number = 0
    while raw := stream.readline(LONGEST_LINE + 1):
        number += 1
        whole = raw
        while len(raw) > LONGEST_LINE and not raw.endswith(b"\n"):
            raw, whole = stream.readline(LONGEST_LINE + 1), b""
        if whole and not whole.strip():
            continue
        found = _object(whole)
        if found is None:
            message = f"cette ligne n’est pas un objet JSON en UTF-8, ou dépasse {LONGEST_LINE} octets."
            told(Finding(number, "", message, "Écrivez un objet par ligne."))
        else:
            yield number, found


def _object(line: bytes) -> dict[str, Any] | None:
    if line.count(b"[") + line.count(b"{") > DEEPEST:
        return None
    try:
        found = json.loads(line.decode("utf-8-sig"))
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _cell(value: Any) -> str:
    """Raises :class:`TypeError`: it is nothing that a cell holds."""
    if value is None:
        return ""
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ", ".join(value)
    if isinstance(value, dict | list):
        raise TypeError
    return str(value)
