"""Sanitised HTML in, document tree out. The tree's types are the only door: an element without one becomes its text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Literal, cast

from pipeline.content import tree
from pipeline.content.fields import FORBIDDEN
from pipeline.content.sanitise import ADMONITIONS
from pipeline.content.typography import typeset, typeset_inline

DEEPEST = 40
"""Elements inside one another; a list in a list in a box needs ten."""

_TITLES = {"retenir": "À retenir", "vigilance": "Point de vigilance", "actualisation": "Actualisation"}
_VOID = {"br", "hr", "img"}
_BLOCKS = {
    "p", "hr", "h2", "h3", "h4", "ul", "ol", "dl", "blockquote", "pre", "div", "table",
}  # fmt: skip


class TooDeep(Exception):
    """Elements stand inside one another beyond :data:`DEEPEST`."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something a writer has to mend; ``near`` is text of the source by which its line is found."""

    near: str
    message: str
    mend: str


@dataclass(slots=True)
class _Element:
    tag: str
    attrs: dict[str, str]
    children: list[_Element | str] = field(default_factory=list)

    @property
    def classes(self) -> list[str]:
        return self.attrs.get("class", "").split()


def build(html: str) -> tuple[tree.Document, list[Finding]]:
    """Return the typeset document of ``html`` (which :func:`pipeline.content.sanitise.clean` made) and what was found.

    Raises:
        TooDeep: see :data:`DEEPEST`.
    """
    reader = _Reader()
    reader.feed(html)
    reader.close()
    builder = _Builder()
    document = builder.document(reader.root)
    return document, builder.findings


