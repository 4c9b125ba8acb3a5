from __future__ import annotations

import datetime as dt

import pytest

from pipeline.content import schema
from pipeline.content.errors import Fault
from pipeline.content.fiche import Correction, KeyFigure, Place, Source
from tests.content import factories
from tests.content.factories import RULES


def faults(text: str, path: str = factories.path()) -> list[Fault]:
    return schema.read(text, path, RULES)[1]


def one(**changes: str | None) -> Fault:
    found = faults(factories.head(**changes))
    assert len(found) == 1, found
    return found[0]


def test_a_good_front_matter_becomes_typed_and_typeset_values() -> None:
    changes = {"corrections": "[{date: 2020-02-01, reason: l'article cité}]", "version": "2"}
    front, found = schema.read(factories.head(**changes), factories.path(), RULES)
    assert found == []
    assert front is not None
    values = front.values
    assert values["title"] == "Pourquoi agir\u202f?"
    assert values["places"] == (Place("Chanu", "Orne"),)
    assert values["key_figures"] == (KeyFigure("50\u00a0%", "du capital", 1),)
    assert values["sources"] == (Source("Un texte", "Une maison", "2019-05", "https://example.org/a"),)
    assert values["updated"] == dt.date(2020, 1, 22)
    assert values["corrections"] == (Correction(dt.date(2020, 2, 1), "l’article cité"),)
    assert front.lines["number"] == 4


@pytest.mark.parametrize(
    ("changes", "field", "line"),
    [
        ({"title": None}, "title", 2),
        ({"title": '""'}, "title", 2),
        ({"title": "2020"}, "title", 2),
        ({"title": "[a]"}, "title", 2),
        ({"title": '"a\\u202eb"'}, "title", 2),
        ({"title": '"a\\ud800b"'}, "title", 2),
        ({"short_title": "x" * 41}, "short_title", 3),
        ({"number": "0"}, "number", 4),
        ({"number": "true"}, "number", 4),
        ({"number": "'1'"}, "number", 4),
        ({"number": "2"}, "number", 4),
        ({"kind": "portrait"}, "kind", 5),
        ({"kind": "avis"}, "kind", 5),
        ({"slug": "Alpha"}, "slug", 6),
        ({"slug": "beta"}, "slug", 6),
        ({"summary": "trop court"}, "summary", 7),
        ({"summary": " ".join(["mot"] * 61)}, "summary", 7),
        ({"actions": "[Un, Deux]"}, "actions", 8),
        ({"actions": "Un"}, "actions", 8),
        ({"competences": "[energy]"}, "competences[1]", 9),
        ({"themes": "[climat, climat]"}, "themes", 11),
        ({"see_also": "[alpha]"}, "see_also", 12),
        ({"see_also": "['../x']"}, "see_also[1]", 12),
        ({"places": "[{name: Chanu}]"}, "places[1].departement", 13),
        ({"places": "[Chanu]"}, "places[1]", 13),
        ({"key_figures": "[{value: 5, label: x, source: 2}]"}, "key_figures[1].source", 14),
        ({"sources": "[]"}, "sources", 16),
        ({"sources": "[{title: t, publisher: p, date: 2019-13, url: 'https://a.fr'}]"}, "sources[1].date", 16),
        ({"sources": "[{title: t, publisher: p, date: 2019, url: 'javascript:x'}]"}, "sources[1].url", 16),
        ({"sources": "[{title: t, publisher: p, date: 2019, url: 'https://u:p@a.fr'}]"}, "sources[1].url", 16),
        ({"updated": "2020-02-30"}, "updated", 18),
        ({"updated": "hier"}, "updated", 18),
        ({"sumary": "x"}, "sumary", 20),
    ],
)
def test_a_fault_names_its_field_its_line_and_the_mend(changes: dict[str, str | None], field: str, line: int) -> None:
    fault = one(**changes)
    assert (fault.field, fault.line) == (field, line)
    assert fault.mend


def test_a_misspelt_field_is_met_with_the_right_one() -> None:
    assert "summary" in one(sumary="x").mend


def test_all_faults_are_told_at_once() -> None:
    found = faults(factories.head(title=None, number="x", updated="x") + "number: 3\n")
    assert {fault.field for fault in found} == {"title", "number", "updated"}
    assert any("deux fois" in fault.message for fault in found)


def test_lists_may_be_left_out() -> None:
    names = ("competences", "territories", "themes", "see_also", "places", "key_figures", "partners", "corrections")
    front, found = schema.read(factories.head(**dict.fromkeys(names)), factories.path(), RULES)
    assert found == []
    assert front is not None
    assert all(front.values[name] == () for name in names)


def test_a_number_without_quotes_is_a_figure_and_a_year_is_a_date() -> None:
    front, found = schema.read(
        factories.head(
            key_figures="[{value: 974, label: x, source: 1}]",
            sources="[{title: t, publisher: p, date: 2019, url: 'https://a.fr'}, {title: t, publisher: p, date: s. d., url: 'http://b.fr'}]",
        ),
        factories.path(),
        RULES,
    )
    assert found == []
    assert front is not None
    assert front.values["key_figures"][0].value == "974"
    assert [source.date for source in front.values["sources"]] == ["2019", "s. d."]


@pytest.mark.parametrize(
    "path", ["conseil/01-alpha.md", "essai/conseil/alpha.md", "essai/conseil/1-alpha.md", "autre/conseil/01-alpha.md"]
)
def test_a_file_that_is_not_in_its_place_is_refused(path: str) -> None:
    assert faults(factories.head(), path)


def test_a_text_without_front_matter_is_told_what_to_write() -> None:
    head, body, line = schema.split("## Titre\n")
    assert (head, body, line) == ("", "## Titre\n", 1)
    assert "---" in faults(head)[0].mend


def test_the_body_begins_on_its_own_line() -> None:
    assert schema.split("---\na: 1\n---\nx\n") == ("a: 1\n", "x\n", 4)


def test_the_json_schema_enumerates_a_seasons_lists() -> None:
    properties = schema.json_schema(RULES)["properties"]
    assert properties["kind"]["enum"] == ["conseil", "portrait"]
    assert properties["competences"]["items"]["enum"] == ["energie", "habitat"]
    assert "enum" not in schema.json_schema()["properties"]["kind"]
