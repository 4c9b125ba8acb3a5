"""Reading a season's YAML: each getter tells a fault with its line and goes on, so that all are found in one run."""

from __future__ import annotations

import datetime as dt
import difflib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from pipeline.content.errors import Fault
from pipeline.content.typography import typeset
from pipeline.content.yaml12 import Mapping, Node, Scalar, Sequence

NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")

T = TypeVar("T")


@dataclass(slots=True)
class Reader:
    """A mapping being read, with the faults found so far. ``where`` is the path of keys to it."""

    path: str
    node: Mapping
    where: str = ""
    faults: list[Fault] = field(default_factory=list)

    def fault(self, line: int, key: str, message: str, mend: str) -> None:
        self.faults.append(Fault(self.path, line, self._name(key), message, mend))

    def known(self, *keys: str) -> None:
        """Tell every key that is none of ``keys``, or written twice."""
        for key, line in self.node.lines.items():
            if key not in keys:
                close = difflib.get_close_matches(key, keys, 1)
                mend = f"Vouliez-vous écrire « {close[0]} » ?" if close else f"Clés possibles : {', '.join(keys)}."
                self.fault(line, key, "cette clé n’existe pas.", mend)
        for key, line in self.node.repeated:
            self.fault(line, key, "cette clé est écrite deux fois.", "N’en garder qu’une.")

    def line(self, key: str) -> int:
        return self.node.lines.get(key, self.node.line)

    def text(self, key: str, *, default: str | None = None, most: int = 500) -> str:
        """A line of text; required unless a default is given."""
        found = self.node.entries.get(key)
        if found is None or (isinstance(found, Scalar) and found.value is None):
            return self._missing(key, default, "")
        if not isinstance(found, Scalar) or isinstance(found.value, bool):
            self.fault(found.line, key, "doit être un texte.", "L’écrire entre guillemets.")
            return default or ""
        text = found.text.strip()
        if not text and default is None:
            self.fault(found.line, key, "est vide.", "Écrire le texte.")
        if len(text) > most or FORBIDDEN.search(text):
            self.fault(
                found.line, key, f"a plus de {most} caractères, ou un caractère interdit.", "Le retaper plus court."
            )
            return default or ""
        return text

    def prose(self, key: str, *, default: str | None = None, most: int = 500) -> str:
        """A line of text that people read: typeset."""
        return typeset(self.text(key, default=default, most=most))

    def word(self, key: str, choices: Iterable[str], *, default: str | None = None) -> str:
        """One of a list of words."""
        found = self.text(key, default=default)
        known = list(choices)
        if found and found not in known and key in self.node.entries:
            close = difflib.get_close_matches(found, known, 1)
            mend = f"Vouliez-vous écrire « {close[0]} » ?" if close else f"Choisir parmi : {', '.join(known)}."
            self.fault(self.line(key), key, f"« {found[:60]} » n’est pas un choix possible.", mend)
            return default or (known[0] if known else "")
        return found

    def date(self, key: str, *, required: bool = True) -> dt.date | None:
        """A day, ``2020-01-22``."""
        if key not in self.node.entries and not required:
            return None
        text = self.text(key, default=None if required else "")
        if not text:
            return None
        try:
            if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
                raise ValueError
            return dt.date.fromisoformat(text)
        except ValueError:
            mend = "Écrire AAAA-MM-JJ, un jour qui existe, comme 2020-01-22."
            self.fault(self.line(key), key, f"« {text[:40]} » n’est pas une date.", mend)
            return None

    def number(self, key: str, least: int, most: int, *, default: int | None = None) -> int:
        """A whole number."""
        found = self.node.entries.get(key)
        if found is None and default is not None:
            return default
        value = found.value if isinstance(found, Scalar) else None
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return value
        self.fault(self.line(key), key, f"doit être un nombre entier de {least} à {most}.", "Le corriger.")
        return default if default is not None else least

    def flag(self, key: str, *, default: bool) -> bool:
        """``true`` or ``false``."""
        found = self.node.entries.get(key)
        if found is None:
            return default
        if isinstance(found, Scalar) and isinstance(found.value, bool):
            return found.value
        self.fault(found.line, key, "doit être true ou false.", "Écrire true ou false, sans guillemets.")
        return default

    def parsed(self, key: str, parse: Callable[[str], T], mend: str, *, default: str | None = None) -> T | None:
        """A text that ``parse`` makes something of; ``ValueError`` from it is a fault."""
        text = self.text(key, default=default)
        if not text:
            return None
        try:
            return parse(text)
        except (ValueError, KeyError, OSError):
            self.fault(self.line(key), key, f"« {text[:60]} » ne convient pas.", mend)
            return None

    def names(self, key: str) -> tuple[str, ...]:
        """A list of texts; empty where the key is absent."""
        found = self.node.entries.get(key)
        if found is None or (isinstance(found, Scalar) and found.value is None):
            return ()
        if not isinstance(found, Sequence) or not all(isinstance(item, Scalar) for item in found.items):
            self.fault(
                found.line, key, "doit être une liste de textes.", "Écrire [un, deux], ou un par ligne avec « - »."
            )
            return ()
        return tuple(item.text.strip() for item in found.items if isinstance(item, Scalar))

    def below(self, key: str, *, required: bool = True) -> Reader:
        """The mapping at ``key``; an empty one where it is absent or something else (told)."""
        found = self.node.entries.get(key)
        name = self._name(key)
        if isinstance(found, Mapping):
            return Reader(self.path, found, name, self.faults)
        empty = Mapping({}, {}, self.line(key))
        if found is not None and not (isinstance(found, Scalar) and found.value is None):
            self.fault(self.line(key), key, "doit contenir des clés.", "Les écrire en retrait, une par ligne.")
        elif required:
            self.fault(self.line(key), key, "manque.", "L’ajouter : voir docs/schedules.md.")
        return Reader(self.path, empty, name, self.faults)

    def each(self, key: str, *, required: bool = False) -> list[Reader]:
        """The mappings of a list."""
        found = self.node.entries.get(key)
        if found is None or (isinstance(found, Scalar) and found.value is None):
            if required:
                self.fault(self.line(key), key, "manque.", "L’ajouter : voir docs/schedules.md.")
            return []
        if not isinstance(found, Sequence):
            self.fault(self.line(key), key, "doit être une liste.", "Écrire un élément par ligne, avec « - ».")
            return []
        readers: list[Reader] = []
        for at, item in enumerate(found.items, start=1):
            if isinstance(item, Mapping):
                readers.append(Reader(self.path, item, f"{self._name(key)}[{at}]", self.faults))
            else:
                self.fault(_line(item), key, "chaque élément doit contenir des clés.", "Écrire « - clé: valeur ».")
        return readers

    def _missing(self, key: str, default: str | None, empty: str) -> str:
        if default is None:
            self.fault(self.node.line, key, "manque.", "L’ajouter : voir docs/schedules.md.")
            return empty
        return default

    def _name(self, key: str) -> str:
        return ".".join(part for part in (self.where, key) if part)


def _line(node: Node) -> int:
    return node.line
