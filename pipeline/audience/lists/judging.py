"""One record of a list, judged: a row, or every fault that it has. No database."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from pipeline.audience.addresses import AddressError, parse
from pipeline.audience.lists import vocabulary
from pipeline.audience.lists.columns import Layout
from pipeline.audience.lists.vocabulary import CellError, Vocabulary
from pipeline.audience.models import THEMES_LENGTH
from pipeline.audience.wishes import packed

LONGEST_CELL = 200
LONGEST_THEMES = THEMES_LENGTH - 2
"""As packed, with a space at either end."""

_SPACES = re.compile(r"[^\S\x1c-\x1f]+")
# Controls, and the overrides that write a text backwards.
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class Row(NamedTuple):
    """One person of the list. ``line``: where it stands in the file, from 1. ``mailbox`` and ``key``: see
    :class:`pipeline.audience.addresses.Address`. ``consent_at``: ISO 8601, UTC, or empty; ``themes``: packed; what the file does not say is
    empty."""

    line: int
    mailbox: str
    key: str
    name: str = ""
    organisation: str = ""
    consent_source: str = ""
    consent_at: str = ""
    choice: str = ""
    themes: str = ""
    rhythm: str = ""
    role: str = ""
    territory: str = ""
    department: str = ""


class Finding(NamedTuple):
    """A fault of a record, and its mend; both French."""

    line: int
    column: str
    message: str
    mend: str


@dataclass(frozen=True, slots=True)
class Judge:
    """What records are held against. ``consent_source``: where a record names none; ``choice``: what those get that name none;
    ``bare``: takes from a cell what guards it against being taken for a formula; ``now``: no consent is dated after it."""

    layout: Layout
    vocabulary: Vocabulary
    consent_source: str
    choice: str
    bare: Callable[[str], str]
    now: dt.datetime | None = None

    def judge(self, line: int, cells: Sequence[str]) -> Row | list[Finding]:
        """The row that a record is, or every fault of it."""
        width = len(self.layout.header)
        if any(cell.strip() for cell in cells[width:]):
            message = f"il y a {len(cells)} cases pour {width} colonnes."
            return [Finding(line, "", message, "Mettez entre guillemets les cases qui contiennent le séparateur.")]
        found: list[Finding] = []
        said: dict[str, str] = {}
        for column, places in self.layout.places.items():
            cell = " ".join(
                part for place in places if place < len(cells) and (part := self.bare(cells[place].strip(" \t")))
            )
            if not cell:
                continue
            try:
                said[column] = self._value(column, cell)
            except (AddressError, CellError) as error:
                found.append(Finding(line, column, error.message, error.mend))
        mailbox, key = self._address(line, said, found)
        self._whole(line, said, found)
        if found:
            return found
        said.setdefault("consent_source", self.consent_source)
        return Row(line, mailbox, key, **said)

    def _value(self, column: str, cell: str) -> str:
        if column == "email":
            return cell
        text = _text(cell, LONGEST_THEMES if column == "themes" else LONGEST_CELL)
        match column:
            case "consent_at":
                text = _instant(text, self.now)
            case "themes":
                text = packed(self.vocabulary.themes(text))
            case "rhythm":
                text = vocabulary.rhythm(text)
            case "department":
                text = vocabulary.department(text)
            case "choice" | "role" | "territory":
                text = self.vocabulary.find(column, text)
        return text

    def _address(self, line: int, said: dict[str, str], found: list[Finding]) -> tuple[str, str]:
        try:
            address = parse(said.pop("email", ""))
        except AddressError as error:
            found.append(Finding(line, "email", error.message, error.mend))
            return "", ""
        return address.mailbox, address.key

    def _whole(self, line: int, said: dict[str, str], found: list[Finding]) -> None:
        faulty = {finding.column for finding in found}
        if not (said.get("consent_source") or self.consent_source or "consent_source" in faulty):
            message = "rien ne dit d’où vient le consentement de cette personne."
            found.append(Finding(line, "consent_source", message, "Indiquez-le, ou retirez la ligne."))
        picks = said.get("choice", self.choice) in self.vocabulary.picking
        if picks and not said.get("themes") and not faulty & {"themes", "choice"}:
            message = "ce choix demande au moins un thème."
            found.append(Finding(line, "themes", message, "Nommez-en un, ou changez de choix."))


def _text(cell: str, longest: int) -> str:
    text = _SPACES.sub(" ", cell).strip()
    if len(text) > longest:
        raise CellError(f"plus de {longest} caractères.", "Raccourcissez.")
    if _UNSEEN.search(text):
        raise CellError("un caractère de contrôle s’y trouve.", "Effacez la case et écrivez-la à nouveau.")
    return text


@lru_cache(maxsize=4096)
def _instant(cell: str, now: dt.datetime | None) -> str:
    """A date is its first instant, UTC; a time without zone is UTC."""
    try:
        read = dt.datetime.fromisoformat(cell)
        instant = read.replace(tzinfo=dt.UTC) if read.tzinfo is None else read.astimezone(dt.UTC)
    except (ValueError, OverflowError) as error:
        raise CellError("ce n’est pas une date ISO 8601.", "Écrivez-la comme 2019-11-04.") from error
    if now is not None and instant > now:
        raise CellError("cette date est à venir.", "Indiquez quand la personne a consenti.")
    return instant.isoformat()
