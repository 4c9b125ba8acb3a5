from __future__ import annotations

import pytest

from pipeline.content import markup, tree
from pipeline.content.tree import (
    Abbr,
    Admonition,
    Code,
    Emphasis,
    Figure,
    FootnoteRef,
    Heading,
    Link,
    Paragraph,
    Strong,
    Text,
)

EVERYTHING = """## Titre

Un *mot*, du **gras**, `x ; y`,  
une ligne ; un [lien](https://a.fr/b "l'aide"), une [fiche](fiche:beta) et [ici](#titre).

- a
- b

    1. c

3. trois
4. quatre

| g | c | d |
|:--|:-:|--:|
| 1 | 2 | 3 |

Terme
:   Sens

> Dit-elle

    code();

---

!!! retenir
    Ceci.

!!! exemple "Chanu (Orne)"
    Cela.

!!! vigilance
    Prudence.

!!! actualisation "Depuis"
    Nouveau.

![Une carte](carte.png "La carte")

### Fin {#la-fin}

L'ESS[^b], puis[^a] et[^b].

*[ESS]: économie sociale et solidaire
[^a]: Note a.
[^b]: Note *b*.
"""  # noqa: W291 - two spaces are a line break


def parsed(text: str) -> tree.Document:
    document, faults = markup.parse(text, "p")
    assert faults == []
    return document


def messages(text: str) -> list[tuple[int, str]]:
    return [(fault.line, fault.message) for fault in markup.parse(text, "p", first_line=10)[1]]


def test_every_form_becomes_its_node() -> None:
    document = parsed(EVERYTHING)
    kinds = [type(block).__name__ for block in document.blocks]
    assert kinds == [
        "Heading", "Paragraph", "List", "List", "Table", "Definitions", "Quote", "CodeBlock", "Rule",
        "Admonition", "Admonition", "Admonition", "Admonition", "Figure", "Heading", "Paragraph",
    ]  # fmt: skip
    first = document.blocks[1]
    assert isinstance(first, Paragraph)
    assert first.children == (
        Text("Un "),
        Emphasis((Text("mot"),)),
        Text(", du "),
        Strong((Text("gras"),)),
        Text(", "),
        Code("x ; y"),
        Text(","),
        tree.Break(),
        Text("une ligne\u202f; un "),
        Link((Text("lien"),), "https://a.fr/b", "l’aide"),
        Text(", une "),
        Link((Text("fiche"),), "fiche:beta"),
        Text(" et "),
        Link((Text("ici"),), "#titre"),
        Text("."),
    )
    assert document.blocks[3] == tree.List(
        True, ((Paragraph((Text("trois"),)),), (Paragraph((Text("quatre"),)),)), start=3
    )
    table = document.blocks[4]
    assert isinstance(table, tree.Table)
    assert table.aligns == ("left", "center", "right")
    assert table.rows == (((Text("1"),), (Text("2"),), (Text("3"),)),)
    boxes = [block for block in document.blocks if isinstance(block, Admonition)]
    assert [(box.kind, tree.plain(box.title)) for box in boxes] == [
        ("retenir", "À retenir"),
        ("exemple", "Chanu (Orne)"),
        ("vigilance", "Point de vigilance"),
        ("actualisation", "Depuis"),
    ]
    assert Figure("carte.png", "Une carte", (Text("La carte"),)) in document.blocks
    assert Heading(3, (Text("Fin"),), "la-fin") in document.blocks
    last = document.blocks[-1]
    assert isinstance(last, Paragraph)
    assert last.children == (
        Text("L’"),
        Abbr("ESS", "économie sociale et solidaire"),
        FootnoteRef(1),
        Text(", puis"),
        FootnoteRef(2),
        Text(" et"),
        FootnoteRef(1),
        Text("."),
    )
    assert [
        tree.plain(note.blocks[0].children) for note in document.footnotes if isinstance(note.blocks[0], Paragraph)
    ] == [
        "Note b.",
        "Note a.",
    ]


def test_a_tree_survives_json() -> None:
    document = parsed(EVERYTHING)
    assert tree.from_json(tree.to_json(document)) == document


def test_headings_of_the_same_words_get_ids_of_their_own() -> None:
    document = parsed("## L'énergie, où ?\n\na\n\n## L'énergie, où ?\n\nb\n\n## 。\n\nc\n")
    assert [block.id for block in document.blocks if isinstance(block, Heading)] == [
        "l-energie-ou",
        "l-energie-ou-2",
        "section",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a\n\n<b>x</b>", "HTML"),
        ("a\n\n<div>\n\nx\n\n</div>", "HTML"),
        ("a\n\n<!-- x -->", "HTML"),
        ("a\n\nx<br>y", "HTML"),
        ("a\n\n[x](/rel)", "lien"),
        ("a\n\n[x](//a.fr)", "lien"),
        ("a\n\n[x](page.html)", "lien"),
        ("a\n\n[x](ftp://a.fr)", "lien"),
        ("a\n\n[x](https:///a)", "lien"),
        ("a\n\n[x](https://u:p@a.fr)", "lien"),
        ("a\n\n[x](fiche:../b)", "lien"),
        ("a\n\n[x](#nulle-part)", "ne mène nulle part"),
        ("a\n\n[](https://a.fr)", "pas de texte"),
        ("a\n\n!!! note\n    x", "inconnu"),
        ("a\n\n!!! Exemple « x »\n    y", "mal écrit"),
        ("a\n\n!!! exemple\n    y", "lieu"),
        ("a\n\n!!! retenir\n\nx", "vide"),
        ("a\n\n# Titre", "niveau 1"),
        ("a\n\n##### Titre", "niveau 5"),
        ("a\n\n#### Titre", "passe du niveau 1"),
        ("a\n\nb[^z]", "n’est pas écrite"),
        ("a\n\n[^z]: b", "n’est appelée nulle part"),
        ("a\n\n![](x.png)", "remplacement"),
        ("a\n\n![x](../x.png)", "à côté"),
        ("a\n\n![x](https://a.fr/x.png)", "à côté"),
        ("a\n\n![x](.x.png)", "à côté"),
        ("a\n\n![x](x.gif)", "à côté"),
        ("a\n\nb ![x](x.png) c", "au milieu"),
        ("a\n\n\u202eb", "U+202E"),
    ],
)
def test_a_fault_in_the_text_names_its_line(text: str, message: str) -> None:
    found = messages(text)
    assert any(message in said for _, said in found), found
    assert all(line == 12 for line, said in found if message in said), found


def test_two_faults_of_the_same_words_are_told_on_their_own_lines() -> None:
    assert [line for line, _ in messages("[x](/a)\n\n[x](/a)")] == [10, 12]


def test_code_may_show_html() -> None:
    document = parsed("`<b>` et &lt;b&gt;\n\n    <script>\n")
    assert document.blocks == (Paragraph((Code("<b>"), Text(" et <b>"))), tree.CodeBlock("<script>"))


def test_attribute_lists_do_nothing_but_name_anchors() -> None:
    document = parsed("Un mot.\n{: .rouge #x lang=en }\n\n## T {#t .grand}\n\nb")
    assert document.blocks[0] == Paragraph((Text("Un mot."),))
    assert document.blocks[1] == Heading(2, (Text("T"),), "t")


def test_two_spans_of_raw_text_do_not_hide_behind_references() -> None:
    assert "lien" in messages("[x][y]\n\n[y]: javascript:alert(1)")[0][1]
