"""Builds the kit's files (being written)."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.kit.book import FORMATS, Book, BuiltFile, Format


class KitError(Exception):
    """The kit cannot be built; the message is French."""


def build(book: Book, formats: Iterable[Format] = FORMATS) -> dict[Format, BuiltFile]:
    raise KitError("La fabrication du kit n’est pas encore là.")
