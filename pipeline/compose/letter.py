"""What a mail says, before it is a mail."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal, TypeAlias

from pipeline.content.fiche import Fiche
from pipeline.season.season import Season, SlotKind, Status

LetterKind: TypeAlias = Literal[
    "launch",
    "release",
    "final",
    "digest",
    "catch-up",
    "confirmation",
    "reminder",
    "already",
    "welcome",
    "link",
    "moving",
    "moved",
    "renewal",
]
"""The first five are mailings to a list, the others letters to one person; :mod:`pipeline.compose.kinds` tells how each leaves."""


@dataclass(frozen=True, slots=True)
class LetterFiche:
    """A fiche in a letter; ``url`` is its absolute page."""

    fiche: Fiche
    url: str


@dataclass(frozen=True, slots=True)
class Planned:
    """A slot to come. ``titles``: (kind's name, short title) of each fiche; a final slot has ``event`` instead."""

    date: dt.date | None
    status: Status
    final: bool
    titles: tuple[tuple[str, str], ...] = ()
    event: str = ""


@dataclass(frozen=True, slots=True)
class Download:
    """A file of the kit, for the final letter. ``size`` in bytes."""

    format: str
    url: str
    size: int
    pages: int | None = None


@dataclass(frozen=True, slots=True)
class Issue:
    """A release as it went out to everybody: number, the slot's local day, its public page, its fiches; a final one's files and
    event too."""

    kind: SlotKind
    number: int
    date: dt.date
    web_url: str
    fiches: tuple[LetterFiche, ...] = ()
    downloads: tuple[Download, ...] = ()
    event: str = ""


@dataclass(frozen=True, slots=True)
class Letter:
    """The content of one mailing, or of a letter to one person.

    ``key`` names it for Message-IDs (``carnet/3``), ``date`` is the slot's local day, ``sent_at`` (UTC) the Date header;
    ``web_url`` the web version, ``""`` where there is none; ``local`` allows http because base URL and transport are both this
    machine. ``fiches`` of a welcome are the latest release's; of a final letter every fiche of the kit.
    ``mailto``: people can leave by mail too, since one comes back to us (there is a return path of ours); ``cfbl_address``:
    where complaints may be sent (RFC 9477), empty for nowhere.

    ``calendar``: the slots to come, for a welcome. A digest has ``issues``, oldest first, and ``month``, a day of the month that
    they are of. A catch-up has ``issue``, and ``remaining``: how many more the person will be sent after it.

    Raises:
        ValueError: a digest or a catch-up lacks what it is about.
    """

    season: Season
    kind: LetterKind
    key: str
    number: int
    date: dt.date
    sent_at: dt.datetime
    base_url: str
    web_url: str
    fiches: tuple[LetterFiche, ...] = ()
    upcoming: Planned | None = None
    downloads: tuple[Download, ...] = ()
    event: str = ""
    local: bool = False
    mailto: bool = False
    cfbl_address: str = ""
    calendar: tuple[Planned, ...] = ()
    issues: tuple[Issue, ...] = ()
    month: dt.date | None = None
    issue: Issue | None = None
    remaining: int = 0

    def __post_init__(self) -> None:
        if self.kind == "digest" and (self.month is None or not self.issues):
            raise ValueError("a digest has a month and issues")
        if self.kind == "catch-up" and self.issue is None:
            raise ValueError("a catch-up has an issue")
