"""Which column of a file is what: as its header says, as it is guessed from usual French and English headers, or as one was told."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

COLUMNS = (
    "email",
    "name",
    "organisation",
    "consent_source",
    "consent_at",
    "choice",
    "themes",
    "rhythm",
    "role",
    "territory",
    "department",
)
"""What is read, by the names that need no mapping."""

_GUESSES: dict[str, tuple[str, ...]] = {
    "email": (
        *("e mail", "mail", "courriel", "mel", "adresse mail", "adresse email", "adresse e mail", "adresse courriel"),
        *("adresse de courriel", "adresse electronique", "adresse de messagerie", "email address", "e mail address"),
    ),
    "name": ("nom complet", "nom et prenom", "prenom et nom", "nom prenom", "prenom nom", "full name", "contact"),
    "organisation": (
        *("organization", "organisme", "structure", "collectivite", "employeur", "entite", "societe"),
        *("nom de la structure", "nom de la collectivite", "company"),
    ),
    "consent_source": (
        *("source", "origine", "provenance", "source du consentement", "origine du consentement"),
        *("origine de l accord", "consent source"),
    ),
    "consent_at": (
        *("date du consentement", "date de consentement", "date de l accord", "date d inscription"),
        *("consent date", "consent at", "subscribed at"),
    ),
    "choice": ("choix", "abonnement"),
    "themes": ("themes choisis", "topics"),
    "rhythm": ("rythme", "frequence", "frequency"),
    "role": ("fonction", "qualite"),
    "territory": ("territoire",),
    "department": ("departement", "dept", "code departement", "numero de departement"),
}
_FIRST = frozenset({"prenom", "first name", "firstname", "given name"})
_LAST = frozenset({"nom", "nom de famille", "last name", "lastname", "surname", "family name"})
_BY_GUESS = {guess: column for column, guesses in _GUESSES.items() for guess in guesses}
_NOT_WORDS = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class Layout:
    """Where each column stands: its places in a record, which are joined by a space (a first name and a last one)."""

    places: dict[str, tuple[int, ...]]
    header: tuple[str, ...]
    guessed: bool = False
    """False where every column has its own name, or one was told."""

    @property
    def shown(self) -> dict[str, str]:
        """Each column that is there, with the headers it is read from."""
        return {
            column: " + ".join(self.header[place].strip() for place in places) for column, places in self.places.items()
        }

    @property
    def ignored(self) -> tuple[str, ...]:
        """The headers that mean nothing here."""
        read = {place for places in self.places.values() for place in places}
        return tuple(text.strip() for place, text in enumerate(self.header) if place not in read and text.strip())


@dataclass(frozen=True, slots=True)
class Misfit:
    """Why a header cannot be read: the column it is about, what is wrong, the mend."""

    column: str
    message: str
    mend: str


def parse(texts: Sequence[str]) -> dict[str, str]:
    """Read ``column=header`` texts, as a command gets them. Raises :class:`ValueError`, French."""
    told: dict[str, str] = {}
    for text in texts:
        column, equals, header = text.partition("=")
        column = column.strip().lower()
        if not equals or not header.strip() or column not in COLUMNS:
            raise ValueError(
                f"« --map {text} » : écrire COLONNE=EN-TÊTE (ou COLONNE=EN-TÊTE+EN-TÊTE), où COLONNE est {', '.join(COLUMNS)}."
            )
        if column in told:
            raise ValueError(f"« --map {text} » : « {column} » est dite deux fois. N’en garder qu’une.")
        told[column] = header
    return told


def map_header(header: Sequence[str], told: Mapping[str, str]) -> tuple[Layout, list[Misfit]]:
    """Say where each column stands. What was ``told`` comes first, then a column's own name, then guesses."""
    misfits: list[Misfit] = []
    places = {column: _find(header, column, wanted, misfits) for column, wanted in told.items()}
    own = [text.strip().lower() for text in header]
    words = [_words(text) for text in header]
    guessed = False
    for column in COLUMNS:
        if column in told:
            continue
        exact = [place for place, text in enumerate(own) if text == column]
        if len(exact) > 1:
            misfits.append(Misfit(column, "cette colonne figure deux fois.", "N’en gardez qu’une."))
        elif exact:
            places[column] = (exact[0],)
        else:
            found = _guess(column, words, misfits, header)
            guessed = guessed or bool(found)
            if found:
                places[column] = found
    return Layout({column: places[column] for column in COLUMNS if places.get(column)}, tuple(header), guessed), misfits


def _find(header: Sequence[str], column: str, wanted: str, misfits: list[Misfit]) -> tuple[int, ...]:
    """The places of the headers that one was told; a header may itself hold a « + »."""
    known = [text.strip().casefold() for text in header]
    whole = wanted.strip().casefold()
    parts = [whole] if whole in known else [part.strip() for part in whole.split("+")]
    for part in parts:
        if known.count(part) != 1:
            many = "deux colonnes portent" if part in known else "aucune colonne ne porte"
            listed = ", ".join(f"« {text.strip()} »" for text in header if text.strip())
            misfits.append(Misfit(column, f"{many} l’en-tête « {part} ».", f"Le fichier a : {listed}."))
            return ()
    return tuple(known.index(part) for part in parts)


def _guess(column: str, words: Sequence[str], misfits: list[Misfit], header: Sequence[str]) -> tuple[int, ...]:
    found = [place for place, text in enumerate(words) if _BY_GUESS.get(text) == column]
    if not found and column == "name":
        first = [place for place, text in enumerate(words) if text in _FIRST]
        last = [place for place, text in enumerate(words) if text in _LAST]
        return (*first[:1], *last[:1])
    if len(found) > 1:
        listed = " et ".join(f"« {header[place].strip()} »" for place in found)
        misfits.append(
            Misfit(
                column,
                f"plusieurs colonnes peuvent l’être : {listed}.",
                f"Dites laquelle : --map {column}={header[found[0]].strip()}.",
            )
        )
        return ()
    return tuple(found)


def _words(text: str) -> str:
    """A header as it is compared: no accents, no case, words between single spaces."""
    plain = "".join(sign for sign in unicodedata.normalize("NFKD", text) if not unicodedata.combining(sign))
    return _NOT_WORDS.sub(" ", plain.casefold()).strip()
