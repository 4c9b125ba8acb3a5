"""Building the kit: PDF, EPUB, one HTML file, and a zip of all that. The same book gives the same bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from pipeline.kit import archive, epub, html, pdf
from pipeline.kit.book import FORMATS, Book, BuiltFile, Format

_TYPES: dict[Format, str] = {
    "pdf": "application/pdf",
    "epub": "application/epub+zip",
    "html": "text/html; charset=utf-8",
    "zip": "application/zip",
}


class KitError(Exception):
    """The kit cannot be built; the message is French."""


def build(book: Book, formats: Iterable[Format] = FORMATS) -> dict[Format, BuiltFile]:
    """Build the wanted files; the zip holds the three others, and needs them built.

    Raises:
        KitError: nothing is given back.
    """
    if not book.entries:
        raise KitError("Le kit n’a aucune fiche : rien n’est publié.")
    wanted = set(formats)
    made: dict[Format, BuiltFile] = {}
    try:
        for form in FORMATS:
            if form in wanted or "zip" in wanted:
                made[form] = _build(book, form, made)
    except pdf.PdfError as error:
        raise KitError(f"Le PDF du kit ne se compose pas : {error}") from error
    except KeyError as error:
        raise KitError(f"Une image du kit manque : {error}.") from error
    return {form: made[form] for form in FORMATS if form in wanted}


def _build(book: Book, form: Format, made: dict[Format, BuiltFile]) -> BuiltFile:
    pages = None
    if form == "pdf":
        content, pages = pdf.render(book)
    elif form == "epub":
        content = epub.render(book)
    elif form == "html":
        content = html.render(book)
    else:
        content = archive.render(book, made)
    return BuiltFile(form, f"kit.{form}", _TYPES[form], content, hashlib.sha256(content).hexdigest(), pages)
