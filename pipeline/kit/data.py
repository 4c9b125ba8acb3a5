"""A book as plain data: what the PDF's template reads. Text stays text; no markup of any kind is made here."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import segno

from pipeline.content import tree
from pipeline.content.fiche import Fiche
from pipeline.kit.book import Book, Entry
from pipeline.season import marks
from pipeline.season.words import long_date

INKS = {"green": ("#0B6B50", "#E3F3EC"), "brick": ("#A23A1C", "#FBE9E2"), "blue": ("#33437F", "#E8EBF8")}
"""Palette → ink and tint on paper."""


def book(made: Book) -> dict[str, Any]:
    """Everything the template shows, JSON-ready, in the order in which it is shown."""
    season = made.season
    here = {entry.fiche.slug for entry in made.entries}
    return {
        "title": season.title,
        "tagline": season.tagline,
        "language": season.language,
        "edition": edition(made),
        "date": long_date(made.as_of),
        "as_of": [made.as_of.year, made.as_of.month, made.as_of.day],
        "publisher": season.publisher.name,
        "legal": season.publisher.legal_notice,
        "address": made.base_url,
        "parts": parts(made),
        "fiches": {entry.fiche.slug: _fiche(entry, made, here) for entry in made.entries},
        "planned": [
            {
                "number": one.number,
                "kind": season.kinds[one.kind].singular if one.kind in season.kinds else one.kind,
                "title": one.short_title,
                "date": long_date(one.expected) if one.expected else "",
            }
            for one in made.planned
        ],
        "competences": [term.label for term in season.competences],
        "map": [
            [entry.fiche.slug, [term.id in entry.fiche.competences for term in season.competences]]
            for entry in made.entries
        ],
        "places": places(made),
        "by_competence": [
            [term.label, [entry.fiche.slug for entry in made.entries if term.id in entry.fiche.competences]]
            for term in season.competences
            if any(term.id in entry.fiche.competences for entry in made.entries)
        ],
        "glossary": [tree.to_json(block) for block in made.glossary.blocks] if made.glossary else [],
    }


def edition(made: Book) -> str:
    """What the cover says of the edition."""
    return made.season.edition_final if made.final else made.season.edition_provisional


def parts(made: Book) -> list[dict[str, Any]]:
    """One part per kind that has fiches, in the season's order."""
    found = []
    for kind in made.season.kinds.values():
        slugs = [entry.fiche.slug for entry in made.entries if entry.fiche.kind == kind.name]
        if slugs:
            ink, tint = INKS.get(kind.palette, INKS["blue"])
            found.append({"title": kind.part, "ink": ink, "tint": tint, "mark": mark(kind.mark, ink), "fiches": slugs})
    return found


def places(made: Book) -> list[list[Any]]:
    """(place, département) → slugs, by name."""
    found: dict[str, list[str]] = defaultdict(list)
    for entry in made.entries:
        for place in entry.fiche.places:
            name = f"{place.name} ({place.departement})"
            if entry.fiche.slug not in found[name]:
                found[name].append(entry.fiche.slug)
    return [[name, found[name]] for name in sorted(found, key=_sorted_as_in_an_index)]


def mark(name: str, ink: str) -> str:
    """A kind's drawing as SVG."""
    shapes = marks.SVG.get(name) or marks.SVG["generic"]
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" width="24" height="24" fill="none" '
        f'stroke="{ink}" stroke-width="2" stroke-linecap="round" stroke-linejoin="round">{shapes}</svg>'
    )


def qr(address: str) -> str:
    """A QR code (ISO/IEC 18004) as SVG, without a quiet zone of its own."""
    return str(
        segno.make(address, error="m", micro=False).svg_inline(border=0, omitsize=True, svgclass=None, lineclass=None)
    ).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)


def image_file(fiche: Fiche, name: str) -> str:
    """The name under which an image of a fiche lies beside the template."""
    for one in fiche.images:
        if one.name == name:
            suffix = {"image/png": "png", "image/jpeg": "jpg", "image/svg+xml": "svg"}[one.media_type]
            return f"{one.sha256}.{suffix}"
    raise KeyError(name)


def _fiche(entry: Entry, made: Book, here: set[str]) -> dict[str, Any]:
    fiche, season = entry.fiche, made.season
    kind = season.kinds[fiche.kind]
    ink, tint = INKS.get(kind.palette, INKS["blue"])
    labels = {term.id: term.label for term in (*season.competences, *season.territories, *season.themes)}
    return {
        "number": fiche.number,
        "kind": kind.singular,
        "ink": ink,
        "tint": tint,
        "mark": mark(kind.mark, ink),
        "title": fiche.title,
        "short": fiche.short_title,
        "summary": fiche.summary,
        "actions": list(fiche.actions),
        "competences": [labels[one] for one in fiche.competences],
        "figures": [[one.value, one.label, one.source] for one in fiche.key_figures],
        "partners": list(fiche.partners),
        "sources": [[one.title, one.publisher, one.date, one.url] for one in fiche.sources],
        "blocks": [tree.to_json(block) for block in fiche.body.blocks],
        "notes": [tree.to_json(note) for note in fiche.body.footnotes],
        "images": {one.name: image_file(fiche, one.name) for one in fiche.images},
        "related": [slug for slug in fiche.see_also if slug in here],
        "released": long_date(entry.released),
        "version": fiche.version,
        "corrections": [[long_date(one.date), one.reason] for one in fiche.corrections],
        "url": entry.url,
        "qr": qr(entry.url),
    }


def _sorted_as_in_an_index(name: str) -> tuple[str, str]:
    import unicodedata  # noqa: PLC0415

    plain = "".join(char for char in unicodedata.normalize("NFD", name) if not unicodedata.combining(char))
    return plain.casefold(), name
