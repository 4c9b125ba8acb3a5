"""Document tree → HTML (well-formed as XML too, so that EPUB can hold it). Every character is escaped here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from html import escape

from pipeline.content import tree


def to_html(
    document: tree.Document,
    *,
    resolve: Callable[[str], str | None],
    image_url: Callable[[str], str],
    heading_offset: int = 0,
    id_prefix: str = "",
) -> str:
    """Return ``document`` as an HTML fragment.

    Args:
        resolve: the address of the fiche with that slug, or None while it is not released: its link is then plain text.
        image_url: the address of the fiche's image with that name.
        heading_offset: added to every heading's level (at most 6 results).
        id_prefix: stands before every id and ``#anchor``, so that several documents share a page.
    """
    return _Writer(document, resolve, image_url, heading_offset, id_prefix).write()


class _Writer:
    def __init__(
        self,
        document: tree.Document,
        resolve: Callable[[str], str | None],
        image_url: Callable[[str], str],
        heading_offset: int,
        id_prefix: str,
    ) -> None:
        self._document = document
        self._resolve = resolve
        self._image_url = image_url
        self._offset = heading_offset
        self._prefix = escape(id_prefix)
        self._calls: dict[int, int] = {}

    def write(self) -> str:
        parts = list(self._blocks(self._document.blocks))
        notes = self._document.footnotes
        if notes:
            parts.append('<section class="footnotes" role="doc-endnotes">\n<ol>\n')
            # The text is written first: a note knows then how often it is called.
            for note in notes:
                inner = "".join(self._blocks(note.blocks)).rstrip("\n")
                back = "".join(self._back(note.number, call) for call in range(1, self._calls.get(note.number, 0) + 1))
                if inner.endswith("</p>"):
                    inner = f"{inner.removesuffix('</p>')}{back}</p>"
                else:
                    inner += f"<p>{back.strip()}</p>"
                parts.append(f'<li id="{self._prefix}fn-{note.number}">{inner}</li>\n')
            parts.append("</ol>\n</section>\n")
        return "".join(parts)

    def _back(self, number: int, call: int) -> str:
        target = f"{self._prefix}fnref-{number}" + (f"-{call}" if call > 1 else "")
        label = f"Revenir à l’appel de la note {number}"
        return f' <a href="#{target}" role="doc-backlink" aria-label="{label}">↩\ufe0e</a>'

    def _blocks(self, blocks: tuple[tree.Block, ...]) -> Iterator[str]:
        for block in blocks:
            yield self._block(block) + "\n"

    def _joined(self, blocks: tuple[tree.Block, ...]) -> str:
        return "".join(self._blocks(blocks))

    def _block(self, block: tree.Block) -> str:  # noqa: PLR0911 - one case per type
        match block:
            case tree.Heading(level, children, name):
                tag = f"h{min(6, max(1, level + self._offset))}"
                return f'<{tag} id="{self._prefix}{escape(name)}">{self.inline(children)}</{tag}>'
            case tree.Paragraph(children):
                return f"<p>{self.inline(children)}</p>"
            case tree.List():
                return self._list(block)
            case tree.Table():
                return self._table(block)
            case tree.Definitions(items):
                rows = []
                for item in items:
                    rows += [f"<dt>{self.inline(term)}</dt>\n" for term in item.terms]
                    rows += [f"<dd>{self._tight(blocks)}</dd>\n" for blocks in item.definitions]
                return f"<dl>\n{''.join(rows)}</dl>"
            case tree.Admonition(kind, title, blocks):
                head = f'<p class="admonition-title">{self.inline(title)}</p>\n' if title else ""
                return f'<div class="admonition {kind}" role="note">\n{head}{self._joined(blocks)}</div>'
            case tree.Quote(blocks):
                return f"<blockquote>\n{self._joined(blocks)}</blockquote>"
            case tree.CodeBlock(text):
                return f"<pre><code>{escape(text, quote=False)}</code></pre>"
            case tree.Figure(src, alt, caption):
                below = f"<figcaption>{self.inline(caption)}</figcaption>" if caption else ""
                return f'<figure><img src="{escape(self._image_url(src))}" alt="{escape(alt)}"/>{below}</figure>'
            case tree.Rule():
                return "<hr/>"

    def _list(self, block: tree.List) -> str:
        tag = "ol" if block.ordered else "ul"
        start = f' start="{block.start}"' if block.ordered and block.start != 1 else ""
        items = "".join(f"<li>{self._tight(item)}</li>\n" for item in block.items)
        return f"<{tag}{start}>\n{items}</{tag}>"

    def _tight(self, blocks: tuple[tree.Block, ...]) -> str:
        """An item of one paragraph (and lists below it) needs no ``<p>``."""
        if blocks and isinstance(blocks[0], tree.Paragraph) and all(isinstance(b, tree.List) for b in blocks[1:]):
            below = self._joined(blocks[1:])
            return self.inline(blocks[0].children) + (f"\n{below}" if below else "")
        return "\n" + self._joined(blocks) if blocks else ""

    def _table(self, table: tree.Table) -> str:
        def cell(tag: str, children: tuple[tree.Inline, ...], column: int) -> str:
            align = table.aligns[column] if column < len(table.aligns) else "left"
            marks = ' scope="col"' if tag == "th" else ""
            marks += f' class="{align}"' if align != "left" else ""
            return f"<{tag}{marks}>{self.inline(children)}</{tag}>"

        head = "".join(cell("th", children, column) for column, children in enumerate(table.header))
        rows = "".join(
            f"<tr>{''.join(cell('td', children, column) for column, children in enumerate(row))}</tr>\n"
            for row in table.rows
        )
        # A wide table scrolls within its frame: that has to be reached, and named, without a mouse (WCAG 2.1.1, 4.1.2).
        name = escape("Tableau\u00a0: " + ", ".join(tree.plain(children) for children in table.header))
        frame = f'<div class="table" role="region" tabindex="0" aria-label="{name}">'
        return f"{frame}<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table></div>"

    def inline(self, children: tuple[tree.Inline, ...]) -> str:
        return "".join(self._node(child) for child in children)

    def _node(self, node: tree.Inline) -> str:  # noqa: PLR0911 - one case per type
        match node:
            case tree.Text(text):
                return escape(text, quote=False)
            case tree.Code(text):
                return f"<code>{escape(text, quote=False)}</code>"
            case tree.Break():
                return "<br/>"
            case tree.Strong(children):
                return f"<strong>{self.inline(children)}</strong>"
            case tree.Emphasis(children):
                return f"<em>{self.inline(children)}</em>"
            case tree.Superscript(children):
                return f"<sup>{self.inline(children)}</sup>"
            case tree.Subscript(children):
                return f"<sub>{self.inline(children)}</sub>"
            case tree.Abbr(text, title):
                return f'<abbr title="{escape(title)}">{escape(text, quote=False)}</abbr>'
            case tree.Link(children, href, title):
                return self._link(children, href, title)
            case tree.FootnoteRef(number):
                return self._call(number)

    def _link(self, children: tuple[tree.Inline, ...], href: str, title: str) -> str:
        address = target(href, self._resolve)
        if address is None:
            return self.inline(children)
        address = f"#{self._prefix}{escape(address[1:])}" if address.startswith("#") else escape(address)
        hint = f' title="{escape(title)}"' if title else ""
        return f'<a href="{address}"{hint}>{self.inline(children)}</a>'

    def _call(self, number: int) -> str:
        call = self._calls[number] = self._calls.get(number, 0) + 1
        name = f"{self._prefix}fnref-{number}" + (f"-{call}" if call > 1 else "")
        return f'<sup class="footnote-ref"><a id="{name}" href="#{self._prefix}fn-{number}" role="doc-noteref">{number}</a></sup>'


def target(href: str, resolve: Callable[[str], str | None]) -> str | None:
    """Return where a link of the tree leads: ``fiche:slug`` is resolved; None is plain text.

    The tree of a stored release is read back from JSON: a scheme that no tree of ours holds leads nowhere either.
    """
    if href.startswith("fiche:"):
        return resolve(href.removeprefix("fiche:"))
    return href if href.startswith(("https://", "http://", "mailto:", "#")) else None
