"""A released fiche made ready for its page: the box on top, the text below it, what the contents list."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from pipeline.content import html, tree
from pipeline.content.fiche import Fiche
from pipeline.release import addresses
from pipeline.release.published import LineFiche, PublicFiche, SeasonPage
from pipeline.season.season import Kind

PREFIX = "t-"
"""Before every anchor of the text, so that a section called « Sources » does not meet the page's own."""

BRIEF = "en bref"
"""Title of the section that the page sets apart as a box. A season may do without: the box then holds the actions."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the contents: a section's title and where it stands in the page."""

    anchor: str
    title: str


@dataclass(frozen=True, slots=True)
class Article:
    """What the template of a fiche shows. ``brief`` is empty where the fiche has no such section, else opens with its
    heading, whose id is ``brief_anchor``."""

    kind: Kind
    brief_anchor: str
    brief: Markup
    body: Markup
    contents: tuple[Entry, ...]
    competences: tuple[str, ...]
    territories: tuple[str, ...]
    related: tuple[LineFiche, ...]


def article(public: PublicFiche, page: SeasonPage, released: dict[str, str]) -> Article:
    """Return ``public`` for its page; links go only to the ``released`` fiches (slug → path)."""
    fiche = public.fiche
    sections = [Entry(PREFIX + one.heading.id, tree.plain(one.heading.children)) for one in fiche.body.sections()]
    boxed = bool(sections) and sections[0].title.lower() == BRIEF and isinstance(fiche.body.blocks[0], tree.Heading)
    shown = _html(fiche, released)
    # The text is written as one, so that a note called in the box and below it stays one note; then it is cut.
    after = shown.find(f'<h2 id="{sections[1].anchor}">') if len(sections) > 1 else len(shown)
    cut = after if boxed else 0
    titles = {line.slug: line for slot in page.line for line in slot.fiches}
    return Article(
        kind=page.season.kinds[fiche.kind],
        brief_anchor=sections[0].anchor if boxed else "",
        brief=Markup(shown[:cut]),  # noqa: S704 - the tree holds no markup, and `to_html` escapes every text of it
        body=Markup(shown[cut:]),  # noqa: S704
        contents=tuple(sections[1:] if boxed else sections),
        competences=tuple(term.label for term in page.season.competences if term.id in fiche.competences),
        territories=tuple(term.label for term in page.season.territories if term.id in fiche.territories),
        related=tuple(titles[slug] for slug in fiche.see_also if slug in released and slug in titles),
    )


def _html(fiche: Fiche, released: dict[str, str]) -> str:
    images = {image.name: addresses.image_path(image.sha256, image.media_type) for image in fiche.images}
    return html.to_html(fiche.body, resolve=released.get, image_url=images.__getitem__, id_prefix=PREFIX)
