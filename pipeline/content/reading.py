"""One fiche's text → a :class:`~pipeline.content.fiche.Fiche`, or every fault in it. No file is opened here.

Not bounded in time: see :mod:`pipeline.content.sandbox`.
"""

from __future__ import annotations

import hashlib
import math
import re
import unicodedata
from collections.abc import Iterator

from pipeline.content import markup, schema, tree, walk
from pipeline.content.errors import Fault
from pipeline.content.fiche import Fiche, Rules
from pipeline.content.schema import FrontMatter
from pipeline.content.words import count_words

WORDS_PER_MINUTE = 200
"""Reading pace of a practical text, for the reading time shown on pages."""


def parse(text: str, path: str, rules: Rules) -> tuple[Fiche | None, list[Fault]]:
    """Check one fiche; ``path`` is ``<season>/<kind>/NN-slug.md``. The fiche has no images yet and is None with any fault."""
    head, body, first_line = schema.split(text)
    front, faults = schema.read(head, path, rules)
    document, found = markup.parse(body, path, first_line=first_line)
    faults += found
    if document.blocks or not found:  # a text that could not be read at all lacks no section
        faults += _sections(document, body, path, first_line, rules)
    if front is None or faults:
        return None, sorted(faults)
    return _fiche(front, document, text, path, rules), []


def glossary(text: str, path: str) -> tuple[tree.Document, list[Fault]]:
    """Read a glossary: Markdown like a fiche's, whose front matter, if any, is skipped."""
    _, body, first_line = schema.split(text)
    return markup.parse(body, path, first_line=first_line)


def _fiche(front: FrontMatter, body: tree.Document, text: str, path: str, rules: Rules) -> Fiche:
    words = count_words(" ".join(walk.texts(body.blocks)))
    return Fiche(
        season=rules.season,
        path=path,
        body=body,
        images=(),
        source_sha256=hashlib.sha256(text.encode()).hexdigest(),
        words=words,
        reading_minutes=max(1, math.ceil(words / WORDS_PER_MINUTE)),
        markdown=text,
        **front.values,
    )


def _sections(document: tree.Document, body: str, path: str, first_line: int, rules: Rules) -> Iterator[Fault]:
    """Required sections are there, once, in order, and say something; other sections may stand among them."""
    kind = path.split("/")[-2] if path.count("/") else ""
    wanted = rules.kinds.get(kind, ())
    names = {_fold(title): title for title in wanted}
    met: list[str] = []
    for section in document.sections():
        words = tree.plain(section.heading.children)
        title = _fold(words)
        line = _line(body, first_line, title)
        if title in met:
            yield Fault(path, line, "texte", f"la section « {words} » est écrite deux fois.", "Les réunir.")
        elif title in names:
            met.append(title)
        if not walk.says_something(section.blocks):
            yield Fault(path, line, "texte", f"la section « {words} » est vide.", "L’écrire.")
    for title, shown in names.items():
        if title not in met:
            yield Fault(path, 0, "texte", f"la section « {shown} » manque.", f"Ajouter « ## {shown} » et son texte.")
    expected = [title for title in names if title in met]
    if met != expected:
        first = next(title for title, wish in zip(met, expected, strict=True) if title != wish)
        order = " · ".join(wanted)
        line = _line(body, first_line, first)
        yield Fault(
            path, line, "texte", f"la section « {names[first]} » n’est pas à sa place.", f"L’ordre est : {order}."
        )


def _fold(title: str) -> str:
    """A section's title as compared: spaces, apostrophes, case and accents' encoding do not count."""
    text = unicodedata.normalize("NFC", title).replace("’", "'").casefold()
    return re.sub(r"\s+", " ", re.sub(r"\s+(?=[?!:;»])|(?<=«)\s+", "", text)).strip()


def _line(body: str, first_line: int, title: str) -> int:
    for index, line in enumerate(body.split("\n")):
        if line.startswith("##") and _fold(re.sub(r"\{.*\}\s*$", "", line).strip("# ")) == title:
            return first_line + index
    return 0
