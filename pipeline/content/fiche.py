"""A fiche: its front matter, its text as a tree, its images. Immutable, comparable, storable as JSON."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

from pipeline.content import tree


@dataclass(frozen=True, slots=True)
class Place:
    """Where an example happened; ``departement`` by name."""

    name: str
    departement: str


@dataclass(frozen=True, slots=True)
class KeyFigure:
    """A figure to remember; ``source`` is the 1-based position in the fiche's sources."""

    value: str
    label: str
    source: int


@dataclass(frozen=True, slots=True)
class Source:
    """``date`` is ``YYYY``, ``YYYY-MM``, ``YYYY-MM-DD`` or ``s. d.`` (none known)."""

    title: str
    publisher: str
    date: str
    url: str


@dataclass(frozen=True, slots=True)
class Correction:
    date: dt.date
    reason: str


@dataclass(frozen=True, slots=True)
class Image:
    """An image beside the fiche, by the hash of what will be served (an SVG is sanitised first). Sizes in pixels, bytes."""

    name: str
    sha256: str
    media_type: str
    width: int
    height: int
    size: int


@dataclass(frozen=True, slots=True)
class Fiche:
    """One fiche, checked. Texts are typeset; ``path`` is relative to the folder of fiches."""

    season: str
    path: str
    number: int
    kind: str
    slug: str
    title: str
    short_title: str
    summary: str
    actions: tuple[str, ...]
    competences: tuple[str, ...]
    territories: tuple[str, ...]
    themes: tuple[str, ...]
    see_also: tuple[str, ...]
    places: tuple[Place, ...]
    key_figures: tuple[KeyFigure, ...]
    partners: tuple[str, ...]
    sources: tuple[Source, ...]
    version: int
    updated: dt.date
    corrections: tuple[Correction, ...]
    body: tree.Document
    images: tuple[Image, ...]
    source_sha256: str
    words: int
    reading_minutes: int
    markdown: str = field(repr=False)
    """The file as written, for the kit's zip."""

    def to_json(self) -> dict[str, Any]:
        """Return JSON-ready data from which :meth:`from_json` makes an equal fiche."""
        data: dict[str, Any] = {name: getattr(self, name) for name in self.__dataclass_fields__}
        for name in ("actions", "competences", "territories", "themes", "see_also", "partners"):
            data[name] = list(data[name])
        for name in ("places", "key_figures", "sources", "images"):
            data[name] = [{key: getattr(item, key) for key in item.__slots__} for item in data[name]]
        data["updated"] = self.updated.isoformat()
        data["corrections"] = [{"date": c.date.isoformat(), "reason": c.reason} for c in self.corrections]
        data["body"] = tree.to_json(self.body)
        return data

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Fiche:
        """Return the fiche that :meth:`to_json` made ``data`` from."""
        made = dict(data)
        for name in ("actions", "competences", "territories", "themes", "see_also", "partners"):
            made[name] = tuple(made[name])
        rows = {"places": Place, "key_figures": KeyFigure, "sources": Source, "images": Image}
        for name, row in rows.items():
            made[name] = tuple(row(**item) for item in made[name])
        made["updated"] = dt.date.fromisoformat(made["updated"])
        made["corrections"] = tuple(
            Correction(dt.date.fromisoformat(c["date"]), c["reason"]) for c in made["corrections"]
        )
        made["body"] = tree.from_json(made["body"])
        return cls(**made)


@dataclass(frozen=True, slots=True)
class Rules:
    """What a season asks of its fiches. The season makes it; this room only obeys it."""

    season: str
    kinds: dict[str, tuple[str, ...]]
    """kind → titles of the level-2 sections that must be there, in this order."""
    competences: frozenset[str]
    territories: frozenset[str]
    themes: frozenset[str]
