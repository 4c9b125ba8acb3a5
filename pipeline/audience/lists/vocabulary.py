"""The words that a list may use of a season: its choices, themes, roles and territories, by their ids or their labels."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pipeline.audience.models import Rhythm

if TYPE_CHECKING:
    from pipeline.season.season import Season

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_DEPARTMENT = re.compile(r"0[1-9]|[1-8][0-9]|9[0-5]|2[AB]|97[1-6]")
_RHYTHMS = {
    "each": Rhythm.EACH,
    "à chaque envoi": Rhythm.EACH,
    "chaque envoi": Rhythm.EACH,
    "monthly": Rhythm.MONTHLY,
    "une fois par mois": Rhythm.MONTHLY,
    "mensuel": Rhythm.MONTHLY,
}


class _Named(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def label(self) -> str: ...


class CellError(ValueError):
    """A cell that cannot be taken as it is: ``message`` and ``mend``, French."""

    def __init__(self, message: str, mend: str) -> None:
        self.message = message
        self.mend = mend
        super().__init__(f"{message} {mend}")


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """``lists``: by column, each spelling (case folded) and the id it means; a column that is not there takes any id. ``picking``: the
    choices where people pick themes."""

    lists: Mapping[str, Mapping[str, str]]
    picking: frozenset[str] = frozenset()

    @classmethod
    def of(cls, season: Season) -> Vocabulary:
        terms: dict[str, Iterable[_Named]] = {
            "choice": season.choices,
            "themes": season.themes,
            "role": season.roles,
            "territory": season.territories,
        }
        return cls(
            {column: _spellings(named) for column, named in terms.items()},
            frozenset(choice.id for choice in season.choices if choice.pick_themes),
        )

    def find(self, column: str, text: str) -> str:
        """The id that ``text`` means in ``column`` (``choice``, ``role``, ``territory``). Raises :class:`CellError`."""
        known = self.lists.get(column)
        if known is None:
            if _ID.fullmatch(text) is None:
                raise CellError(f"« {text} » n’est pas un identifiant.", "Écrivez celui de la saison.")
            return text
        found = known.get(text.casefold())
        if found is None:
            ids = ", ".join(dict.fromkeys(known.values()))
            raise CellError(
                f"la saison ne connaît pas « {text} ».",
                f"Choisir parmi : {ids}." if ids else "Elle n’en nomme aucun : laissez la case vide.",
            )
        return found

    def themes(self, text: str) -> tuple[str, ...]:
        """The ids of several themes: separated by commas, semicolons or bars; ids by spaces, too. Raises :class:`CellError`."""
        parts = [part.strip() for part in re.split(r"[,;|]", text) if part.strip()]
        if len(parts) == 1 and parts[0].casefold() not in self.lists.get("themes", {}):
            parts = parts[0].split()
        return tuple(sorted({self.find("themes", part) for part in parts}))


ANY = Vocabulary({})
"""Any identifier: where no season is at hand."""


def rhythm(text: str) -> str:
    """Raises :class:`CellError`."""
    found = _RHYTHMS.get(text.casefold())
    if found is None:
        raise CellError(f"« {text} » n’est pas un rythme.", f"Choisir parmi : {', '.join(Rhythm.values)}.")
    return str(found)


def department(text: str) -> str:
    """A department's code (INSEE): a spreadsheet may have eaten its zero. Raises :class:`CellError`."""
    code = text.upper().removesuffix(".0").zfill(2)
    if _DEPARTMENT.fullmatch(code) is None or code == "20":
        raise CellError(f"« {text} » n’est pas le code d’un département.", "Écrivez-le comme 09, 2A ou 974.")
    return code


def _spellings(named: Iterable[_Named]) -> dict[str, str]:
    terms = list(named)
    return {term.label.casefold(): term.id for term in terms} | {term.id.casefold(): term.id for term in terms}
