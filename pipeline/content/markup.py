"""Markdown → HTML → sanitised → document tree, with what the writer has to mend.

Nothing here bounds the time that Python-Markdown takes: files come through :mod:`pipeline.content.sandbox`.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import markdown
from markdown.extensions.abbr import AbbrExtension
from markdown.extensions.admonition import AdmonitionExtension
from markdown.extensions.attr_list import AttrListExtension
from markdown.extensions.def_list import DefListExtension
from markdown.extensions.footnotes import FootnoteExtension
from markdown.extensions.sane_lists import SaneListExtension
from markdown.extensions.tables import TableExtension
from markdown.inlinepatterns import InlineProcessor

from pipeline.content import builder, sanitise, tree
from pipeline.content.builder import Finding
from pipeline.content.errors import Fault
from pipeline.content.fields import FORBIDDEN, shown, web_address
from pipeline.content.names import IMAGE_NAME, SLUG

MOST_HTML = 2_000_000
"""Characters of HTML that one text may become: references to one long address can multiply it."""


def parse(text: str, path: str, *, first_line: int = 1) -> tuple[tree.Document, list[Fault]]:
    """Return the typeset tree of the Markdown ``text`` and every fault found; with faults, the tree is not to be shown.

    ``first_line`` is the line of ``path`` on which ``text`` begins.
    """
    lines = _Lines(text, first_line)
    hidden = FORBIDDEN.search(text)
    if hidden:
        line = first_line + text.count("\n", 0, hidden.start())
        message = f"un caractère invisible interdit (U+{ord(hidden.group()):04X})."
        return tree.Document(()), [Fault(path, line, "texte", message, "Retaper la ligne au clavier.")]
    refused: list[str] = []
    html = _engine(refused).convert(text)
    if len(html) > MOST_HTML:
        fault = Fault(
            path, 0, "texte", "le texte devient trop long une fois mis en forme.", "Raccourcir les adresses répétées."
        )
        return tree.Document(()), [fault]
    inspector = _Inspector()
    inspector.feed(html)
    inspector.close()
    findings = [_raw_html(snippet) for snippet in refused] + inspector.findings
    try:
        document, built = builder.build(sanitise.clean(html))
    except builder.TooDeep:
        document, built = tree.Document(()), []
        findings.append(Finding("", "trop d’éléments imbriqués.", "Simplifier les listes et les citations."))
    faults = [Fault(path, lines.of(f.near), "texte", f.message, f.mend) for f in findings + built]
    return document, list(dict.fromkeys(faults))


def _engine(refused: list[str]) -> markdown.Markdown:
    engine = markdown.Markdown(
        extensions=[
            TableExtension(use_align_attribute=True),
            FootnoteExtension(BACKLINK_TITLE=""),
            DefListExtension(),
            AttrListExtension(),
            AdmonitionExtension(),
            AbbrExtension(),
            SaneListExtension(),
        ],
        output_format="html",
    )
    engine.preprocessors.deregister("html_block")
    engine.inlinePatterns.deregister("html")
    engine.inlinePatterns.register(_RawHtml(refused, engine), "raw_html", 90)
    return engine


class _RawHtml(InlineProcessor):
    """Takes raw HTML out and remembers it. What looks like HTML inside code never comes here."""

    def __init__(self, refused: list[str], engine: markdown.Markdown) -> None:
        super().__init__(r"<(?:/?[a-zA-Z][^<>]*|[!?][^<>]*)>", engine)
        self._refused = refused

    def handleMatch(  # type: ignore[override]  # noqa: N802 - the library's name
        self, m: re.Match[str], data: str
    ) -> tuple[ElementTree.Element | str | None, int | None, int | None]:
        if not (m.group(0).startswith("</") and self._refused):  # its opening tag has been told
            self._refused.append(m.group(0))
        return "", m.start(0), m.end(0)


def _raw_html(snippet: str) -> Finding:
    name = re.match(r"<[/!?]*\w*", snippet)
    near = snippet.split("\x02", maxsplit=1)[0].split("\n", maxsplit=1)[0]
    tag = shown(name.group(0) if name else snippet)
    mend = (
        "Finir la ligne par deux espaces."
        if tag == "<br"
        else "L’écrire en Markdown, ou entre accents graves pour le montrer."
    )
    return Finding(near, f"le HTML est interdit (« {tag}…> »).", mend)


class _Inspector(HTMLParser):
    """Finds, before anything is cleaned away, what a writer may not do, in order to name it."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.findings: list[Finding] = []
        self._level = 1
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        for name in values:
            if name.startswith("on") or name in ("style", "srcset", "formaction"):
                self._add(name, f"l’attribut « {shown(name)} » est interdit.", "Le retirer des accolades.")
        if tag == "a" and not {"footnote-ref", "footnote-backref"} & set(values.get("class", "").split()):
            self._link(values.get("href", ""))
        elif tag == "img":
            self._image(values)
        elif re.fullmatch("h[1-6]", tag):
            self._heading(int(tag[1]))
        elif tag == "div" and "admonition" in values.get("class", "").split():
            kind = next((name for name in values["class"].split() if name != "admonition"), "")
            if kind not in sanitise.ADMONITIONS:
                known = ", ".join(sanitise.ADMONITIONS)
                self._add(f"!!! {kind}", f"encadré « {shown(kind)} » inconnu.", f"Choisir parmi : {known}.")
        if tag not in ("br", "hr", "img"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._open:
            while self._open.pop() != tag:
                pass

    def _add(self, near: str, message: str, mend: str) -> None:
        self.findings.append(Finding(near, message, mend))

    def _link(self, href: str) -> None:
        if href.startswith("fiche:"):
            good = re.fullmatch(rf"fiche:{SLUG}", href) is not None
        elif href.startswith("mailto:"):
            good = re.fullmatch(r"mailto:[^\s@<>\"?]{1,64}@[\w.-]{1,190}", href) is not None
        else:
            good = re.fullmatch(r"#[A-Za-z][\w-]{0,79}", href) is not None or web_address(href)
        if not good:
            self._add(
                href,
                f"le lien « {shown(href)} » est interdit.",
                "Écrire une adresse complète (https://…), mailto:…, #ancre ou fiche:slug.",
            )

    def _image(self, values: dict[str, str]) -> None:
        src, alt = values.get("src", ""), values.get("alt", "")
        if not IMAGE_NAME.fullmatch(src):
            self._add(
                src,
                f"l’image « {shown(src)} » n’est pas un fichier posé à côté de la fiche.",
                "Écrire un nom de fichier seul, en .png, .jpg ou .svg, sans dossier ni espace.",
            )
        if not alt.strip():
            self._add(
                src,
                f"l’image « {shown(src)} » n’a pas de texte de remplacement.",
                "L’écrire : ![ce que montre l’image](…).",
            )

    def _heading(self, level: int) -> None:
        hashes = "#" * level
        if level == 1:
            self._add("# ", "un titre de niveau 1 : c’est le titre de la fiche.", "Commencer à « ## ».")
        elif level > 4:
            self._add(hashes, f"un titre de niveau {level}.", "S’en tenir à « ## », « ### » et « #### ».")
        elif level > self._level + 1:
            self._add(hashes, f"un titre passe du niveau {self._level} au niveau {level}.", "Ne pas sauter de niveau.")
        self._level = level


class _Lines:
    """Where a piece of source stands. Asked twice for the same piece, it tells the second place, as long as there is one."""

    def __init__(self, text: str, first_line: int) -> None:
        self._text = text
        self._first = first_line
        self._after: dict[str, int] = {}

    def of(self, near: str) -> int:
        if not near:
            return 0
        at = self._text.find(near, self._after.get(near, 0))
        if at < 0:
            at = self._text.find(near)
        if at < 0:
            return 0
        self._after[near] = at + len(near)
        return self._first + self._text.count("\n", 0, at)
