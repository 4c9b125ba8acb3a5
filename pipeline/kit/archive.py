"""Zip files that are the same bytes whenever they are made from the same files."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping

from pipeline.kit import data
from pipeline.kit.book import Book, BuiltFile, Format

_EPOCH = (1980, 1, 1, 0, 0, 0)
_LICENCE = """\
Textes : licence Creative Commons Attribution - Partage dans les mêmes conditions 4.0 International (CC BY-SA 4.0).
https://creativecommons.org/licenses/by-sa/4.0/
"""


def pack(files: Mapping[str, bytes], *, stored: frozenset[str] = frozenset()) -> bytes:
    """A zip of ``files`` in the order given; those in ``stored`` are not compressed."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name, _EPOCH)
            info.external_attr = 0o644 << 16
            info.create_system = 3
            info.compress_type = zipfile.ZIP_STORED if name in stored else zipfile.ZIP_DEFLATED
            archive.writestr(info, content, compresslevel=9)
    return out.getvalue()


def render(book: Book, built: Mapping[Format, BuiltFile]) -> bytes:
    """The kit's zip: its other files, each fiche's Markdown as written, their images, the licence, a list of hashes."""
    files: dict[str, bytes] = {one.name: one.content for one in built.values()}
    for entry in book.entries:
        files[f"fiches/{entry.fiche.path}"] = entry.fiche.markdown.encode()
        folder = entry.fiche.path.rpartition("/")[0]
        for image in entry.fiche.images:
            files[f"fiches/{folder}/{image.name}"] = book.images[image.sha256]
    files["LICENCE.txt"] = _LICENCE.encode()
    title = f"{book.season.title}, {data.edition(book)}\n\n"
    hashes = "".join(f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in sorted(files.items()))
    files["SHA256SUMS.txt"] = hashes.encode()
    files["LISEZMOI.txt"] = (
        title + "kit.pdf, kit.epub, kit.html : le kit. fiches/ : les textes, en Markdown.\n"
    ).encode()
    return pack(dict(sorted(files.items())))
