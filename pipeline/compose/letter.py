"""What a mailing says, before it is a mail."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal, TypeAlias

from pipeline.content.fiche import Fiche
from pipeline.season.season import Season, Status

LetterKind: TypeAlias = Literal["launch", "release", "final", "confirmation", "welcome"]


@dataclass(frozen=True, slots=True)
class LetterFiche:
    """A fiche in a letter; ``url`` is its absolute page."""

    fiche: Fiche
    url: str


@dataclass(frozen=True, slots=True)
class Upcoming:
    """What comes next. ``titles``: (kind's name, short title) of each fiche; a final slot has ``event`` instead."""

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
class Letter:
    """One mailing's content. ``key`` names it for Message-IDs (``carnet/3``), ``date`` is the slot's local day,
    ``sent_at`` (UTC) the Date header; ``web_url`` the web version; ``local`` allows http because base URL and transport are
    both this machine. ``fiches`` of a welcome are the latest release's; of a final letter every fiche of the kit.
    ``mailto``: people can leave by mail too, since one comes back to us (there is a return path of ours); ``cfbl_address``:
    where complaints may be sent (RFC 9477), empty for nowhere."""

    season: Season
    kind: LetterKind
    key: str
    number: int
    date: dt.date
    sent_at: dt.datetime
    base_url: str
    web_url: str
    fiches: tuple[LetterFiche, ...] = ()
    upcoming: Upcoming | None = None
    downloads: tuple[Download, ...] = ()
    event: str = ""
    local: bool = False
    mailto: bool = False
    cfbl_address: str = ""
