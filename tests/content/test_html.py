from __future__ import annotations

import xml.etree.ElementTree as ElementTree

from hypothesis import given
from hypothesis import strategies as st

from pipeline.content import html, markup, tree
from pipeline.content.tree import Document, Link, Paragraph, Text
from tests.content.test_markup import EVERYTHING


def shown(document: Document, **options: object) -> str:
    settings: dict[str, object] = {
        "resolve": lambda slug: f"/fiches/{slug}/",
        "image_url": lambda name: f"/images/{name}",
    }
    return html.to_html(document, **(settings | options))  # type: ignore[arg-type]


def everything() -> Document:
    return markup.parse(EVERYTHING, "p")[0]


def test_the_whole_tree_is_well_formed_html() -> None:
    text = shown(everything())
    root = ElementTree.fromstring(f"<main>{text}</main>")
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    targets = [a.get("href", "")[1:] for a in root.iter("a") if a.get("href", "").startswith("#")]
    assert set(targets) <= set(ids)
    assert '<th scope="col" class="center">c</th>' in text
    assert '<img src="/images/carte.png" alt="Une carte"/>' in text
    assert '<div class="admonition exemple" role="note">' in text
    assert text.count('role="doc-backlink"') == 3


def test_a_link_to_a_fiche_that_is_not_released_is_plain_text() -> None:
    document = Document((Paragraph((Link((Text("voir"),), "fiche:beta"),)),))
    assert shown(document, resolve=lambda _: None) == "<p>voir</p>\n"
    assert shown(document) == '<p><a href="/fiches/beta/">voir</a></p>\n'


def test_headings_move_and_ids_take_a_prefix() -> None:
    text = shown(everything(), heading_offset=2, id_prefix="scic-")
    assert '<h4 id="scic-titre">' in text
    assert 'href="#scic-titre"' in text
    assert 'id="scic-fn-1"' in text


def test_a_link_of_a_stored_tree_with_a_foreign_scheme_leads_nowhere() -> None:
    document = Document((Paragraph((Link((Text("x"),), "javascript:alert(1)"),)),))
    assert shown(document) == "<p>x</p>\n"


@given(st.text(max_size=30), st.text(max_size=30))
def test_no_text_becomes_markup(text: str, alt: str) -> None:
    document = Document((Paragraph((Text(text), tree.Code(alt))), tree.Figure("a.png", alt, (Text(text),))))
    clean = "".join(char for char in shown(document) if char.isprintable())
    root = ElementTree.fromstring(f"<main>{clean}</main>")
    assert {element.tag for element in root.iter()} <= {"main", "p", "code", "figure", "img", "figcaption"}
