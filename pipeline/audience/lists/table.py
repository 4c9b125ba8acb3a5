"""What every format is read as: a header, and records of cells."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from pipeline.audience.lists.judging import Finding

Told: TypeAlias = Callable[[Finding], None]
"""Where a reader says what is wrong with one record; it goes on with the next."""

WIDEST = 100
"""Columns that are read at most."""


class UnreadableError(ValueError):
    """Nothing, or nothing more, can be read of this file: ``finding`` says from where on, why, and the mend."""

    def __init__(self, line: int, message: str, mend: str) -> None:
        self.finding = Finding(line, "", message, mend)
        super().__init__(f"{message} {mend}")


@dataclass(frozen=True, slots=True)
class Table:
    """``records``: each with the line it begins on, from 1; reading them may raise :class:`UnreadableError`. ``bare``: see
    :mod:`pipeline.audience.spreadsheet`."""

    header: tuple[str, ...]
    records: Iterator[tuple[int, list[str]]]
    bare: Callable[[str], str]
