"""Document tree → plain text for mails: wrapped by what a screen shows, addresses on lines of their own."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator

from pipeline.content import tree
from pipeline.content.html import target

_UNDERLINES = {2: "=", 3: "-"}
_NARROWEST = 8
"""Columns that a cell or an indented block keeps at least."""
_BOXES = {
    "retenir": "À retenir",
    "exemple": "Exemple",
    "vigilance": "Point de vigilance",
    "actualisation": "Actualisation",
}


def to_text(document: tree.Document, *, width: int = 72, resolve: Callable[[str], str | None]) -> str:
    """Return ``document`` as plain text of at most ``width`` columns, except addresses and literals, which are never cut.

    Headings of level 2 and 3 are underlined; links carry a number, and their addresses follow the block that holds them;
    footnotes stand at the end. ``resolve`` as for HTML.
    """
    return _Writer(width, resolve).document(document)


def columns(text: str) -> int:
    """Return how many columns of a fixed-width screen ``text`` takes (Unicode Standard Annex 11; combining marks none)."""
    return sum(_columns(char) for char in text)


def _columns(char: str) -> int:
    if char < "\u0300":
        return 1
    if unicodedata.combining(char) or unicodedata.category(char) in ("Cf", "Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1


def wrap(text: str, width: int, *, first: str = "", rest: str = "") -> list[str]:
    """Break ``text`` at ordinary spaces into lines of at most ``width`` columns; ``first`` and ``rest`` open the lines.

    Line feeds in ``text`` are kept; a word longer than a line stands alone on one.
    """
    lines: list[str] = []
    for part in text.split("\n"):
        opening = rest if lines else first
        line, used = opening, columns(opening)
        empty = True
        for word in re.split(" +", part.strip(" ")):
            size = columns(word)
            if not empty and used + 1 + size > width:
                lines.append(line)
                line, used, empty = rest, columns(rest), True
            if not empty:
                line, used = f"{line} ", used + 1
            line, used, empty = line + word, used + size, False
        lines.append(line.rstrip(" "))
    return lines


class _Writer:
    def __init__(self, width: int, resolve: Callable[[str], str | None]) -> None:
        self._width = width
        self._resolve = resolve
        self._numbers: dict[str, int] = {}
        self._waiting: list[str] = []

    def document(self, document: tree.Document) -> str:
        parts = self._chunks(document.blocks, self._width, addresses=True)
        if document.footnotes:
            parts.append("Notes\n-----")
            for note in document.footnotes:
                parts.append(self._item(f"({note.number}) ", note.blocks, self._width))
                parts += self._addresses()
        return "\n\n".join(parts) + "\n" if parts else ""

    def _chunks(self, blocks: tuple[tree.Block, ...], width: int, *, addresses: bool = False) -> list[str]:
        parts: list[str] = []
        for block in blocks:
            text = "\n".join(self._block(block, width))
            if text:
                parts.append(text)
            if addresses:
                parts += self._addresses()
        return parts

    def _addresses(self) -> list[str]:
        """What was linked since the last call, as one chunk of lines."""
        lines = [f"[{self._numbers[address]}] {address}" for address in self._waiting]
        self._waiting = []
        return ["\n".join(lines)] if lines else []

    def _block(self, block: tree.Block, width: int) -> list[str]:  # noqa: PLR0911 - one case per type
        match block:
            case tree.Heading(level, children, _):
                lines = wrap(self._inline(children), width)
                mark = _UNDERLINES.get(level)
                return [*lines, mark * min(width, max(map(columns, lines)))] if mark else lines
            case tree.Paragraph(children):
                return wrap(self._inline(children), width)
            case tree.List(ordered, items, start):
                return self._list(ordered, items, start, width)
            case tree.Table():
                return list(self._table(block, width))
            case tree.Definitions(items):
                return list(self._definitions(items, width))
            case tree.Admonition(kind, title, blocks):
                name = self._inline(title)
                label = _BOXES[kind]
                head = name if not name or name.startswith(label) else f"{label} – {name}"
                inner = "\n\n".join(self._chunks(blocks, max(width - 2, _NARROWEST)))
                lines = [*wrap(head.upper() if head == name else _upper(head, label), max(width - 2, _NARROWEST)), ""]
                return [f"| {line}".rstrip() for line in (lines + inner.split("\n") if inner else lines[:-1])]
            case tree.Quote(blocks):
                inner = "\n\n".join(self._chunks(blocks, max(width - 2, _NARROWEST)))
                return [f"> {line}".rstrip() for line in inner.split("\n")]
            case tree.CodeBlock(text):
                return [f"    {line}".rstrip() for line in text.split("\n")]
            case tree.Figure(_, alt, caption):
                return wrap(f"[Image\u00a0: {alt}]", width) + (wrap(self._inline(caption), width) if caption else [])
            case tree.Rule():
                return ["* * *"]

    def _list(self, ordered: bool, items: tuple[tuple[tree.Block, ...], ...], start: int, width: int) -> list[str]:
        size = len(str(start + len(items) - 1)) if ordered else 0
        chunks = [
            self._item(f"{start + index:>{size}}. " if ordered else "- ", item, width)
            for index, item in enumerate(items)
        ]
        loose = any("\n\n" in chunk for chunk in chunks)
        return ("\n\n" if loose else "\n").join(chunks).split("\n")

    def _item(self, mark: str, blocks: tuple[tree.Block, ...], width: int) -> str:
        inside = max(width - len(mark), _NARROWEST)
        text = ""
        for block in blocks:
            chunk = "\n".join(self._block(block, inside))
            tight = isinstance(block, tree.List) and "\n\n" not in chunk
            text += (("\n" if tight else "\n\n") if text else "") + chunk
        lines = text.split("\n")
        indent = " " * len(mark)
        return "\n".join([f"{mark}{lines[0]}".rstrip(), *(f"{indent}{line}".rstrip() for line in lines[1:])])

    def _definitions(self, items: tuple[tree.Definition, ...], width: int) -> Iterator[str]:
        for index, item in enumerate(items):
            if index:
                yield ""
            for term in item.terms:
                yield from wrap(self._inline(term), width)
            for meaning in item.definitions:
                yield from self._item("    ", meaning, width).split("\n")

    def _table(self, table: tree.Table, width: int) -> Iterator[str]:
        header = [self._inline(cell) for cell in table.header]
        rows = [[self._inline(cell) for cell in row] for row in table.rows]
        sizes = _sizes([header, *rows], width)
        if sizes is None:
            yield from self._records(header, rows, width)
            return
        yield from _row(header, sizes, table.aligns)
        yield "  ".join("-" * size for size in sizes)
        tall = any(len(wrap(cell, size)) > 1 for row in rows for cell, size in zip(row, sizes, strict=True))
        for index, row in enumerate(rows):
            if index and tall:
                yield ""
            yield from _row(row, sizes, table.aligns)

    def _records(self, header: list[str], rows: list[list[str]], width: int) -> Iterator[str]:
        """A table too wide for the screen: each row as a list of « heading : cell »."""
        for index, row in enumerate(rows):
            if index:
                yield ""
            mark = "- "
            for name, cell in zip(header, row, strict=True):
                yield from wrap(f"{name}\u00a0: {cell}" if name else cell, width, first=mark, rest="  ")
                mark = "  "

    def _inline(self, children: tuple[tree.Inline, ...]) -> str:
        return "".join(self._node(child) for child in children)

    def _node(self, node: tree.Inline) -> str:
        match node:
            case tree.Text(text) | tree.Code(text) | tree.Abbr(text, _):
                return text.replace("\n", " ")
            case tree.Break():
                return "\n"
            case tree.Strong(inner) | tree.Emphasis(inner) | tree.Superscript(inner) | tree.Subscript(inner):
                return self._inline(inner)
            case tree.Link(inner, href, _):
                return self._link(self._inline(inner), href)
            case tree.FootnoteRef(number):
                return f"\u00a0({number})"

    def _link(self, text: str, href: str) -> str:
        address = target(href, self._resolve)
        if address is None or address.startswith("#"):
            return text
        shown = address.removeprefix("mailto:")
        if text in (address, shown):
            return shown
        if address not in self._numbers:
            self._numbers[address] = len(self._numbers) + 1
            self._waiting.append(shown if address.startswith("mailto:") else address)
            self._numbers.setdefault(self._waiting[-1], self._numbers[address])
        return f"{text}\u00a0[{self._numbers[address]}]"


def _upper(head: str, label: str) -> str:
    return label.upper() + head[len(label) :]


def _sizes(rows: list[list[str]], width: int) -> list[int] | None:
    """Return column widths that fit, or None when some column could not hold its longest word in a fair share."""
    count = len(rows[0])
    longest = [max(columns(row[i]) for row in rows) for i in range(count)]
    room = width - 2 * (count - 1)
    if sum(longest) <= room:
        return [max(size, 1) for size in longest]
    words = [max((columns(w) for row in rows for w in row[i].split(" ")), default=1) for i in range(count)]
    least = [max(word, min(size, _NARROWEST)) for word, size in zip(words, longest, strict=True)]
    if count > 3 or sum(least) > room:
        return None
    spare, wants = room - sum(least), sum(longest) - sum(least)
    return [low + spare * (size - low) // wants for low, size in zip(least, longest, strict=True)]


def _row(cells: list[str], sizes: list[int], aligns: tuple[tree.Align, ...]) -> Iterator[str]:
    wrapped = [wrap(cell, size) for cell, size in zip(cells, sizes, strict=True)]
    for index in range(max(map(len, wrapped))):
        parts = []
        for lines, size, align in zip(wrapped, sizes, aligns, strict=True):
            line = lines[index] if index < len(lines) else ""
            gap = size - columns(line)
            left = {"left": 0, "center": gap // 2, "right": gap}[align]
            parts.append(" " * left + line + " " * (gap - left))
        yield "  ".join(parts).rstrip()
