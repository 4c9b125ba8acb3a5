"""XLSX (ECMA-376): the first sheet, row by row. Formulas are read as the text they are; dates as ISO 8601.

A workbook is a zip of XML files that anybody may have made: how much it unpacks to is looked at before, entities are refused
(openpyxl reads with defusedxml), and a row's number is not believed.
"""

from __future__ import annotations

import datetime as dt
import zipfile
from collections.abc import Iterator
from typing import IO, Any

from openpyxl import load_workbook

from pipeline.audience.lists.judging import Finding
from pipeline.audience.lists.table import WIDEST, Table, Told, UnreadableError
from pipeline.audience.spreadsheet import bare

MOST_BYTES = 768 * 1024 * 1024
"""What the files of a workbook unpack to at most: sheets are streamed."""
MOST_TEXTS = 96 * 1024 * 1024
"""Bytes of the shared texts, which are held in memory."""
MOST_FILES = 2_000
MOST_ROWS = 1_048_576
LONGEST_TEXT = 16_384
_TEXTS = "xl/sharedStrings.xml"
_SHEETS = "xl/worksheets/"
_HELD = 8 * 1024 * 1024
"""Bytes of any other file, each of which is parsed whole."""
_EMPTY_TAIL = 10_000
"""Rows without a cell in one stretch: a few bytes of a file can claim a million."""


def read(stream: IO[bytes], told: Told) -> Table:
    """Raises :class:`UnreadableError`: it is no workbook, is too large, or its first sheet has no header."""
    _check_size(stream)
    rows = _rows(stream)
    _, header = next(rows, (1, []))
    return Table(tuple(header), _records(rows, told), bare)


def _check_size(stream: IO[bytes]) -> None:
    try:
        with zipfile.ZipFile(stream) as archive:
            files = archive.infolist()
    except Exception as error:  # zipfile raises whatever broken bytes lead it to
        raise UnreadableError(1, "ce n’est pas un classeur XLSX.", "Enregistrez-le à nouveau en « .xlsx ».") from error
    held = [file for file in files if not file.filename.lstrip("/").startswith(_SHEETS)]
    texts = [file for file in held if file.filename.lstrip("/") == _TEXTS]
    others = [
        file for file in held if file not in texts and file.filename.lstrip("/").startswith(("xl/", "[", "_rels"))
    ]
    if (
        len(files) > MOST_FILES
        or sum(file.file_size for file in files) > MOST_BYTES
        or sum(file.file_size for file in texts) > MOST_TEXTS
        or any(file.file_size > _HELD for file in others if file.filename.endswith((".xml", ".rels")))
    ):
        raise UnreadableError(
            1, "ce classeur est trop grand une fois décompressé.", "Enregistrez la feuille en « CSV UTF-8 »."
        )


def _rows(stream: IO[bytes]) -> Iterator[tuple[int, list[str]]]:
    number = empty = 0
    try:
        book = load_workbook(stream, read_only=True, data_only=False, keep_links=False)
        try:
            if not book.worksheets:
                return
            sheet: Any = book.worksheets[0]
            sheet.reset_dimensions()
            width = _width(next(sheet.iter_rows(max_row=1, values_only=True), ()))
            for number, row in enumerate(sheet.iter_rows(max_col=width + 1, values_only=True), 1):
                cells = [_cell(value) for value in row]
                empty = 0 if any(cells) else empty + 1
                if number > MOST_ROWS or empty > _EMPTY_TAIL:
                    break
                if number == 1:
                    yield number, cells[:width]
                elif not empty:
                    yield number, cells
        finally:
            book.close()
    except UnreadableError:
        raise
    except Exception as error:  # openpyxl raises whatever a broken file leads it to, and names none of it
        raise UnreadableError(
            number + 1, "à partir d’ici, le classeur ne se lit pas.", "Enregistrez-le à nouveau en « .xlsx »."
        ) from error
    if empty > _EMPTY_TAIL or number > MOST_ROWS:
        raise UnreadableError(
            number, "la feuille a trop de lignes, ou de lignes vides.", "Effacez les lignes vides, ou coupez la liste."
        )


def _width(header: tuple[Any, ...]) -> int:
    """How many columns the header names; what stands right of it is looked at one column far, to be told."""
    width = max((place for place, value in enumerate(header, 1) if _cell(value).strip()), default=0)
    if not width:
        raise UnreadableError(1, "la première feuille n’a pas d’en-tête.", "Sa première ligne nomme les colonnes.")
    if width > WIDEST:
        raise UnreadableError(1, f"la feuille a plus de {WIDEST} colonnes.", "Gardez celles qui servent.")
    return width


def _records(rows: Iterator[tuple[int, list[str]]], told: Told) -> Iterator[tuple[int, list[str]]]:
    for number, cells in rows:
        if any(len(cell) > LONGEST_TEXT for cell in cells):
            told(Finding(number, "", f"une case a plus de {LONGEST_TEXT} caractères.", "Raccourcissez."))
        else:
            yield number, cells


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