class _Reader(HTMLParser):
    """Elements and text, nothing else."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = _Element("root", {})
        self._open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = _Element(tag, {name: value or "" for name, value in attrs})
        self._open[-1].children.append(element)
        if tag not in _VOID:
            self._open.append(element)
            if len(self._open) > DEEPEST:
                raise TooDeep

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID and len(self._open) > 1 and self._open[-1].tag == tag:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        self._open[-1].children.append(FORBIDDEN.sub("", data))


class _Builder:
    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self._ids: set[str] = set()
        self._notes: dict[str, _Element] = {}
        self._calls: dict[str, int] = {}
        self._anchors: list[str] = []

    def document(self, root: _Element) -> tree.Document:
        for child in root.children:
            if isinstance(child, _Element) and child.tag == "div" and "footnote" in child.classes:
                self._notes |= {li.attrs.get("id", "").removeprefix("fn:"): li for li in _find(child, "li")}
        blocks = self._blocks(root)
        notes: list[tree.Footnote] = []
        while len(notes) < len(self._calls):  # a note may call another one
            name = list(self._calls)[len(notes)]
            notes.append(tree.Footnote(len(notes) + 1, self._blocks(self._notes[name])))
        for name in self._notes:
            if name not in self._calls:
                self._found(f"[^{name}]:", f"la note « {name} » n’est appelée nulle part.", "L’appeler, ou la retirer.")
        for anchor in self._anchors:
            if anchor not in self._ids:
                self._found(f"#{anchor}", f"le lien « #{anchor} » ne mène nulle part.", "Corriger l’ancre.")
        return tree.Document(blocks, tuple(notes))

    def _found(self, near: str, message: str, mend: str) -> None:
        self.findings.append(Finding(near, message, mend))

    def _blocks(self, element: _Element) -> tuple[tree.Block, ...]:
        """Blocks of an element; text that stands between blocks is a paragraph of its own."""
        made: list[tree.Block] = []
        loose: list[_Element | str] = []
        for child in [*element.children, _Element("hr", {"end": ""})]:
            if isinstance(child, str) or child.tag not in _BLOCKS:
                loose.append(child)
                continue
            made += self._paragraph(loose)
            loose = []
            if "end" not in child.attrs:
                made += self._block(child)
        return tuple(made)

    def _block(self, element: _Element) -> Iterator[tree.Block]:  # noqa: PLR0912 - one case per element
        match element.tag:
            case "p":
                yield from self._paragraph(element.children)
            case "h2" | "h3" | "h4":
                yield from self._heading(element)
            case "ul" | "ol":
                items = tuple(self._blocks(li) for li in element.children if isinstance(li, _Element))
                start = int(element.attrs.get("start") or 1)
                if items:
                    yield tree.List(element.tag == "ol", items, start)
            case "dl":
                yield from self._definitions(element)
            case "table":
                yield from self._table(element)
            case "blockquote":
                if blocks := self._blocks(element):
                    yield tree.Quote(blocks)
            case "pre":
                yield tree.CodeBlock(_text(element).rstrip("\n"))
            case "hr":
                yield tree.Rule()
            case "div" if "footnote" in element.classes:
                pass
            case "div" if "admonition" in element.classes:
                yield from self._admonition(element)
            case _:
                yield from self._blocks(element)

    def _paragraph(self, children: list[_Element | str]) -> Iterator[tree.Block]:
        meaning = [child for child in children if not isinstance(child, str) or child.strip()]
        if len(meaning) == 1 and isinstance(meaning[0], _Element) and meaning[0].tag == "img":
            yield from self._figure(meaning[0])
            return
        inline = self._inline(children)
        if inline:
            if tree.plain(inline).startswith("!!!"):
                near = tree.plain(inline)[:12].replace("\u202f", "")
                self._found(
                    near, "un encadré est mal écrit.", 'Écrire « !!! exemple "Titre" », puis le texte en retrait.'
                )
            yield tree.Paragraph(inline)

    def _figure(self, img: _Element) -> Iterator[tree.Block]:
        src, alt = img.attrs.get("src", ""), " ".join(img.attrs.get("alt", "").split())
        if src and alt:
            title = " ".join(img.attrs.get("title", "").split())
            caption = typeset_inline((tree.Text(title),)) if title else ()
            yield tree.Figure(src, typeset(alt), caption)

    def _heading(self, element: _Element) -> Iterator[tree.Block]:
        children = self._inline(element.children)
        words = tree.plain(children)
        level = int(element.tag[1])
        if not words.strip():
            self._found("#" * level, "un titre est vide.", "L’écrire, ou retirer les dièses.")
            return
        wanted = element.attrs.get("id", "")
        if wanted and wanted in self._ids:
            self._found(f"#{wanted}", f"l’ancre « {wanted} » est donnée deux fois.", "En changer une.")
        base = wanted or slugify(words)
        name, count = base, 1
        while name in self._ids:
            count += 1
            name = f"{base}-{count}"
        self._ids.add(name)
        yield tree.Heading(level, children, name)

    def _definitions(self, element: _Element) -> Iterator[tree.Block]:
        items: list[tree.Definition] = []
        terms: list[tuple[tree.Inline, ...]] = []
        meanings: list[tuple[tree.Block, ...]] = []
        for child in [*element.children, _Element("dt", {"end": ""})]:
            if isinstance(child, str):
                continue
            if child.tag == "dd":
                meanings.append(self._blocks(child))
                continue
            if terms and meanings:
                items.append(tree.Definition(tuple(terms), tuple(meanings)))
                terms, meanings = [], []
            if "end" not in child.attrs:
                terms.append(self._inline(child.children))
        if items:
            yield tree.Definitions(tuple(items))

    def _table(self, element: _Element) -> Iterator[tree.Block]:
        rows = list(_find(element, "tr"))
        if not rows:
            return
        head = [cell for cell in rows[0].children if isinstance(cell, _Element)]
        aligns = tuple(cast(tree.Align, cell.attrs.get("align") or "left") for cell in head)
        header = tuple(self._inline(cell.children) for cell in head)
        body: list[tuple[tuple[tree.Inline, ...], ...]] = []
        for row in rows[1:]:
            cells = [self._inline(cell.children) for cell in row.children if isinstance(cell, _Element)]
            cells = (cells + [()] * len(head))[: len(head)]
            body.append(tuple(cells))
        yield tree.Table(header, tuple(body), aligns)

    def _admonition(self, element: _Element) -> Iterator[tree.Block]:
        kinds = [name for name in element.classes if name in ADMONITIONS]
        rest = _Element("div", {}, [])
        title: tuple[tree.Inline, ...] = ()
        for child in element.children:
            if isinstance(child, _Element) and child.tag == "p" and "admonition-title" in child.classes:
                title = self._inline(child.children)
            else:
                rest.children.append(child)
        blocks = self._blocks(rest)
        if not kinds:
            yield from blocks
            return
        kind = cast(Literal["retenir", "exemple", "vigilance", "actualisation"], kinds[0])
        # Without a title, Python-Markdown writes the kind with a capital.
        if not title or tree.plain(title) == kind.capitalize():
            if kind == "exemple":
                self._found(
                    "!!! exemple", "un exemple ne nomme pas son lieu.", 'Écrire « !!! exemple "Lieu (Département)" ».'
                )
            title = (tree.Text(_TITLES.get(kind, kind.capitalize())),)
        if not blocks:
            near = f"!!! {kind}"
            self._found(near, "un encadré est vide.", "Écrire son texte dessous, en retrait de quatre espaces.")
        yield tree.Admonition(kind, title, blocks)

    def _inline(self, children: list[_Element | str]) -> tuple[tree.Inline, ...]:
        """Return one line of inline nodes: white space collapsed, edges trimmed, typeset."""
        return typeset_inline(_trim(tuple(self._nodes(children))))

    def _nodes(self, children: list[_Element | str]) -> Iterator[tree.Inline]:
        for child in children:
            if isinstance(child, str):
                text = re.sub(r"[ \t\n]+", " ", child)
                if text:
                    yield tree.Text(text)
                    for name in re.findall(r"\[\^[^\]\s]{1,40}\]", text):
                        self._found(name, f"la note « {name} » n’est pas écrite.", f"Ajouter une ligne « {name}: … ».")
            else:
                yield from self._node(child)

    def _node(self, element: _Element) -> Iterator[tree.Inline]:
        match element.tag:
            case "strong":
                yield from _wrap(tree.Strong, self._nodes(element.children))
            case "em":
                yield from _wrap(tree.Emphasis, self._nodes(element.children))
            case "sub":
                yield from _wrap(tree.Subscript, self._nodes(element.children))
            case "sup":
                inner = tuple(self._nodes(element.children))
                if all(isinstance(node, tree.FootnoteRef) for node in inner):
                    yield from inner
                else:
                    yield tree.Superscript(inner)
            case "code":
                yield tree.Code(_text(element))
            case "br":
                yield tree.Break()
            case "abbr":
                yield tree.Abbr(_text(element), typeset(element.attrs.get("title", "")))
            case "a":
                yield from self._link(element)
            case "img":
                src = element.attrs.get("src", "")
                self._found(
                    src, f"l’image « {src} » est au milieu d’un texte.", "La mettre seule entre deux lignes vides."
                )
            case _:
                yield from self._nodes(element.children)

    def _link(self, element: _Element) -> Iterator[tree.Inline]:
        href = element.attrs.get("href", "")
        if "footnote-backref" in element.classes:
            return
        if "footnote-ref" in element.classes and href.startswith("#fn:"):
            name = href.removeprefix("#fn:")
            if name in self._notes:
                yield tree.FootnoteRef(self._calls.setdefault(name, len(self._calls) + 1))
            return
        children = tuple(self._nodes(element.children))
        if not tree.plain(children).strip():
            self._found(
                href, "un lien n’a pas de texte.", "Écrire entre crochets ce que l’on trouvera au bout du lien."
            )
            return
        if not href:
            yield from children
            return
        if href.startswith("#"):
            self._anchors.append(href[1:])
        yield tree.Link(children, href, element.attrs.get("title", ""))


def slugify(text: str) -> str:
    """Return an id made of the letters and digits of ``text``; ``section`` when there are none."""
    spaced = text.replace("œ", "oe").replace("Œ", "OE").replace("’", " ")
    plain = unicodedata.normalize("NFKD", spaced).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")[:80].rstrip("-") or "section"


def _wrap(
    make: type[tree.Strong] | type[tree.Emphasis] | type[tree.Subscript], nodes: Iterator[tree.Inline]
) -> Iterator[tree.Inline]:
    children = tuple(nodes)
    if children:
        yield make(children)


def _trim(nodes: tuple[tree.Inline, ...]) -> tuple[tree.Inline, ...]:
    """Join neighbouring texts, drop spaces around line breaks and at both ends."""
    made: list[tree.Inline] = []
    for node in nodes:
        last = made[-1] if made else None
        if isinstance(node, tree.Text):
            if isinstance(last, tree.Text):
                made[-1] = tree.Text(re.sub(r" +", " ", last.text + node.text))
                continue
            if isinstance(last, tree.Break):
                node = tree.Text(node.text.lstrip(" "))  # noqa: PLW2901
        if isinstance(node, tree.Break) and isinstance(last, tree.Text):
            made[-1] = tree.Text(last.text.rstrip(" "))
        made.append(node)
    while made and isinstance(made[-1], tree.Break):
        made.pop()
    if made and isinstance(made[0], tree.Text):
        made[0] = tree.Text(made[0].text.lstrip(" \u00a0"))
    if made and isinstance(made[-1], tree.Text):
        made[-1] = tree.Text(made[-1].text.rstrip(" \u00a0"))
    return tuple(node for node in made if node != tree.Text(""))


def _find(element: _Element, tag: str) -> Iterator[_Element]:
    """Yield the elements ``tag`` inside ``element``, not those inside one another."""
    for child in element.children:
        if isinstance(child, _Element):
            if child.tag == tag:
                yield child
            else:
                yield from _find(child, tag)


def _text(element: _Element) -> str:
    return "".join(child if isinstance(child, str) else _text(child) for child in element.children)
