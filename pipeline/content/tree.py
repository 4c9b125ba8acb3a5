"""The document tree: what a fiche says, free of any format.

Markdown becomes this tree once; HTML, plain text, PDF and EPUB are made from it and from nothing else. A text in the
tree is already typeset (narrow spaces, apostrophes) and never holds markup. The tree of a released fiche is kept as
JSON (:func:`to_json`, :func:`from_json`), so names here are also names in stored documents: add, do not rename.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any, Literal, TypeAlias

AdmonitionKind: TypeAlias = Literal["retenir", "exemple", "vigilance", "actualisation"]
Align: TypeAlias = Literal["left", "center", "right"]


@dataclass(frozen=True, slots=True)
class Text:
    """Characters to show as they are."""

    text: str


@dataclass(frozen=True, slots=True)
class Code:
    """A literal: no typography, no markup."""

    text: str


@dataclass(frozen=True, slots=True)
class Break:
    """A line break inside a paragraph."""


@dataclass(frozen=True, slots=True)
class Strong:
    children: tuple[Inline, ...]


@dataclass(frozen=True, slots=True)
class Emphasis:
    children: tuple[Inline, ...]


@dataclass(frozen=True, slots=True)
class Superscript:
    children: tuple[Inline, ...]


@dataclass(frozen=True, slots=True)
class Subscript:
    children: tuple[Inline, ...]


@dataclass(frozen=True, slots=True)
class Abbr:
    """An acronym and what it stands for."""

    text: str
    title: str


@dataclass(frozen=True, slots=True)
class Link:
    """A link. ``href`` is absolute ``https:``/``http:``, ``mailto:``, ``#anchor`` or ``fiche:slug`` (another fiche,
    resolved when shown: plain text until that one is released)."""

    children: tuple[Inline, ...]
    href: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class FootnoteRef:
    """The call of a footnote; ``number`` counts from 1 in order of first call."""

    number: int


Inline: TypeAlias = Text | Code | Break | Strong | Emphasis | Superscript | Subscript | Abbr | Link | FootnoteRef


@dataclass(frozen=True, slots=True)
class Heading:
    """``level`` is 2 to 4 (the title of the fiche is level 1); ``id`` is unique in the document."""

    level: int
    children: tuple[Inline, ...]
    id: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    children: tuple[Inline, ...]


@dataclass(frozen=True, slots=True)
class List:
    """Each item is a tuple of blocks; a tight item is one paragraph."""

    ordered: bool
    items: tuple[tuple[Block, ...], ...]
    start: int = 1


@dataclass(frozen=True, slots=True)
class Table:
    """Cells are inline; every row has as many cells as the header; ``aligns`` has one entry per column."""

    header: tuple[tuple[Inline, ...], ...]
    rows: tuple[tuple[tuple[Inline, ...], ...], ...]
    aligns: tuple[Align, ...]


@dataclass(frozen=True, slots=True)
class Definition:
    terms: tuple[tuple[Inline, ...], ...]
    definitions: tuple[tuple[Block, ...], ...]


@dataclass(frozen=True, slots=True)
class Definitions:
    items: tuple[Definition, ...]


@dataclass(frozen=True, slots=True)
class Admonition:
    """A box. An ``exemple`` names its place in the title."""

    kind: AdmonitionKind
    title: tuple[Inline, ...]
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Quote:
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class CodeBlock:
    text: str


@dataclass(frozen=True, slots=True)
class Figure:
    """An image standing alone; ``src`` is the name of one of the fiche's images, ``alt`` is never empty."""

    src: str
    alt: str
    caption: tuple[Inline, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """A thematic break."""


Block: TypeAlias = Heading | Paragraph | List | Table | Definitions | Admonition | Quote | CodeBlock | Figure | Rule


@dataclass(frozen=True, slots=True)
class Footnote:
    number: int
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """A level-2 heading and what stands below it, up to the next one."""

    heading: Heading
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Document:
    blocks: tuple[Block, ...]
    footnotes: tuple[Footnote, ...] = field(default=())

    def sections(self) -> Iterator[Section]:
        """Yield the level-2 sections in order; what stands before the first heading belongs to none."""
        heading: Heading | None = None
        held: list[Block] = []
        for block in self.blocks:
            if isinstance(block, Heading) and block.level == 2:
                if heading is not None:
                    yield Section(heading, tuple(held))
                heading, held = block, []
            elif heading is not None:
                held.append(block)
        if heading is not None:
            yield Section(heading, tuple(held))


Node: TypeAlias = Inline | Block | Definition | Footnote | Document

_NODES: dict[str, type[Any]] = {
    cls.__name__: cls
    for cls in (
        Text, Code, Break, Strong, Emphasis, Superscript, Subscript, Abbr, Link, FootnoteRef,
        Heading, Paragraph, List, Table, Definition, Definitions, Admonition, Quote, CodeBlock, Figure, Rule,
        Footnote, Document,
    )
}  # fmt: skip


def to_json(node: Node) -> dict[str, Any]:
    """Return ``node`` as JSON-ready data: one object per node, ``t`` is its type's name."""
    return {"t": type(node).__name__} | {f.name: _pack(getattr(node, f.name)) for f in fields(node)}


def from_json(data: dict[str, Any]) -> Any:
    """Return the node that :func:`to_json` made ``data`` from.

    Raises:
        KeyError: ``t`` names no node of the tree.
    """
    cls = _NODES[data["t"]]
    return cls(**{name: _unpack(value) for name, value in data.items() if name != "t"})


def plain(children: tuple[Inline, ...]) -> str:
    """Return the words of ``children`` without any mark: for titles, ids and counting."""
    parts: list[str] = []
    for child in children:
        match child:
            case Text(text) | Code(text) | Abbr(text, _):
                parts.append(text)
            case Break():
                parts.append(" ")
            case Strong(inner) | Emphasis(inner) | Superscript(inner) | Subscript(inner) | Link(inner):
                parts.append(plain(inner))
            case FootnoteRef():
                pass
    return "".join(parts)


def _pack(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_pack(item) for item in value]
    return to_json(value) if type(value).__name__ in _NODES else value


def _unpack(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_unpack(item) for item in value)
    return from_json(value) if isinstance(value, dict) and "t" in value else value
