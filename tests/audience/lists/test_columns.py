from __future__ import annotations

import pytest

from pipeline.audience.lists import columns
from pipeline.audience.lists.vocabulary import Vocabulary
from tests.audience.factories import plan

SPEAKS = Vocabulary(
    {
        "choice": {"tout": "tout", "tous les envois": "tout", "themes": "themes"},
        "themes": {"eau": "eau", "cadre-de-vie": "cadre-de-vie", "cadre de vie": "cadre-de-vie"},
        "role": {"elu": "elu", "élue ou élu": "elu"},
        "territory": {},
    },
    frozenset({"themes"}),
)


def test_usual_headers_are_guessed_and_said() -> None:
    read = plan("E-mail;Prénom;NOM;Collectivité;Téléphone;Code département\nada@x.example;Ada;Lovelace;Foix;05;9\n")
    assert read.guessed
    assert read.columns == {
        "email": "E-mail",
        "name": "Prénom + NOM",
        "organisation": "Collectivité",
        "department": "Code département",
    }
    assert read.ignored == ("Téléphone",)
    (row,) = read.rows()
    assert (row.name, row.organisation, row.department) == ("Ada Lovelace", "Foix", "09")


def test_columns_with_their_own_names_are_not_guessed_and_come_first() -> None:
    read = plan("email,courriel,name\nada@x.example,?,Ada\n")
    assert not read.guessed
    assert read.ignored == ("courriel",)


def test_what_was_told_comes_before_everything() -> None:
    told = columns.parse(["email=Adresse pro", "name=Usage+Famille"])
    read = plan("email,Adresse pro,Usage,Famille\nrien,ada@x.example,Ada,Lovelace\n", told=told)
    assert [(row.key, row.name) for row in read.rows()] == [("ada@x.example", "Ada Lovelace")]
    assert not read.guessed


@pytest.mark.parametrize(
    ("header", "told", "column"),
    [
        ("courriel,mail", [], "email"),
        ("a,b", ["email=c"], "email"),
        ("a,a", ["email=a"], "email"),
        ("email,name,name", [], "name"),
    ],
)
def test_a_header_that_is_not_clear_is_refused_with_its_mend(header: str, told: list[str], column: str) -> None:
    read = plan(f"{header}\nada@x.example,b\n", told=columns.parse(told))
    assert not read.readable
    assert column in {fault.field for fault in read.faults()}
    assert all(fault.mend for fault in read.faults())


@pytest.mark.parametrize("text", ["email", "email=", "adresse=Courriel"])
def test_a_mapping_that_says_nothing_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="--map"):
        columns.parse([text])
    with pytest.raises(ValueError, match="deux fois"):
        columns.parse(["email=a", "email=b"])


def test_words_of_the_season_are_taken_by_id_or_label() -> None:
    read = plan(
        "email;choice;themes;role;rhythm;department\n"
        "ada@x.example;Tous les envois;;Élue ou élu;une fois par mois;2a\n"
        "bob@x.example;themes;Cadre de vie, eau;;monthly;974\n",
        vocabulary=SPEAKS,
        choice="tout",
    )
    assert not list(map(str, read.faults()))
    assert [(row.choice, row.themes, row.role, row.rhythm, row.department) for row in read.rows()] == [
        ("tout", "", "elu", "monthly", "2A"),
        ("themes", " cadre-de-vie eau ", "", "monthly", "974"),
    ]


def test_unknown_words_name_line_column_and_what_there_is() -> None:
    read = plan(
        "email;choice;themes;role;territory;rhythm;department\n"
        "a@x.example;rien;;;;;\nb@x.example;;feu;;;;\nc@x.example;;;maire;;;\nd@x.example;;;;ville;;\n"
        "e@x.example;;;;;souvent;\nf@x.example;;;;;;20\ng@x.example;themes;;;;;\n",
        vocabulary=SPEAKS,
        choice="tout",
    )
    faults = list(read.faults())
    assert [(fault.line, fault.field) for fault in faults] == [
        (2, "choice"),
        (3, "themes"),
        (4, "role"),
        (5, "territory"),
        (6, "rhythm"),
        (7, "department"),
        (8, "themes"),
    ]
    assert "tout, themes" in faults[0].mend
