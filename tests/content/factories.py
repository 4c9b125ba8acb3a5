"""Fiches, rules and pictures for the tests of this room."""

from __future__ import annotations

import io
from pathlib import Path

import PIL.Image

from pipeline.content.fiche import Rules

SEASON = "essai"
RULES = Rules(
    season=SEASON,
    kinds={"conseil": ("En bref", "Étapes"), "portrait": ()},
    competences=frozenset({"energie", "habitat"}),
    territories=frozenset({"urbain", "rural"}),
    themes=frozenset({"climat"}),
)
SUMMARY = " ".join(["mot"] * 45)
BODY = "## En bref\n\nUn mot.\n\n## Étapes\n\n1. Une étape.\n"


def head(number: int = 1, slug: str = "alpha", kind: str = "conseil", **changes: str | None) -> str:
    """Return a front matter; ``changes``: key → YAML text of its value, None to leave the key out."""
    fields: dict[str, str | None] = {
        "title": '"Pourquoi agir ?"',
        "short_title": "Agir",
        "number": str(number),
        "kind": kind,
        "slug": slug,
        "summary": SUMMARY,
        "actions": "[Un, Deux, Trois]",
        "competences": "[energie]",
        "territories": "[rural]",
        "themes": "[climat]",
        "see_also": "[]",
        "places": "[{name: Chanu, departement: Orne}]",
        "key_figures": '[{value: "50 %", label: du capital, source: 1}]',
        "partners": "[Un réseau]",
        "sources": '[{title: Un texte, publisher: Une maison, date: 2019-05, url: "https://example.org/a"}]',
        "version": "1",
        "updated": "2020-01-22",
        "corrections": "[]",
    }
    fields |= changes
    return "".join(f"{key}: {value}\n" for key, value in fields.items() if value is not None)


def fiche(number: int = 1, slug: str = "alpha", kind: str = "conseil", body: str = BODY, **changes: str | None) -> str:
    return f"---\n{head(number, slug, kind, **changes)}---\n\n{body}"


def path(number: int = 1, slug: str = "alpha", kind: str = "conseil") -> str:
    return f"{SEASON}/{kind}/{number:02}-{slug}.md"


def write(
    root: Path, number: int = 1, slug: str = "alpha", kind: str = "conseil", body: str = BODY, **changes: str | None
) -> Path:
    """Write a fiche below ``root`` (the season's folder) and return its path."""
    file = root / kind / f"{number:02}-{slug}.md"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(fiche(number, slug, kind, body, **changes), encoding="utf-8")
    return file


def png(width: int = 4, height: int = 3) -> bytes:
    return _picture("PNG", width, height)


def jpeg(width: int = 4, height: int = 3, **options: object) -> bytes:
    return _picture("JPEG", width, height, **options)


def _picture(form: str, width: int, height: int, **options: object) -> bytes:
    buffer = io.BytesIO()
    PIL.Image.new("RGB", (width, height), (11, 107, 80)).save(buffer, form, **options)
    return buffer.getvalue()
