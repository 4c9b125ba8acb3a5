"""YAML 1.2 (core schema) with the line of every value, and without what makes YAML dangerous.

Anchors, aliases, tags, directives, duplicate keys and deep nesting are refused: nothing can grow beyond what is written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
    StreamStartEvent,
)

DEEPEST = 8
"""Levels of nesting; a fiche needs three."""

Value: TypeAlias = str | int | float | bool | None

_CORE: tuple[tuple[re.Pattern[str], Any], ...] = (
    (re.compile(r"(?:~|null|Null|NULL|)"), lambda _: None),
    (re.compile(r"true|True|TRUE"), lambda _: True),
    (re.compile(r"false|False|FALSE"), lambda _: False),
    (re.compile(r"[-+]?[0-9]{1,18}"), int),
    (re.compile(r"[-+]?(?:\.[0-9]{1,30}|[0-9]{1,30}(?:\.[0-9]{0,30})?)(?:[eE][-+]?[0-9]{1,3})?"), float),
)


class YamlError(Exception):
    """The text is not YAML that we take. ``line`` counts from 1 in the text given; both sentences are French."""

    def __init__(self, line: int, message: str, mend: str) -> None:
        self.line, self.message, self.mend = line, message, mend
        super().__init__(f"{line}: {message} {mend}")


@dataclass(frozen=True, slots=True)
class Scalar:
    """``text`` is what was written (unquoted), ``value`` what the core schema makes of it."""

    value: Value
    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Sequence:
    items: tuple[Node, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Mapping:
    """``entries`` in the order written; ``lines`` tells where each key stands; ``repeated`` lists keys written twice."""

    entries: dict[str, Node]
    lines: dict[str, int]
    line: int
    repeated: tuple[tuple[str, int], ...] = field(default=())


Node: TypeAlias = Scalar | Sequence | Mapping


def read(text: str, *, first_line: int = 1, deepest: int = DEEPEST) -> Node:
    """Return the one document of ``text``; ``first_line`` is the line of the file on which it begins.

    Raises:
        YamlError: not YAML, more than one document, or something refused.
    """
    yaml = YAML(typ="safe", pure=True)
    try:
        return _Composer(yaml.parse(text), first_line, deepest).document()
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = first_line + (mark.line if mark else 0)
        raise YamlError(line, "l’en-tête YAML ne se lit pas ici.", _hint(text, line - first_line)) from error
    except (YAMLError, ValueError) as error:
        raise YamlError(
            first_line, "l’en-tête YAML contient un caractère interdit.", "Retaper la ligne au clavier."
        ) from error


def _hint(text: str, index: int) -> str:
    """Say what most often breaks YAML: a colon in a value without quotes, a tab, a bad indent."""
    lines = text.split("\n")
    line = lines[index] if 0 <= index < len(lines) else ""
    if "\t" in line:
        return "Remplacer la tabulation par des espaces."
    return "Vérifier le retrait, les crochets, et mettre entre guillemets doubles un texte qui contient « : » ou « # »."


class _Composer:
    """Events in, nodes out. Events are asked for one at a time, so that a refused file is not read to its end."""

    def __init__(self, events: Iterator[Any], first_line: int, deepest: int) -> None:
        self._events = events
        self._first = first_line
        self._deepest = deepest

    def document(self) -> Node:
        self._expect(StreamStartEvent)
        start = next(self._events)
        if isinstance(start, StreamEndEvent):
            return Scalar(None, "", self._first)
        if not isinstance(start, DocumentStartEvent) or start.version or start.tags:
            raise YamlError(self._line(start), "une directive YAML (« %… ») est interdite.", "La retirer.")
        node = self._node(next(self._events), 1)
        self._expect(DocumentEndEvent)
        end = next(self._events)
        if not isinstance(end, StreamEndEvent):
            raise YamlError(self._line(end), "un second document YAML commence ici.", "N’en garder qu’un.")
        return node

    def _expect(self, kind: type[Any]) -> None:
        event = next(self._events)
        if not isinstance(event, kind):
            raise YamlError(self._line(event), "l’en-tête YAML ne se lit pas ici.", "Vérifier le retrait.")

    def _line(self, event: Any) -> int:
        return self._first + int(event.start_mark.line)

    def _node(self, event: Any, depth: int) -> Node:
        line = self._line(event)
        if isinstance(event, AliasEvent) or event.anchor:
            raise YamlError(line, "les ancres et renvois YAML (« & », « * ») sont interdits.", _WRITE_OUT)
        if event.ctag is not None and str(event.ctag):
            raise YamlError(line, "les étiquettes YAML (« ! ») sont interdites.", _WRITE_OUT)
        if depth > self._deepest:
            raise YamlError(line, f"plus de {self._deepest} niveaux imbriqués.", "Réduire l’imbrication.")
        if isinstance(event, ScalarEvent):
            return Scalar(event.value if event.style else _resolve(event.value), event.value, line)
        if isinstance(event, SequenceStartEvent):
            items: list[Node] = []
            while not isinstance(inner := next(self._events), SequenceEndEvent):
                items.append(self._node(inner, depth + 1))
            return Sequence(tuple(items), line)
        return self._mapping(event, line, depth)

    def _mapping(self, event: MappingStartEvent, line: int, depth: int) -> Mapping:
        entries: dict[str, Node] = {}
        lines: dict[str, int] = {}
        repeated: list[tuple[str, int]] = []
        while not isinstance(inner := next(self._events), MappingEndEvent):
            key = self._node(inner, depth + 1)
            if not isinstance(key, Scalar):
                raise YamlError(key.line, "une clé doit être un mot.", "Retirer les crochets ou accolades de la clé.")
            value = self._node(next(self._events), depth + 1)
            if key.text in entries:
                repeated.append((key.text, key.line))
                continue
            entries[key.text] = value
            lines[key.text] = key.line
        return Mapping(entries, lines, line, tuple(repeated))


_WRITE_OUT = "Écrire la valeur en toutes lettres (entre guillemets si elle contient ce signe)."


def _resolve(text: str) -> Value:
    for pattern, make in _CORE:
        if pattern.fullmatch(text):
            value: Value = make(text)
            return value
    return text
