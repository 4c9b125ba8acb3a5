from __future__ import annotations

import datetime as dt
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.audience import asking
from pipeline.audience.asking import AskingError
from pipeline.audience.consent import PauseError
from pipeline.audience.flags import Policy
from pipeline.audience.models import DomainCheck
from pipeline.audience.wishes import Profile, Wish
from pipeline.season import schema
from tests.factories import season_yaml
from tests.hostile_strings import BY_KIND

MORE = """\
  - {id: themes, label: Mes thèmes, pick_themes: true}
roles: {elu: Élue ou élu, agent: Agent}
"""
SEASON = schema.parse(season_yaml(more=MORE), "schedules/essai.yaml")
NOW = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)


def fields(error: pytest.ExceptionInfo[AskingError]) -> list[str]:
    assert all(one.message and one.mend for one in error.value.faults)
    return [one.field for one in error.value.faults]


def test_themes_count_where_the_choice_lets_people_pick_them() -> None:
    assert asking.wish(SEASON, "themes", ["eau"], "each") == Wish("themes", ("eau",), "each")
    assert asking.wish(SEASON, "tout", ["eau"], "monthly") == Wish("tout", (), "monthly")


def test_every_fault_of_a_wish_is_told_in_the_order_of_the_fields() -> None:
    with pytest.raises(AskingError) as error:
        asking.wish(SEASON, "rien", ["eau", "feu"], "daily")
    assert fields(error) == ["choice", "themes", "rhythm"]
    with pytest.raises(AskingError) as error:
        asking.wish(SEASON, "themes", [], "each")
    assert fields(error) == ["themes"]


def test_what_is_missing_is_not_called_unknown() -> None:
    with pytest.raises(AskingError) as error:
        asking.wish(SEASON, "", [], "")
    assert [(one.field, one.message) for one in error.value.faults] == [
        ("choice", "Il manque votre choix."),
        ("rhythm", "Il manque un rythme."),
    ]


def test_what_is_left_out_of_a_profile_stays() -> None:
    before = Profile("Ada", "Commune", "dropped", "rural", "2A")
    assert asking.profile(SEASON, {"name": " Ada\tMartin "}, before) == Profile(
        "Ada Martin", "Commune", "dropped", "rural", "2A"
    )
    assert (
        asking.profile(SEASON, dict.fromkeys(("name", "organisation", "role", "territory", "department"), ""), before)
        == Profile()
    )


def test_only_the_terms_of_the_season_and_departments_that_are_there_pass() -> None:
    with pytest.raises(AskingError) as error:
        asking.profile(SEASON, {"name": "a\u202eb", "role": "roi", "territory": "lune", "department": "20"})
    assert fields(error) == ["name", "role", "territory", "department"]


@pytest.mark.django_db
def test_all_parts_of_a_sign_up_are_judged_before_anything_is_said() -> None:
    DomainCheck.objects.create(domain="nomail.example", verdict="none", at=NOW)
    told = {"organisation": "x" * 201}
    for email in ("ada@", "ada@nomail.example", "mairie@commune.example"):
        with pytest.raises(AskingError) as error:
            asking.asked(
                SEASON, email, choice="rien", themes=[], rhythm="each", told=told, policy=Policy(role="refuse"), now=NOW
            )
        assert fields(error) == ["email", "choice", "organisation"]


@pytest.mark.django_db
def test_a_sign_up_that_passes_is_as_it_is_kept() -> None:
    asked = asking.asked(
        SEASON,
        "Ada@Commune.Example ",
        choice="tout",
        themes=[],
        rhythm="each",
        told={"role": "elu"},
        policy=Policy(),
        now=NOW,
    )
    assert (asked.address.mailbox, asked.wish, asked.profile) == (
        "Ada@commune.example",
        Wish("tout", (), "each"),
        Profile(role="elu"),
    )


@given(st.text(max_size=250))
def test_a_line_is_kept_as_one_line_or_refused(text: str) -> None:
    try:
        kept = asking.line("name", text)
    except AskingError:
        return
    assert asking.line("name", kept) == kept
    assert len(kept) <= 200
    assert kept.splitlines() in ([], [kept])
    assert unicodedata.is_normalized("NFC", kept)


@pytest.mark.parametrize("kind", BY_KIND)
def test_a_hostile_text_is_kept_as_it_was_meant_or_refused(kind: str) -> None:
    for case in BY_KIND[kind]:
        try:
            kept: str | None = asking.line("name", case.text)
        except AskingError:
            kept = None
        assert kept == (case.kept if case.accepted else None), case


def test_no_control_no_half_of_a_pair_and_nothing_that_turns_the_text_round_is_kept() -> None:
    refused = [
        sign
        for sign in map(chr, range(sys.maxunicode + 1))
        if unicodedata.category(sign) in ("Cc", "Cs", "Zl", "Zp")
        or unicodedata.bidirectional(sign) in ("LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI")
    ]
    assert len(refused) > 2000
    for sign in set(refused) - {"\t"}:
        with pytest.raises(AskingError):
            asking.line("name", f"a{sign}b")


def test_a_pause_ends_with_the_first_minute_of_its_day_where_the_season_is() -> None:
    assert asking.resuming(SEASON, dt.date(2030, 7, 1)) == dt.datetime(2030, 6, 30, 22, tzinfo=dt.UTC)
    assert asking.resuming(SEASON, dt.date(2030, 1, 1)) == dt.datetime(2029, 12, 31, 23, tzinfo=dt.UTC)
    with pytest.raises(PauseError):
        asking.resuming(SEASON, dt.date.min)
