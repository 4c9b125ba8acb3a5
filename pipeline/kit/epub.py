"""The kit as EPUB 3.3, with its fonts and the accessibility metadata of EPUB Accessibility 1.1."""

from __future__ import annotations

import uuid
from html import escape

from pipeline.kit import archive, data, html, markup
from pipeline.kit.book import Book
from pipeline.season.words import long_date

_TYPES = {"png": "image/png", "jpg": "image/jpeg", "svg": "image/svg+xml"}
_XMLNS = 'xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops"'


def render(book: Book) -> bytes:
    """The EPUB's bytes: the same for the same book."""
    pages = _pages(book)
    images = {
        data.image_file(entry.fiche, image.name): book.images[image.sha256]
        for entry in book.entries
        for image in entry.fiche.images
    }
    files: dict[str, bytes] = {
        "mimetype": b"application/epub+zip",
        "META-INF/container.xml": _CONTAINER.encode(),
        "EPUB/package.opf": _package(book, pages, images).encode(),
        "EPUB/nav.xhtml": _nav(book, pages).encode(),
        "EPUB/book.css": _css().encode(),
    }
    files |= {f"EPUB/{name}.xhtml": _page(book, title, body).encode() for name, (title, body) in pages.items()}
    files |= {f"EPUB/fonts/{name}.ttf": html.font(name) for _, name, _, _ in html.FONTS}
    files |= {f"EPUB/images/{name}": content for name, content in sorted(images.items())}
    return archive.pack(files, stored=frozenset({"mimetype"}))


def _pages(book: Book) -> dict[str, tuple[str, str]]:
    """File name → (title, body), in reading order."""
    here = {entry.fiche.slug for entry in book.entries}

    def resolve(slug: str) -> str | None:
        return f"fiche-{slug}.xhtml" if slug in here else None

    season = book.season
    cover = (
        f'<section epub:type="titlepage"><h1>{escape(season.title)}</h1><p>{escape(season.tagline)}</p>'
        f"<p><strong>{escape(data.edition(book))}</strong><br/>{long_date(book.as_of)}<br/>{escape(season.publisher.name)}</p></section>"
    )
    pages = {"cover": (season.title, cover)}
    by_slug = {entry.fiche.slug: entry for entry in book.entries}
    for at, part in enumerate(data.parts(book), start=1):
        pages[f"part-{at}"] = (part["title"], f"<h1>{escape(part['title'])}</h1>")
        for slug in part["fiches"]:
            one = by_slug[slug].fiche
            body = markup.fiche(book, by_slug[slug], resolve=resolve, image_url=lambda name: f"images/{name}", level=1)
            pages[f"fiche-{slug}"] = (f"{one.number}. {one.title}", body)
    for name, title, body in (
        ("planned", "À paraître", markup.planned(book)),
        ("glossary", "Glossaire", markup.glossary(book, resolve=resolve)),
        ("index", "Index", markup.index(book, link=lambda slug: f"fiche-{slug}.xhtml").replace("h3>", "h2>")),
        ("colophon", "Colophon", markup.colophon(book)),
    ):
        if body:
            pages[name] = (title, f"<h1>{title}</h1>{body}")
    return pages


def _page(book: Book, title: str, body: str) -> str:
    language = escape(book.season.language)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE html>\n'
        f'<html {_XMLNS} lang="{language}" xml:lang="{language}"><head><title>{escape(title)}</title>'
        f'<link rel="stylesheet" type="text/css" href="book.css"/></head><body>{body}</body></html>\n'
    )


def _nav(book: Book, pages: dict[str, tuple[str, str]]) -> str:
    items: list[str] = []
    opened = False
    for name, (title, _) in pages.items():
        link = f'<a href="{name}.xhtml">{escape(title)}</a>'
        if name.startswith("part-"):
            items.append(f"{'</ol></li>' if opened else ''}<li>{link}<ol>")
            opened = True
        elif name.startswith("fiche-"):
            items.append(f"<li>{link}</li>")
        else:
            items.append(f"{'</ol></li>' if opened else ''}<li>{link}</li>")
            opened = False
    body = f'<nav epub:type="toc" id="toc"><h1>Sommaire</h1><ol>{"".join(items)}</ol></nav>'
    return _page(book, "Sommaire", body)


def _package(book: Book, pages: dict[str, tuple[str, str]], images: dict[str, bytes]) -> str:
    season = book.season
    identity = uuid.uuid5(uuid.NAMESPACE_URL, f"{book.base_url}/{season.name}/{data.edition(book)}/{book.as_of}")
    manifest = ['<item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>']
    manifest.append('<item id="css" href="book.css" media-type="text/css"/>')
    manifest += [f'<item id="{name}" href="{name}.xhtml" media-type="application/xhtml+xml"/>' for name in pages]
    manifest += [
        f'<item id="font-{at}" href="fonts/{name}.ttf" media-type="font/ttf"/>'
        for at, (_, name, _, _) in enumerate(html.FONTS)
    ]
    manifest += [
        f'<item id="image-{at}" href="images/{name}" media-type="{_TYPES[name.rsplit(".", 1)[1]]}"/>'
        for at, name in enumerate(sorted(images))
    ]
    spine = "".join(f'<itemref idref="{name}"/>' for name in pages)
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="id" xml:lang="{escape(season.language)}">
<metadata xmlns:dc="http://purl.org/dc/elements/1.1/">
<dc:identifier id="id">urn:uuid:{identity}</dc:identifier>
<dc:title>{escape(season.title)} – {escape(data.edition(book))}</dc:title>
<dc:language>{escape(season.language)}</dc:language>
<dc:publisher>{escape(season.publisher.name)}</dc:publisher>
<dc:creator>{escape(season.publisher.name)}</dc:creator>
<dc:date>{book.as_of.isoformat()}</dc:date>
<dc:rights>CC BY-SA 4.0</dc:rights>
<meta property="dcterms:modified">{book.as_of.isoformat()}T00:00:00Z</meta>
<meta property="schema:accessMode">textual</meta>
<meta property="schema:accessModeSufficient">textual</meta>
<meta property="schema:accessibilityFeature">structuralNavigation</meta>
<meta property="schema:accessibilityFeature">tableOfContents</meta>
<meta property="schema:accessibilityFeature">alternativeText</meta>
<meta property="schema:accessibilityHazard">none</meta>
</metadata>
<manifest>{"".join(manifest)}</manifest>
<spine>{spine}</spine>
</package>
"""


def _css() -> str:
    faces = "".join(
        f'@font-face{{font-family:"{family}";font-weight:{weight};font-style:{style};src:url(fonts/{name}.ttf)}}\n'
        for family, name, weight, style in html.FONTS
    )
    return faces + html.css()


_CONTAINER = """<?xml version="1.0" encoding="UTF-8"?>
<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container">
<rootfiles><rootfile full-path="EPUB/package.opf" media-type="application/oebps-package+xml"/></rootfiles>
</container>
"""
