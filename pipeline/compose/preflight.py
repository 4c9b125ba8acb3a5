"""What a mailing may not leave with. Every finding at once, with the template and the line."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlsplit

from pipeline.compose.elements import ELEMENTS
from pipeline.compose.message import holes_of, placeholder
from pipeline.content.errors import Fault

CANARY = "canary_url"
MOST_HTML = 102_000
"""Bytes of HTML beyond which Gmail clips a message."""
_LOADED = re.compile(r"url\(\s*['\"]?([^'\")\s]+)|@import\s+['\"]?([^'\";\s]+)", re.IGNORECASE)
_LINKS = {
    "unsubscribe_url": "de désinscription",
    "preferences_url": "vers les préférences",
    "confirm_url": "de confirmation",
    "move_url": "de changement d’adresse",
    "renew_url": "pour continuer",
    CANARY: "pour les machines",
}
_LOADING = {
    ("img", "src"),
    ("link", "href"),
    ("script", "src"),
    ("iframe", "src"),
    ("source", "src"),
    ("td", "background"),
    ("table", "background"),
    ("body", "background"),
    ("img", "srcset"),
}


class PreflightError(Exception):
    """A mailing that must not leave; ``faults`` holds every finding."""

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = sorted(set(faults))
        super().__init__("\n".join(map(str, self.faults)))


@dataclass(frozen=True, slots=True)
class Terms:
    """What a mail is held to. ``hosts``: those it may link to; ``own``: the one that may serve what it loads; ``needed``: the
    holes without which it may not leave; ``holes``: those that will be filled; ``local``: http is allowed, site and transport
    being this machine."""

    template: str
    own: str
    hosts: frozenset[str]
    needed: tuple[str, ...]
    holes: frozenset[str]
    local: bool


def source(text: str, template: str) -> list[Fault]:
    """Findings in the MJML: unknown elements, nesting, attributes."""
    reader = _Source(template)
    reader.feed(text)
    reader.close()
    return reader.faults + [
        Fault(template, line, "", f"l’élément <{name}> n’est pas fermé.", f"Écrire </{name}>.")
        for name, line in reader.open
    ]


def output(markup: str, text: str, terms: Terms) -> list[Fault]:
    """Findings in what would be sent.

    The canary is a link for machines: gateways open every address of a mail, people only what they see. So it is an empty
    ``a`` that is not displayed, that no screen reader says and no key reaches, and no text part has it. There is nothing in
    it to read, so nothing that a filter would call hidden text, and it leads where the visible link leads.
    """
    reader = _Output(terms)
    reader.feed(markup)
    reader.close()
    found = reader.faults
    size = len(markup.encode())
    if size > MOST_HTML:
        found.append(_fault(terms, 0, f"{size} octets de HTML : Gmail coupe à {MOST_HTML}.", "Raccourcir le mail."))
    if not text.strip():
        found.append(_fault(terms, 0, "la partie texte est vide.", "Écrire le modèle .txt.j2."))
    for where, content in (("HTML", markup), ("texte", text)):
        there = holes_of(content)
        for name in terms.needed:
            # A machine's link is in the part that machines and people read differently.
            if name not in there and not (name == CANARY and content is text):
                mend = f"L’ajouter : {{{{ holes.{name} }}}}."
                found.append(_fault(terms, 0, f"la partie {where} n’a pas de lien {_LINKS[name]}.", mend))
        for name in sorted(there - terms.holes):
            mend = f"Ceux de ce mail : {', '.join(sorted(terms.holes))}."
            found.append(_fault(terms, 0, f"personne ne remplirait le trou « {name} » ({where}).", mend))
    if CANARY in holes_of(text):
        mend = f"En retirer {{{{ holes.{CANARY} }}}}."
        found.append(_fault(terms, 0, "la partie texte montre le lien qui n’est que pour les machines.", mend))
    for address in re.findall(r"[a-z][a-z0-9+.-]*://[^\s<>\"]+", text):
        found += _address(terms, 0, address, loaded=False)
    return found


@dataclass(slots=True)
class _State:
    template: str
    faults: list[Fault] = field(default_factory=list)
    open: list[tuple[str, int]] = field(default_factory=list)


class _Source(HTMLParser):
    """Reads MJML only; what raw elements hold is HTML, and the output's affair."""

    def __init__(self, template: str) -> None:
        super().__init__(convert_charrefs=True)
        self._state = _State(template)

    @property
    def faults(self) -> list[Fault]:
        return self._state.faults

    @property
    def open(self) -> list[tuple[str, int]]:
        return self._state.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._element(tag, attrs)
        if self._is_ours(tag) and not self._in_raw():
            self.open.append((tag, self.getpos()[0]))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._element(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if not self._is_ours(tag):
            return
        if self.open and self.open[-1][0] == tag:
            self.open.pop()
        elif not self._in_raw():
            self._fault(f"</{tag}> ne ferme rien ici.", "Vérifier l’imbrication.")

    def _element(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._in_raw():
            if self._is_ours(tag):
                self._fault(f"<{tag}> se trouve dans <{self.open[-1][0]}>, qui contient du HTML.", "L’en sortir.")
            return
        known = ELEMENTS.get(tag)
        if known is None:
            self._fault(f"l’élément <{tag}> est inconnu.", f"Éléments possibles : {', '.join(sorted(ELEMENTS))}.")
            return
        parent = self.open[-1][0] if self.open else ""
        if parent not in known.parents and not (tag == "mjml" and not parent):
            wanted = ", ".join(f"<{one}>" for one in sorted(known.parents)) or "la racine"
            self._fault(
                f"<{tag}> ne peut pas se trouver dans {f'<{parent}>' if parent else 'la racine'}.",
                f"Sa place : {wanted}.",
            )
        for name, _ in attrs:
            if name not in known.attributes:
                self._fault(
                    f"<{tag}> n’a pas d’attribut « {name} ».",
                    f"Attributs possibles : {', '.join(sorted(known.attributes))}.",
                )

    def _in_raw(self) -> bool:
        return bool(self.open) and ELEMENTS[self.open[-1][0]].raw

    def _is_ours(self, tag: str) -> bool:
        return tag in ELEMENTS

    def _fault(self, message: str, mend: str) -> None:
        self.faults.append(Fault(self._state.template, self.getpos()[0], "", message, mend))


class _Output(HTMLParser):
    def __init__(self, terms: Terms) -> None:
        super().__init__(convert_charrefs=True)
        self.faults: list[Fault] = []
        self._terms = terms
        self._style = False
        self._canary = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        line = self.getpos()[0]
        found = {name: value or "" for name, value in attrs}
        if tag.startswith("mj-") or tag == "mjml":
            self._add(line, f"<{tag}> est resté tel quel.", "Vérifier l’élément et sa place.")
        if tag in ("script", "iframe", "object", "embed", "form", "input"):
            self._add(line, f"<{tag}> n’a pas sa place dans un mail.", "Le retirer.")
        if tag == "img" and not found.get("alt", "").strip():
            self._add(
                line, f"une image n’a pas de texte de remplacement ({found.get('src', '')[:60]}).", 'Ajouter alt="…".'
            )
        if tag == "html" and not found.get("lang"):
            self._add(line, "la langue du mail n’est pas dite.", 'Écrire <mjml lang="fr">.')
        if tag in ("a", "area") and "href" in found:
            self.faults += _address(self._terms, line, found["href"], loaded=False)
            self._canary = found["href"] == placeholder(CANARY)
            if self._canary and not _hidden(found):
                mend = 'Écrire style="display:none;mso-hide:all" aria-hidden="true" tabindex="-1".'
                self._add(line, "une personne atteindrait le lien qui n’est que pour les machines.", mend)
        for name, value in found.items():
            if (tag, name) in _LOADING:
                self.faults += _address(self._terms, line, value.split(" ")[0], loaded=True)
            if name == "style":
                self._css(value)
        self._style = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        if tag == "style":
            self._style = False
        if tag == "a":
            self._canary = False

    def handle_data(self, data: str) -> None:
        if self._style:
            self._css(data)
        if self._canary and data.strip():
            self._add(self.getpos()[0], "le lien qui n’est que pour les machines contient un texte.", "Le vider.")

    def _css(self, text: str) -> None:
        for one, other in _LOADED.findall(text):
            self.faults += _address(self._terms, self.getpos()[0], one or other, loaded=True)

    def _add(self, line: int, message: str, mend: str) -> None:
        self.faults.append(_fault(self._terms, line, message, mend))


def _hidden(attributes: dict[str, str]) -> bool:
    style = attributes.get("style", "").replace(" ", "")
    shown = "display:none" not in style or "mso-hide:all" not in style
    return not shown and attributes.get("aria-hidden") == "true" and attributes.get("tabindex") == "-1"


def _address(terms: Terms, line: int, address: str, *, loaded: bool) -> list[Fault]:
    shown = address[:120]
    if address.startswith("mailto:") and not loaded:
        return []
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
    except ValueError:
        return [_fault(terms, line, f"l’adresse « {shown} » ne se lit pas.", "La corriger.")]
    if parts.scheme == "http" and not terms.local:
        return [
            _fault(
                terms,
                line,
                f"le lien « {shown} » n’est pas en https.",
                "Écrire https:// ; régler KIT_BASE_URL en https.",
            )
        ]
    if parts.scheme not in ("http", "https") or not host:
        return [_fault(terms, line, f"le lien « {shown} » n’est pas absolu.", "Écrire l’adresse entière, https://…")]
    if host != "hole.invalid" and host not in ({terms.own} if loaded else terms.hosts):
        what = "charge un fichier" if loaded else "mène"
        return [
            _fault(
                terms, line, f"« {shown} » {what} chez un tiers.", f"N’utiliser que {', '.join(sorted(terms.hosts))}."
            )
        ]
    return []


def _fault(terms: Terms, line: int, message: str, mend: str) -> Fault:
    return Fault(terms.template, line, "", message, mend)
