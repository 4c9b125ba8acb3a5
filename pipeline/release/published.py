"""What the public may see. Nothing here shows a text before its release."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal

from pipeline.content import tree
from pipeline.content.fiche import Fiche
from pipeline.season.season import Season, SlotKind, Status

LineState = Literal["released", "planned", "held", "skipped"]


@dataclass(frozen=True, slots=True)
class LineFiche:
    """A fiche on the season's line: its title may be read before its text. ``path`` is empty until it is released."""

    number: int
    kind: str
    short_title: str
    slug: str
    path: str


@dataclass(frozen=True, slots=True)
class LineSlot:
    """A slot on the season's line; ``date`` is None where no date is known, ``held`` shows no reason to the public."""

    name: str
    number: int
    kind: SlotKind
    date: dt.date | None
    status: Status
    state: LineState
    fiches: tuple[LineFiche, ...]
    event: str
    path: str


@dataclass(frozen=True, slots=True)
class PublicFiche:
    """A released fiche as its page shows it. ``released`` is the slot's local date; ``previous`` and ``following`` are released too."""

    fiche: Fiche
    slot: str
    released: dt.date
    path: str
    previous: LineFiche | None
    following: LineFiche | None


@dataclass(frozen=True, slots=True)
class PublicFile:
    """A file of the kit, to download. ``size`` in bytes."""

    format: str
    name: str
    media_type: str
    size: int
    sha256: str
    pages: int | None
    path: str


@dataclass(frozen=True, slots=True)
class PublicRelease:
    """The web version of a release's mail: what went out, without anything personal."""

    season: Season
    slot: str
    number: int
    kind: SlotKind
    date: dt.date
    released_at: dt.datetime
    subject: str
    html: str
    fiches: tuple[PublicFiche, ...]
    path: str


@dataclass(frozen=True, slots=True)
class SeasonPage:
    """A season's home: its line, what comes next, the latest fiches (of the last release), every released one, the kit's files."""

    season: Season
    line: tuple[LineSlot, ...]
    next: LineSlot | None
    latest: tuple[PublicFiche, ...]
    fiches: tuple[PublicFiche, ...]
    kit: tuple[PublicFile, ...]
    releases: tuple[PublicRelease, ...]
    glossary: tree.Document | None
