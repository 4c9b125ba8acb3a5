"""The types a front matter's field may have. Each reads a YAML node, tells its JSON Schema and its rule in French."""

from __future__ import annotations

import datetime as dt
import difflib
import re
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit

from pipeline.content.errors import Fault
from pipeline.content.fiche import Rules
from pipeline.content.names import SLUG
from pipeline.content.typography import typeset
from pipeline.content.words import count_words
from pipeline.content.yaml12 import Mapping, Node, Scalar, Sequence

FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
"""Control characters (tab and line feed excepted), those that turn the direction of text over, and half characters."""


@dataclass(slots=True)
class Faults:
    """Where faults of one file are gathered, and what the season asks."""

    path: str
    rules: Rules
    found: list[Fault] = field(default_factory=list)

    def add(self, line: int, name: str, message: str, mend: str) -> None:
        self.found.append(Fault(self.path, line, name, message, mend))


class Type(Protocol):
    """How one field is read. ``read`` returns None after adding a fault."""

    def read(self, node: Node, name: str, faults: Faults) -> Any: ...

    def json(self, rules: Rules | None) -> dict[str, Any]: ...

    def rule(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Field:
    """One key. A key that is not required may be absent: it is then an empty list. ``help`` is French."""

    name: str
    type: Type
    help: str
    required: bool = True


@dataclass(frozen=True, slots=True)
class Text:
    """A line of prose, typeset. ``maximum`` in characters; ``words`` least and most; ``numbers``: a bare number will do."""

    maximum: int
    words: tuple[int, int] | None = None
    numbers: bool = False

    def read(self, node: Node, name: str, faults: Faults) -> str | None:
        raw = _string(node, name, faults, numbers=self.numbers)
        if raw is None:
            return None
        text = " ".join(raw.split(" "))
        text = re.sub(r"[ \t\n]+", " ", text).strip()
        if not text:
            faults.add(node.line, name, "est vide.", "Écrire le texte.")
            return None
        if len(text) > self.maximum:
            faults.add(node.line, name, f"a {len(text)} caractères ; {self.maximum} au plus.", "Raccourcir.")
            return None
        if self.words:
            least, most = self.words
            count = count_words(text)
            if not least <= count <= most:
                faults.add(
                    node.line,
                    name,
                    f"a {count} mots ; il en faut de {least} à {most}.",
                    "Raccourcir, ou déplacer le reste dans le texte." if count > most else "Compléter.",
                )
                return None
        return typeset(text)

    def json(self, _rules: Rules | None) -> dict[str, Any]:
        return {"type": ["string", "number"] if self.numbers else "string", "minLength": 1, "maxLength": self.maximum}

    def rule(self) -> str:
        if self.words:
            return f"de {self.words[0]} à {self.words[1]} mots"
        return f"{self.maximum} caractères au plus"


@dataclass(frozen=True, slots=True)
class Id:
    """Lower-case letters, digits and hyphens."""

    maximum: int

    def read(self, node: Node, name: str, faults: Faults) -> str | None:
        text = _string(node, name, faults)
        if text is None:
            return None
        if not re.fullmatch(SLUG, text) or len(text) > self.maximum:
            faults.add(
                node.line,
                name,
                f"« {shown(text)} » n’est pas un slug.",
                "Lettres minuscules sans accent, chiffres et traits d’union.",
            )
            return None
        return text

    def json(self, _rules: Rules | None) -> dict[str, Any]:
        return {"type": "string", "pattern": f"^{SLUG}$", "maxLength": self.maximum}

    def rule(self) -> str:
        return "lettres minuscules sans accent, chiffres, traits d’union"


@dataclass(frozen=True, slots=True)
class Chosen:
    """A word of one of the season's lists; ``names`` is an attribute of :class:`~pipeline.content.fiche.Rules`."""

    names: str

    def read(self, node: Node, name: str, faults: Faults) -> str | None:
        text = _string(node, name, faults)
        if text is None:
            return None
        known = sorted(getattr(faults.rules, self.names))
        if text not in known:
            close = difflib.get_close_matches(text[:80], known, 1)
            mend = f"Vouliez-vous écrire « {close[0]} » ?" if close else f"Choisir parmi : {', '.join(known) or '–'}."
            faults.add(node.line, name, f"« {shown(text)} » n’est pas dans la liste de la saison.", mend)
            return None
        return text

    def json(self, rules: Rules | None) -> dict[str, Any]:
        return {"type": "string"} | ({"enum": sorted(getattr(rules, self.names))} if rules else {})

    def rule(self) -> str:
        return "un mot de la liste de la saison"


@dataclass(frozen=True, slots=True)
class Number:
    minimum: int
    maximum: int

    def read(self, node: Node, name: str, faults: Faults) -> int | None:
        value = node.value if isinstance(node, Scalar) else None
        if not isinstance(value, int) or isinstance(value, bool) or not self.minimum <= value <= self.maximum:
            faults.add(
                node.line, name, f"n’est pas un nombre entier ; {self.rule()}.", "Écrire un nombre, sans guillemets."
            )
            return None
        return value

    def json(self, _rules: Rules | None) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.minimum, "maximum": self.maximum}

    def rule(self) -> str:
        return f"un nombre entier de {self.minimum} à {self.maximum}"


