from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.content.tree import Abbr, Code, Emphasis, FootnoteRef, Link, Strong, Superscript, Text, plain
from pipeline.content.typography import typeset, typeset_inline


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("Pourquoi ?", "Pourquoi~?"),
        ("Pourquoi?", "Pourquoi~?"),
        ("Oui ! Non ; si", "Oui~! Non~; si"),
        ("Quoi ?!", "Quoi~?!"),
        ("Ceci : cela", "Ceci_: cela"),
        ("Ceci: cela", "Ceci_: cela"),
        ("« mot »", "«~mot~»"),
        ("«mot»", "«~mot~»"),
        ('le "mot" dit', "le «~mot~» dit"),
        ('l\'"eau"', "l’«~eau~»"),
        ('un 5" seul', 'un 5" seul'),
        ("l'eau d'ici", "l’eau d’ici"),
        ("et...", "et…"),
        ("12 000 habitants", "12~000_habitants"),
        ("1 234 567", "1~234~567"),
        ("en 2019 300 personnes", "en 2019 300 personnes"),
        ("50 %", "50_%"),
        ("50%", "50_%"),
        ("2,50 € et 14 millions €", "2,50_€ et 14_millions_€"),
        ("3 kW et 10 km", "3_kW et 10_km"),
        ("9 h 30", "9_h_30"),
        ("n° 4 et n°4", "n°_4 et n°_4"),
        ("article L. 2253-1", "article L._2253-1"),
        ("2014-2020", "2014–2020"),
        ("loi 2014-856 du 31 juillet 2014", "loi 2014-856 du 31_juillet 2014"),
        ("janvier-mars", "janvier–mars"),
        ("2019-12-13", "2019-12-13"),
        ("à 10:30 ou 3:1", "à 10:30 ou 3:1"),
        ("https://a.fr/b?c=1;d:e et http://b.fr/...x", "https://a.fr/b?c=1;d:e et http://b.fr/...x"),
        ("voir www.a.fr/l'eau?x", "voir www.a.fr/l'eau?x"),
        ("écrire à o'neil@a.fr ?", "écrire à o’neil@a.fr~?"),
        ("mailto:a@b.fr", "mailto:a@b.fr"),
        ("(?) et a?b", "(?) et a?b"),
        ("", ""),
    ],
)
def test_french_typography(typed: str, shown: str) -> None:
    result = typeset(typed)
    assert result.replace("\u202f", "~").replace("\u00a0", "_") == shown
    assert typeset(result) == result


ALPHABET = "ab12 0.;!?:«»\"'’%€hn°L-–[(\u00a0\u202f\u2009\n…@/,\ufffc"


@given(st.text(alphabet=ALPHABET, max_size=24) | st.text(max_size=40))
def test_typography_applied_twice_changes_nothing_more(text: str) -> None:
    once = typeset(text)
    assert typeset(once) == once


LEAVES = st.text(alphabet=ALPHABET, min_size=1, max_size=8).map(Text)
NODES = LEAVES | st.builds(Code, st.text(max_size=5)) | st.builds(FootnoteRef, st.integers(1, 9))
INLINES = st.lists(NODES | st.lists(NODES, min_size=1, max_size=3).map(lambda n: Emphasis(tuple(n))), max_size=6).map(
    tuple
)


@given(INLINES)
def test_typography_across_nodes_is_stable_and_leaves_code_alone(children: tuple[object, ...]) -> None:
    once = typeset_inline(children)  # type: ignore[arg-type]
    twice = typeset_inline(once)
    assert plain(once) == plain(twice)
    assert _codes(once) == _codes(children)


def _codes(children: object) -> list[str]:
    if isinstance(children, Code):
        return [children.text]
    if isinstance(children, tuple):
        return [code for child in children for code in _codes(child)]
    return _codes(getattr(children, "children", ())) if hasattr(children, "children") else []


@given(st.text(alphabet=ALPHABET, max_size=30), st.integers(0, 30))
def test_where_a_paragraph_is_cut_into_nodes_does_not_change_its_words(text: str, cut: int) -> None:
    whole = typeset(text)
    assert plain(typeset_inline((Text(text[:cut]), Emphasis((Text(text[cut:]),))))) == whole


def test_guillemets_around_an_element_get_their_spaces_outside_of_it() -> None:
    children = (Text("le « "), Emphasis((Text("mot"),)), Text(" » et l'"), Strong((Text("eau"),)), Text(" !"))
    assert typeset_inline(children) == (
        Text("le «\u202f"),
        Emphasis((Text("mot"),)),
        Text("\u202f» et l’"),
        Strong((Text("eau"),)),
        Text("\u202f!"),
    )


def test_the_end_of_an_ordinal_is_raised() -> None:
    up = Superscript((Text("e"),))
    assert typeset_inline((Text("au XXe siècle, le 1er"),)) == (
        Text("au XX"),
        up,
        Text(" siècle, le 1"),
        Superscript((Text("er"),)),
    )
    for word in ("Ce", "Le", "De", "MCe", "Vie", "1e5", "A2e"):
        assert typeset_inline((Text(word),)) == (Text(word),)


def test_code_acronyms_and_addresses_keep_their_characters() -> None:
    address = "https://a.fr/?b;c"
    children = (Code("a ; 'b'"), Text(" ; "), Abbr("S'il", "x"), Link((Text(address),), address))
    made = typeset_inline(children)
    assert made[0] == children[0]
    assert made[1] == Text("\u202f; ")
    assert made[2:] == children[2:]
