"""What the single HTML file and the EPUB share: a fiche and the apparatus as well-formed XHTML."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from html import escape

from pipeline.content import html as content_html
from pipeline.content import tree
from pipeline.kit import data
from pipeline.kit.book import Book, Entry
from pipeline.season.words import long_date

Resolve = Callable[[str], str | None]


def fiche(book: Book, entry: Entry, *, resolve: Resolve, image_url: Callable[[str], str], level: int = 2) -> str:
    """One fiche as a `section`; ``level`` is its heading's. Ids are prefixed with its slug."""
    one, kind = entry.fiche, book.season.kinds[entry.fiche.kind]
    names = {image.name: image_url(data.image_file(one, image.name)) for image in one.images}
    body = content_html.to_html(
        one.body,
        resolve=resolve,
        image_url=names.__getitem__,
        heading_offset=level - 1,
        id_prefix=f"{one.slug}-",
    )
    below = f"h{level + 1}"
    parts = [
        f'<section class="fiche {escape(kind.palette)}" id="fiche-{one.slug}">',
        f'<header class="opening"><p class="kind">{escape(kind.singular)} · fiche n°\N{NO-BREAK SPACE}{one.number}</p>',
        f"<h{level}>{escape(one.title)}</h{level}>",
        f"<p>{escape(one.summary)}</p>",
        _listed("Ce que vous pouvez faire", one.actions, below),
        "</header>",
        _figures(entry),
        body,
        _listed("Avec qui", one.partners, below),
        _sources(entry, below),
        _listed("Corrections", [f"{long_date(c.date)} : {c.reason}" for c in one.corrections], below),
        f'<p class="page">Parue le {long_date(entry.released)}, version {one.version}. La page, à jour : '
        f'<a href="{escape(entry.url)}">{escape(entry.url)}</a></p>',
        "</section>",
    ]
    return "\n".join(part for part in parts if part)


def glossary(book: Book, *, resolve: Resolve) -> str:
    """The glossary's terms; empty where the season has none."""
    if book.glossary is None:
        return ""
    document = tree.Document(book.glossary.blocks, book.glossary.footnotes)
    return content_html.to_html(document, resolve=resolve, image_url=str, id_prefix="glossaire-")


def index(book: Book, *, link: Callable[[str], str]) -> str:
    """Places, then competences, each with links to fiches."""
    by_slug = {entry.fiche.slug: entry.fiche for entry in book.entries}

    def links(slugs: Iterable[str]) -> str:
        return ", ".join(
            f'<a href="{link(slug)}">{by_slug[slug].number}. {escape(by_slug[slug].short_title)}</a>' for slug in slugs
        )

    rows = [f"<dt>{escape(name)}</dt><dd>{links(slugs)}</dd>" for name, slugs in data.places(book)]
    terms = [
        (term.label, [entry.fiche.slug for entry in book.entries if term.id in entry.fiche.competences])
        for term in book.season.competences
    ]
    competences = [f"<dt>{escape(label)}</dt><dd>{links(slugs)}</dd>" for label, slugs in terms if slugs]
    found = ""
    if rows:
        found += f"<h3>Les lieux</h3><dl>{''.join(rows)}</dl>"
    if competences:
        found += f"<h3>Les compétences</h3><dl>{''.join(competences)}</dl>"
    return found


def colophon(book: Book) -> str:
    season = book.season
    return (
        f"<p>{escape(season.title)}, {escape(data.edition(book))}, {long_date(book.as_of)}. "
        f"Publié par {escape(season.publisher.name)}.</p><p>{escape(season.publisher.legal_notice)}</p>"
        "<p>Les textes sont sous licence Creative Commons Attribution – Partage dans les mêmes conditions 4.0 International "
        '(<a href="https://creativecommons.org/licenses/by-sa/4.0/deed.fr">CC BY-SA 4.0</a>).</p>'
    )


def planned(book: Book) -> str:
    """The fiches still to come; empty where there are none."""
    rows = "".join(
        f"<li>{one.number}. {escape(one.short_title)}{f', {long_date(one.expected)}' if one.expected else ''}</li>"
        for one in book.planned
    )
    return f'<ul class="planned">{rows}</ul>' if rows else ""


def _listed(title: str, items: Iterable[str], tag: str) -> str:
    rows = "".join(f"<li>{escape(item)}</li>" for item in items)
    return f"<{tag}>{title}</{tag}><ul>{rows}</ul>" if rows else ""


def _figures(entry: Entry) -> str:
    rows = "".join(
        f"<div><dt>{escape(one.value)}</dt><dd>{escape(one.label)} [{one.source}]</dd></div>"
        for one in entry.fiche.key_figures
    )
    return f'<dl class="figures">{rows}</dl>' if rows else ""


def _sources(entry: Entry, tag: str) -> str:
    rows = "".join(
        f'<li><a href="{escape(one.url)}">{escape(one.title)}</a>, {escape(one.publisher)}, {escape(one.date.removesuffix("."))}.</li>'
        for one in entry.fiche.sources
    )
    return f'<{tag}>Sources</{tag}><ol class="sources">{rows}</ol>' if rows else ""
