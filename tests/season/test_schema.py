"""A season's file: what it says is read, what contradicts it is refused with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.content import library
from pipeline.content.errors import ContentError
from pipeline.season import blank, calendar, schema
from pipeline.season.season import DEFAULT_SUBJECTS, Term
from tests.factories import season_yaml

ROOT = Path(__file__).resolve().parent.parent.parent


def faults(text: str) -> list[str]:
    with pytest.raises(ContentError) as caught:
        schema.parse(text, "essai.yaml")
    return [str(fault) for fault in caught.value.faults]


def line_of(text: str, part: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if part in line)


def test_a_season_with_one_kind_of_any_name_is_read() -> None:
    season = schema.parse(season_yaml(), "essai.yaml")
    assert list(season.kinds) == ["conseil"]
    assert [slot.slugs for slot in season.slots] == [("fiche-1",), ("fiche-2",), ("fiche-3",)]
    assert schema.publisher_faults(season) == []


def test_the_season_of_2020_has_the_dates_and_fiches_of_the_table() -> None:
    season = schema.load(ROOT / "schedules/municipaless-2020.yaml")
    held = library.read(ROOT / "fiches/municipaless-2020", season.rules)
    numbers = {slug: fiche.number for slug, fiche in held.fiches.items()}
    shown = [
        (str(one.date), {kind: [numbers[slug] for slug in slugs] for kind, slugs in one.slot.fiches.items()})
        for one in calendar.dated(season)
    ]
    pairs = [(7, 6), (9, 8), (11, 10), (13, 12), (15, 14), (17, 16), (20, 18), (23, 19), (24, 21)]
    dates = ["02-05", "02-19", "03-04", "03-18", "04-01", "04-15", "04-29", "05-13", "05-27"]
    assert shown == [
        ("2020-01-22", {"introduction": [1, 2, 3], "levier": [4], "thematique": [5]}),
        *(
            (f"2020-{date}", {"levier": [one], "thematique": [two]})
            for date, (one, two) in zip(dates, pairs, strict=True)
        ),
        ("2020-06-10", {"thematique": [22]}),
        ("2020-09-30", {}),
    ]
    assert season.slots[-1].status == "provisional"
    assert season.slots[-2].note
    assert held.faults == ()
    assert schema.check_fiches(season, {slug: fiche.kind for slug, fiche in held.fiches.items()}) == []
    assert schema.publisher_faults(season)


@pytest.mark.parametrize(
    ("change", "said", "where"),
    [
        (("conseil: [fiche-3]", "conseil: [fiche-1]"), "« fiche-1 » est déjà au créneau 1", "conseil: [fiche-1]}}"),
        (("conseil: [fiche-2]", "autre: [fiche-2]"), "n’existe pas", "autre: [fiche-2]"),
        (("conseil: [fiche-2]", "conseil: [fiche-2, fiche-9]"), "ne suit pas le modèle", "fiche-9"),
        (('name: "2"', 'name: "1"'), "deux créneaux", ""),
        (("zone: Europe/Paris", "zone: Europe/Pari"), "ne convient pas", "zone:"),
        (('time: "09:00"', 'time: "25:00"'), "ne convient pas", "time:"),
        (("first: 2020-01-22", "first: 2020-02-30"), "n’est pas une date", "first:"),
        (("title:", "titre:"), "Vouliez-vous écrire « title »", "titre:"),
        (("grace: 48h", "grace: bientôt"), "ne convient pas", "grace:"),
        (("palette: blue", "palette: mauve"), "n’est pas un choix", "palette"),
        (("website: https://essai.org", "website: http://essai.org"), "https", "website"),
        (("every: 2", "every: 0"), "nombre entier", "every"),
    ],
)
def test_a_contradiction_is_refused_with_its_line(change: tuple[str, str], said: str, where: str) -> None:
    text = season_yaml().replace(*change)
    found = [fault for fault in faults(text) if said in fault]
    assert found, faults(text)
    if where:
        lines = {line_of(text, where), *(n for n, line in enumerate(text.splitlines(), 1) if where.strip("}") in line)}
        assert any(f"essai.yaml:{line}:" in fault for fault in found for line in lines), found


def test_a_finale_before_the_last_slot_is_refused() -> None:
    assert any("avant le dernier créneau" in one for one in faults(season_yaml(finale="finale: {date: 2020-02-01}")))


def test_two_slots_on_one_date_are_refused() -> None:
    moved = '[{slot: "1", date: 2020-02-05, reason: essai}]'
    assert any("déjà la date" in one for one in faults(season_yaml(postponements=moved)))


def test_a_season_may_name_roles_let_people_pick_themes_and_say_when_the_digest_leaves() -> None:
    more = "  - {id: mes-themes, label: Mes thèmes, pick_themes: true}\nroles: {elue-elu: élue ou élu, autre: autre}\ndigest: {day: 5}"
    season = schema.parse(season_yaml(more=more), "essai.yaml")
    assert season.roles == (Term("elue-elu", "élue ou élu"), Term("autre", "autre"))
    assert [choice.id for choice in season.choices if choice.pick_themes] == ["mes-themes"]
    assert season.digest_day == 5


def test_a_season_that_says_nothing_of_them_stays_valid() -> None:
    season = schema.parse(season_yaml(), "essai.yaml")
    assert (season.roles, season.digest_day) == ((), 1)
    assert not any(choice.pick_themes for choice in season.choices)
    assert all(getattr(season.subjects, name) == text for name, text in DEFAULT_SUBJECTS.items())


@pytest.mark.parametrize(
    ("more", "said", "where"),
    [
        ("  - {id: x, label: X, pick_themes: true, themes: [eau]}", "ne va pas avec « themes »", "id: x"),
        ("  - {id: x, label: X, pick_themes: true, releases: false}", "ne va pas avec « releases: false »", "id: x"),
        ("  - {id: x, label: X, pick_themes: oui}", "doit être true ou false", "id: x"),
        ("digest: {day: 29}", "nombre entier de 1 à 28", "day: 29"),
        ("digest: {jour: 2}", "n’existe pas", "jour: 2"),
        ("digest: 3", "doit contenir des clés", "digest: 3"),
        ("roles: {Élu: élu}", "ne convient pas", "roles:"),
    ],
)
def test_a_wish_that_nobody_could_have_is_refused_with_its_line(more: str, said: str, where: str) -> None:
    text = season_yaml(more=more)
    found = [fault for fault in faults(text) if said in fault]
    assert found, faults(text)
    assert f"essai.yaml:{line_of(text, where)}:" in found[0]


def test_themes_cannot_be_picked_where_there_are_none() -> None:
    text = season_yaml(more="  - {id: x, label: X, pick_themes: true}").replace("themes: {eau: Eau}", "themes: {}")
    assert any("aucun thème à choisir" in fault for fault in faults(text))


def test_an_empty_subject_is_refused_rather_than_sent() -> None:
    text = season_yaml().replace('  welcome: "', '  reminder: ""\n  welcome: "')
    assert any("subjects.reminder" in fault and "est vide" in fault for fault in faults(text))


def test_every_fault_is_told_at_once() -> None:
    text = season_yaml().replace("zone: Europe/Paris", "zone: Nulle/Part").replace("title:", "titel:")
    assert len(faults(text)) >= 3


@pytest.mark.parametrize(
    "bomb",
    ["a: &a [x]\nb: *a\n", "a: !!python/object:os.system {}\n", "a: 1\na: 2\n", "- 1\n- 2\n", "\0", "a: [" * 60, ""],
)
def test_dangerous_or_empty_yaml_is_refused(bomb: str) -> None:
    assert faults(bomb)


def test_an_unknown_fiche_and_a_fiche_of_another_kind_are_told_with_the_line() -> None:
    season = schema.parse(season_yaml(), "essai.yaml")
    found = schema.check_fiches(season, {"fiche-1": "conseil", "fiche-2": "autre", "fiche-33": "conseil"})
    assert [(fault.line > 0, fault.field) for fault in found] == [(True, "slots.2.conseil"), (True, "slots.3.conseil")]
    assert "autre" in found[0].message
    assert "fiche-33" in found[1].mend


def test_example_values_keep_a_season_from_being_armed() -> None:
    text = season_yaml().replace("list_id: carnet.essai.org", "list_id: carnet.essai.org\n  example: true")
    assert schema.publisher_faults(schema.parse(text, "essai.yaml"))
    text = season_yaml().replace("contact@essai.org", "contact@example.org")
    assert schema.publisher_faults(schema.parse(text, "essai.yaml"))


def test_a_new_season_is_valid_from_the_start() -> None:
    assert schema.parse(blank.season("ma-saison"), "ma-saison.yaml").publisher.example
    with pytest.raises(ValueError, match="minuscules"):
        blank.season("Ma Saison")
