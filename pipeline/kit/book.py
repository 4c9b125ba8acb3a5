"""What a kit is made of. The same book gives the same bytes in every format."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from pipeline.content import tree
from pipeline.content.fiche import Fiche
from pipeline.season.season import Season

Format: TypeAlias = Literal["pdf", "epub", "html", "zip"]
FORMATS: tuple[Format, ...] = ("pdf", "epub", "html", "zip")


@dataclass(frozen=True, slots=True)
class Entry:
    """A released fiche in the book; ``url`` is its absolute page, ``released`` its slot's local date."""

    fiche: Fiche
    released: dt.date
    url: str


@dataclass(frozen=True, slots=True)
class Planned:
    """A fiche still to come: title only; its text is not in the book."""

    number: int
    kind: str
    short_title: str
    expected: dt.date | None


@dataclass(frozen=True, slots=True)
class Book:
    """Everything a kit shows. ``entries`` in the order of the season's kinds, then numbers. ``images``: sha256 → bytes."""

    season: Season
    final: bool
    as_of: dt.date
    entries: tuple[Entry, ...]
    planned: tuple[Planned, ...]
    base_url: str
    glossary: tree.Document | None
    images: dict[str, bytes] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class BuiltFile:
    """One file of the kit. ``pages`` only for PDF."""

    format: Format
    name: str
    media_type: str
    content: bytes = field(repr=False)
    sha256: str
    pages: int | None = None
