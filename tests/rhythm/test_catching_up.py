"""Catching up: what comes, in which order, how often, and when it ends."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from pipeline.audience import consent
from pipeline.audience.models import CatchUp, Rhythm
from pipeline.audience.wishes import Wish
from pipeline.delivery.models import Mailing
from pipeline.release import decisions
from pipeline.rhythm import catching_up
from tests.rhythm.season import DAY, MORNING, asks, essai, had, joined, listed, live, opened, received
from tests.stage import STAFF

pytestmark = [
    pytest.mark.usefixtures("database"),
    # What differs between the databases is played in any order, and by two at once, on both.
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
]
WEEKLY, FORTNIGHTLY = CatchUp.Rhythm.WEEKLY, CatchUp.Rhythm.FORTNIGHTLY


def at(moment: str) -> dt.datetime:
    return dt.datetime.fromisoformat(moment).astimezone(dt.UTC)


def test_a_late_comer_gets_the_season_from_its_start_week_by_week(tmp_path: Path) -> None:
    play = opened(tmp_path)
    live(play, dt.date(2020, 2, 20))
    ada = joined(play, "ada")
    asks(play, ada)
    assert live(play, dt.date(2020, 3, 10), daily=True) == [
        "essai/rattrapage-1-2020-02-21", "essai/rattrapage-2-2020-02-28", "essai/rattrapage-3-2020-03-06",
    ]  # fmt: skip
    assert had(ada) == ["1", "2", "3", "4"]
    assert CatchUp.objects.get().end == "done"


def test_each_message_says_how_many_are_left(tmp_path: Path) -> None:
    play = opened(tmp_path)
    live(play, dt.date(2020, 2, 20))
    ada, bob = joined(play, "ada"), joined(play, "bob", "eau")
    asks(play, ada)
    asks(play, bob)
    assert live(play, dt.date(2020, 2, 21)) == ["essai/rattrapage-1-2020-02-21", "essai/rattrapage-1-2020-02-21-b"]
    play.send()
    (everything,), (water,) = received(play, ada), received(play, bob)
    assert "Il en reste 2." in " ".join(everything.split())
    assert "Il en reste 1." in " ".join(water.split())


@pytest.mark.parametrize(("rhythm", "days"), [(WEEKLY, 7), (FORTNIGHTLY, 14)])
def test_the_next_message_comes_at_the_same_wall_time_across_a_change_of_the_clocks(
    tmp_path: Path, rhythm: str, days: int
) -> None:
    play = opened(tmp_path)
    live(play, dt.date(2020, 3, 23))
    ada = joined(play, "ada")
    asked = asks(play, ada, rhythm)
    assert asked.next_at == at("2020-03-24T09:00+01:00")
    live(play, dt.date(2020, 3, 24))
    asked.refresh_from_db()
    assert asked.next_at == at(f"2020-0{4 if days == 14 else 3}-{(24 + days - 1) % 31 + 1:02}T09:00+02:00")


def test_a_month_of_sleep_brings_one_message_and_not_four(tmp_path: Path) -> None:
    play = opened(tmp_path)
    live(play, dt.date(2020, 3, 20))
    ada = joined(play, "ada")
    asks(play, ada)
    live(play, dt.date(2020, 3, 21))
    play.now = MORNING + 130 * DAY
    for _ in range(3):
        play.keep_rhythms()
    assert listed(ada) == ["essai/rattrapage-1-2020-03-21", "essai/rattrapage-2-2020-05-10"]
    assert CatchUp.objects.get().next_at == at("2020-05-17T09:00+02:00")


def test_nothing_leaves_before_the_hour_nor_on_a_day_without_mails(tmp_path: Path) -> None:
    play = opened(tmp_path, blackouts="[{from: 2020-03-21, to: 2020-03-22, reason: pause, action: next-day}]")
    live(play, dt.date(2020, 3, 19))
    ada = joined(play, "ada")
    asks(play, ada)
    for moment in ("2020-03-20T08:59+01:00", "2020-03-21T12:00+01:00", "2020-03-23T08:59+01:00"):
        play.now = at(moment)
        assert play.keep_rhythms() == []
    play.now = at("2020-03-20T12:00+01:00")
    assert catching_up.first_at(essai(), play.now) == at("2020-03-23T09:00+01:00")
    play.now = at("2020-03-23T09:00+01:00")
    assert play.keep_rhythms() == ["essai/rattrapage-1-2020-03-23"]


def test_a_pause_puts_it_off_and_leaving_ends_it(tmp_path: Path) -> None:
    play = opened(tmp_path)
    live(play, dt.date(2020, 3, 20))
    ada, bob = joined(play, "ada"), joined(play, "bob")
    asks(play, ada)
    asks(play, bob)
    consent.pause("essai", ada.public_id, at("2020-03-25T00:00+01:00"), now=play.now)
    consent.unsubscribe("essai", bob.public_id, now=play.now, source="préférences")
    assert live(play, dt.date(2020, 3, 26), daily=True) == ["essai/rattrapage-1-2020-03-25"]
    assert (had(ada), had(bob)) == (["1"], [])
    assert CatchUp.objects.get(person=bob).end == "left"


def test_what_was_published_without_mail_and_the_final_kit_are_part_of_it(tmp_path: Path) -> None:
    play = opened(tmp_path, finale="finale: {date: 2020-04-15}")
    decisions.hold("essai", "2", "à revoir", actor=STAFF, now=play.now)
    live(play, dt.date(2020, 2, 6))
    decisions.intend("essai", "2", actor=STAFF, now=play.now, with_mail=False)
    live(play, dt.date(2020, 2, 7))
    live(play, dt.date(2020, 4, 15))
    ada = joined(play, "ada")
    asks(play, ada)
    live(play, dt.date(2020, 6, 15), daily=True)
    assert had(ada) == ["1", "2", "3", "4", "5", "6", "finale"]
    kinds = Mailing.objects.filter(name__startswith="essai/rattrapage").values_list("kind", flat=True)
    assert set(kinds) == {"catch-up"}
    play.send()
    assert "kit.pdf" in received(play, ada)[-1]


def test_only_what_concerns_the_person_comes_and_who_is_owed_nothing_is_done(tmp_path: Path) -> None:
    play = opened(tmp_path)
    live(play, dt.date(2020, 3, 20))
    water, air, nothing = (
        joined(play, "eau", "eau"),
        joined(play, "air", "choisis", Rhythm.EACH, "air"),
        joined(play, "fin", "fin"),
    )
    for person in (water, air, nothing):
        asks(play, person)
    live(play, dt.date(2020, 3, 21))
    assert CatchUp.objects.get(person=nothing).end == "done"
    live(play, dt.date(2020, 4, 12), daily=True)
    assert had(water) == ["1", "2", "4", "6"]
    assert had(air) == ["1", "3", "5"]


def test_who_wants_a_mail_a_month_is_left_to_the_digest_for_the_month_under_way(tmp_path: Path) -> None:
    play = opened(tmp_path)
    live(play, dt.date(2020, 3, 5))
    ada = joined(play, "ada", "tout", Rhythm.MONTHLY)
    asks(play, ada)
    live(play, dt.date(2020, 3, 31), daily=True)
    assert had(ada) == ["1", "2", "3"]
    assert CatchUp.objects.get().end == "done"
    live(play, dt.date(2020, 4, 1))
    assert listed(ada)[-1] == "essai/digest-2020-03"
    assert had(ada) == ["1", "2", "3", "4", "5"]


def test_what_came_by_catching_up_is_in_no_digest(tmp_path: Path) -> None:
    play = opened(tmp_path)
    live(play, dt.date(2020, 2, 25))
    ada = joined(play, "ada")
    asks(play, ada)
    live(play, dt.date(2020, 2, 27))
    consent.change("essai", ada.public_id, Wish("tout", (), Rhythm.MONTHLY), now=play.now)
    live(play, dt.date(2020, 4, 2), daily=True)
    assert had(ada) == ["1", "2", "3", "4", "5"]


def test_who_asks_before_anything_went_out_has_nothing_to_catch_up_with(tmp_path: Path) -> None:
    play = opened(tmp_path)
    asks(play, joined(play, "ada"))
    assert live(play, dt.date(2020, 1, 3), daily=True) == []
    assert CatchUp.objects.get().end == "done"