@dataclass(frozen=True, slots=True)
class Date:
    """A calendar day, written ``YYYY-MM-DD``."""

    def read(self, node: Node, name: str, faults: Faults) -> dt.date | None:
        text = node.text if isinstance(node, Scalar) else ""
        day = _day(text)
        if day is None:
            faults.add(
                node.line,
                name,
                f"« {shown(text)} » n’est pas une date.",
                "L’écrire AAAA-MM-JJ, par exemple 2020-01-22.",
            )
        return day

    def json(self, _rules: Rules | None) -> dict[str, Any]:
        return {"type": "string", "format": "date", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}

    def rule(self) -> str:
        return "une date AAAA-MM-JJ"


@dataclass(frozen=True, slots=True)
class SourceDate:
    """A day, a month, a year, or ``s. d.`` where none is known."""

    def read(self, node: Node, name: str, faults: Faults) -> str | None:
        text = node.text if isinstance(node, Scalar) else ""
        full = text + {4: "-01-01", 7: "-01"}.get(len(text), "")
        if text != "s. d." and _day(full) is None:
            faults.add(
                node.line,
                name,
                f"« {shown(text)} » n’est pas une date.",
                "Écrire AAAA, AAAA-MM, AAAA-MM-JJ, ou « s. d. » si elle est inconnue.",
            )
            return None
        return text

    def json(self, _rules: Rules | None) -> dict[str, Any]:
        pattern = r"^([0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?|s\. d\.)$"
        return {"anyOf": [{"type": "string", "pattern": pattern}, {"type": "integer", "minimum": 1, "maximum": 9999}]}

    def rule(self) -> str:
        return "`AAAA`, `AAAA-MM`, `AAAA-MM-JJ` ou `s. d.`"


@dataclass(frozen=True, slots=True)
class Url:
    """An absolute ``http:`` or ``https:`` address."""

    def read(self, node: Node, name: str, faults: Faults) -> str | None:
        text = _string(node, name, faults)
        if text is None:
            return None
        if not web_address(text):
            faults.add(
                node.line,
                name,
                f"« {shown(text)} » n’est pas une adresse.",
                "Écrire une adresse complète, « https://… ».",
            )
            return None
        return text

    def json(self, _rules: Rules | None) -> dict[str, Any]:
        return {"type": "string", "format": "uri", "pattern": "^https?://", "maxLength": 1000}

    def rule(self) -> str:
        return "une adresse complète, `https://…` ou `http://…`"


@dataclass(frozen=True, slots=True)
class Many:
    """A list."""

    item: Type
    minimum: int = 0
    maximum: int = 40
    unique: bool = False

    def read(self, node: Node, name: str, faults: Faults) -> tuple[Any, ...] | None:
        if isinstance(node, Scalar) and node.value is None and self.minimum == 0:
            return ()
        if not isinstance(node, Sequence):
            faults.add(node.line, name, "n’est pas une liste.", "Écrire un élément par ligne, précédé d’un tiret.")
            return None
        count = len(node.items)
        if not self.minimum <= count <= self.maximum:
            faults.add(
                node.line,
                name,
                f"a {count} éléments ; {self._size()}.",
                "Compléter." if count < self.minimum else "Réduire.",
            )
        # A very long list is refused as a whole: its thousands of items would hide the other faults.
        values = tuple(
            self.item.read(item, f"{name}[{index}]", faults)
            for index, item in enumerate(node.items[: self.maximum], start=1)
        )
        if self.unique:
            seen: set[Any] = set()
            for item, value in zip(node.items, values, strict=False):
                if value is not None and value in seen:
                    faults.add(item.line, name, f"« {value} » y est deux fois.", "N’en garder qu’un.")
                seen.add(value)
        return values

    def _size(self) -> str:
        if self.minimum == self.maximum:
            return f"il en faut {self.minimum}"
        return f"il en faut de {self.minimum} à {self.maximum}" if self.minimum else f"{self.maximum} au plus"

    def json(self, rules: Rules | None) -> dict[str, Any]:
        data: dict[str, Any] = {"type": "array", "items": self.item.json(rules), "maxItems": self.maximum}
        if self.minimum:
            data["minItems"] = self.minimum
        if self.unique:
            data["uniqueItems"] = True
        return data

    def rule(self) -> str:
        if isinstance(self.item, Row):
            return f"une liste ; {self._size()}"
        return f"une liste ; {self._size()} ; chacun : {self.item.rule()}"


