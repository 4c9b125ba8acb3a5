"""The kit as one HTML file that needs nothing beside it."""

from __future__ import annotations

import base64
from html import escape
from pathlib import Path

from pipeline.kit import data, markup
from pipeline.kit.book import Book
from pipeline.season.words import long_date

_HERE = Path(__file__).parent
FONTS = (
    ("Atkinson Hyperlegible Next", "AtkinsonHyperlegibleNext-Regular", 400, "normal"),
    ("Atkinson Hyperlegible Next", "AtkinsonHyperlegibleNext-Bold", 700, "normal"),
    ("Source Serif 4", "SourceSerif4-Regular", 400, "normal"),
    ("Source Serif 4", "SourceSerif4-Italic", 400, "italic"),
    ("Source Serif 4", "SourceSerif4-Bold", 700, "normal"),
)
_TYPES = {"png": "image/png", "jpg": "image/jpeg", "svg": "image/svg+xml"}


def render(book: Book) -> bytes:
    """The whole kit, UTF-8."""
    here = {entry.fiche.slug for entry in book.entries}

    def resolve(slug: str) -> str | None:
        return f"#fiche-{slug}" if slug in here else None

    def image_url(name: str) -> str:
        content = book.images[name.split(".", maxsplit=1)[0]]
        return f"data:{_TYPES[name.rsplit('.', 1)[1]]};base64,{base64.b64encode(content).decode()}"

    by_slug = {entry.fiche.slug: entry for entry in book.entries}
    contents, bodies = [], []
    for at, part in enumerate(data.parts(book), start=1):
        rows = "".join(
            f'<li><a href="#fiche-{slug}">{by_slug[slug].fiche.number}. {escape(by_slug[slug].fiche.title)}</a></li>'
            for slug in part["fiches"]
        )
        contents.append(f"<h3>{escape(part['title'])}</h3><ol>{rows}</ol>")
        bodies.append(f'<section class="part" id="partie-{at}"><h2>{escape(part["title"])}</h2></section>')
        bodies += [markup.fiche(book, by_slug[slug], resolve=resolve, image_url=image_url) for slug in part["fiches"]]
    coming = markup.planned(book)
    season = book.season
    page = f"""<!DOCTYPE html>
<html lang="{escape(season.language)}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(season.title)} – {escape(data.edition(book))}</title>
<style>{_fonts()}{css()}{_screen()}</style>
</head>
<body>
<a class="skip" href="#contenu">Aller au contenu</a>
<header class="cover"><h1>{escape(season.title)}</h1><p>{escape(season.tagline)}</p>
<p><strong>{escape(data.edition(book))}</strong><br>{long_date(book.as_of)}<br>{escape(season.publisher.name)}</p></header>
<nav aria-label="Sommaire"><h2>Sommaire</h2>{"".join(contents)}{f"<h3>À paraître</h3>{coming}" if coming else ""}</nav>
<main id="contenu">
{"".join(bodies)}
{_section("glossaire", "Glossaire", markup.glossary(book, resolve=resolve))}
{_section("index", "Index", markup.index(book, link=lambda slug: f"#fiche-{slug}"))}
{_section("colophon", "Colophon", markup.colophon(book))}
</main>
</body>
</html>
"""
    return page.encode()


def css() -> str:
    """The style that the HTML file and the EPUB share."""
    return (_HERE / "book.css").read_text(encoding="utf-8")


def _screen() -> str:
    return (_HERE / "screen.css").read_text(encoding="utf-8")


def font(name: str) -> bytes:
    return (_HERE / "fonts" / f"{name}.ttf").read_bytes()


def _fonts() -> str:
    return "".join(
        f'@font-face{{font-family:"{family}";font-weight:{weight};font-style:{style};font-display:swap;'
        f'src:url(data:font/ttf;base64,{base64.b64encode(font(name)).decode()}) format("truetype")}}'
        for family, name, weight, style in FONTS
    )


def _section(name: str, title: str, body: str) -> str:
    return f'<section class="part" id="{name}"><h2>{title}</h2>{body}</section>' if body else ""
