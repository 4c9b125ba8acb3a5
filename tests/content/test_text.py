from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.content import markup, text
from pipeline.content.tree import Document, Paragraph, Text


def shown(markdown: str, width: int = 40, **links: str) -> str:
    document, faults = markup.parse(markdown, "p")
    assert faults == []
    return text.to_text(document, width=width, resolve=links.get)


def test_headings_are_underlined_and_lists_hang() -> None:
    assert shown(
        "## Un titre\n\nMot.\n\n### Sous\n\n- un point qui est trop long pour une seule ligne\n- deux\n\n9. neuf\n10. dix\n"
    ) == (
        "Un titre\n========\n\nMot.\n\nSous\n----\n\n"
        "- un point qui est trop long pour une\n  seule ligne\n- deux\n\n 9. neuf\n10. dix\n"
    )


def test_addresses_follow_the_block_that_names_them_and_are_never_cut() -> None:
    address = "https://www.example.org/une/adresse/bien/plus/longue/que/la/ligne"
    assert shown(
        f"Voir [ceci]({address}), [cela](fiche:beta) et [encore]({address}).\n\n[Là](fiche:beta)", beta="https://k.fr/b"
    ) == (
        f"Voir ceci\u00a0[1], cela\u00a0[2] et encore\u00a0[1].\n\n[1] {address}\n[2] https://k.fr/b\n\nLà\u00a0[2]\n"
    )


def test_a_fiche_that_is_not_released_is_plain_text_and_an_address_shown_as_such_is_not_repeated() -> None:
    assert shown("[cela](fiche:beta) <https://a.fr> <a@b.fr>") == "cela https://a.fr a@b.fr\n"


def test_boxes_name_what_they_are() -> None:
    assert shown(
        '!!! exemple "Chanu (Orne)"\n    Du bois.\n\n!!! vigilance\n    Prudence.\n\n!!! retenir "Le point"\n    Ceci.'
    ) == (
        "| EXEMPLE – Chanu (Orne)\n|\n| Du bois.\n\n| POINT DE VIGILANCE\n|\n| Prudence.\n\n| À RETENIR – Le point\n|\n| Ceci.\n"
    )


def test_a_table_stands_in_columns_by_display_width() -> None:
    assert shown("| Nom | Part |\n|---|--:|\n| 漢字 | 5 % |\n| abc | 100 % |") == (
        "Nom    Part\n----  -----\n漢字    5\u00a0%\nabc   100\u00a0%\n"
    )


def test_a_table_too_wide_for_the_screen_is_told_row_by_row() -> None:
    head = "| Premier | Deuxième | Troisième | Quatrième |\n|---|---|---|---|\n"
    assert shown(head + "| un long texte | deux | trois | quatre |\n| a | b | c | d |") == (
        "- Premier\u00a0: un long texte\n  Deuxième\u00a0: deux\n  Troisième\u00a0: trois\n  Quatrième\u00a0: quatre\n\n"
        "- Premier\u00a0: a\n  Deuxième\u00a0: b\n  Troisième\u00a0: c\n  Quatrième\u00a0: d\n"
    )


def test_footnotes_definitions_quotes_code_and_images() -> None:
    assert shown(
        'Un[^a].\n\nTerme\n:   Sens\n\n> Dit\n\n    x  y\n\n![Carte](c.png "Légende")\n\n---\n\n[^a]: La note [ici](https://a.fr).'
    ) == (
        "Un\u00a0(1).\n\nTerme\n    Sens\n\n> Dit\n\n    x  y\n\n[Image\u00a0: Carte]\nLégende\n\n* * *\n\n"
        "Notes\n-----\n\n(1) La note ici\u00a0[1].\n\n[1] https://a.fr\n"
    )


WORDS = st.lists(st.text(alphabet="abcdéœ漢\u0301\u202f?", min_size=1, max_size=12), min_size=1, max_size=40)


@given(WORDS, st.integers(24, 90))
def test_no_line_is_wider_than_asked_and_no_word_is_lost(words: list[str], width: int) -> None:
    made = text.to_text(Document((Paragraph((Text(" ".join(words)),)),)), width=width, resolve=lambda _: None)
    assert all(text.columns(line) <= width for line in made.splitlines())
    assert made.split() == " ".join(words).split()
