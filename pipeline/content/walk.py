"""Going through a document tree: its words, its links and figures."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.content import tree
from pipeline.content.words import count_words


def says_something(blocks: tuple[tree.Block, ...]) -> bool:
    """True when a block other than a heading holds a word or a figure."""
    held = tuple(block for block in blocks if not isinstance(block, tree.Heading))
    return any(isinstance(block, tree.Figure) for block in held) or count_words(" ".join(texts(held))) > 0


def texts(blocks: tuple[tree.Block, ...]) -> Iterator[str]:  # noqa: PLR0912 - one case per type
    """Yield the words of every block, boxes, lists and tables included, captions too, in reading order."""
    for block in blocks:
        match block:
            case tree.Heading(_, children, _) | tree.Paragraph(children):
                yield tree.plain(children)
            case tree.List(_, items):
                for item in items:
                    yield from texts(item)
            case tree.Table(header, rows):
                for row in (header, *rows):
                    yield from (tree.plain(cell) for cell in row)
            case tree.Definitions(definitions):
                for definition in definitions:
                    yield from (tree.plain(term) for term in definition.terms)
                    for meaning in definition.definitions:
                        yield from texts(meaning)
            case tree.Admonition(_, title, inner):
                yield tree.plain(title)
                yield from texts(inner)
            case tree.Quote(inner):
                yield from texts(inner)
            case tree.CodeBlock(text):
                yield text
            case tree.Figure(_, _, caption):
                yield tree.plain(caption)
            case tree.Rule():
                pass


def links_and_figures(node: object) -> Iterator[tree.Link | tree.Figure]:
    """Yield every link and figure below ``node`` (a document, a block, a tuple of them)."""
    if isinstance(node, tuple):
        for item in node:
            yield from links_and_figures(item)
    elif isinstance(node, (tree.Link, tree.Figure)):
        yield node
        if isinstance(node, tree.Figure):
            yield from links_and_figures(node.caption)
    elif hasattr(node, "__dataclass_fields__"):
        for name in node.__dataclass_fields__:
            yield from links_and_figures(getattr(node, name))