@dataclass(frozen=True, slots=True)
class Row:
    """A record; ``make`` is called with its fields by name."""

    make: Any
    fields: tuple[Field, ...]

    def read(self, node: Node, name: str, faults: Faults) -> Any:
        if not isinstance(node, Mapping):
            keys = ", ".join(f"{one.name}: …" for one in self.fields)
            faults.add(node.line, name, "n’a pas la forme attendue.", f"Écrire « {keys} ».")
            return None
        values = read_row(node, self.fields, f"{name}.", faults)
        return None if None in values.values() or len(values) < len(self.fields) else self.make(**values)

    def json(self, rules: Rules | None) -> dict[str, Any]:
        return {
            "type": "object",
            "additionalProperties": False,
            "required": [one.name for one in self.fields if one.required],
            "properties": {one.name: one.type.json(rules) | {"description": one.help} for one in self.fields},
        }

    def rule(self) -> str:
        return ", ".join(one.name for one in self.fields)


def read_row(node: Mapping, fields: tuple[Field, ...], prefix: str, faults: Faults) -> dict[str, Any]:
    """Read every field of ``node``; unknown, repeated and missing keys are faults. A faulty field's value is None."""
    names = [one.name for one in fields]
    for key, line in node.repeated:
        faults.add(line, f"{prefix}{shown(key)}", "est écrit deux fois.", "N’en garder qu’un.")
    for key, line in node.lines.items():
        if key not in names:
            close = difflib.get_close_matches(key[:80], names, 1)
            mend = f"Vouliez-vous écrire « {close[0]} » ?" if close else f"Champs possibles : {', '.join(names)}."
            faults.add(line, f"{prefix}{shown(key)}", "champ inconnu.", mend)
    values: dict[str, Any] = {}
    for one in fields:
        if one.name in node.entries:
            values[one.name] = one.type.read(node.entries[one.name], f"{prefix}{one.name}", faults)
        elif one.required:
            faults.add(node.line, f"{prefix}{one.name}", "manque.", f"L’ajouter : {one.help}")
        else:
            values[one.name] = ()
    return values


def web_address(text: str) -> bool:
    """True for an absolute http(s) address without credentials, spaces or control characters."""
    if len(text) > 1000 or re.search(r"[\s<>\"\\^`{|}]", text) or FORBIDDEN.search(text):
        return False
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc


def shown(text: str) -> str:
    """Return what a message may quote of ``text``: short, printable, on one line."""
    clean = "".join(char if char.isprintable() else "�" for char in text[:60])
    return clean + ("…" if len(text) > 60 else "")


def _string(node: Node, name: str, faults: Faults, *, numbers: bool = False) -> str | None:
    if not isinstance(node, Scalar):
        faults.add(node.line, name, "n’est pas un texte.", "Écrire un texte simple.")
        return None
    if node.value is None:
        faults.add(node.line, name, "est vide.", "Écrire le texte.")
        return None
    bare_number = numbers and isinstance(node.value, (int, float)) and not isinstance(node.value, bool)
    if not isinstance(node.value, str) and not bare_number:
        faults.add(node.line, name, "n’est pas un texte.", f'Mettre des guillemets : "{shown(node.text)}".')
        return None
    if FORBIDDEN.search(node.text):
        faults.add(node.line, name, "contient un caractère invisible interdit.", "Retaper la ligne au clavier.")
        return None
    return node.text


def _day(text: str) -> dt.date | None:
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        return None
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return None
