"""What leaves by itself, what is held, and what staff are told."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from pipeline.delivery.models import Mailing, Outgoing
from pipeline.release import decisions, due
from pipeline.release.models import AuditEntry
from tests.stage import BEAT, LAUNCH, STAFF, stage

pytestmark = pytest.mark.usefixtures("database")
HOUR = dt.timedelta(hours=1)


def test_a_slot_leaves_at_its_instant_and_not_before(tmp_path: Path) -> None:
    play = stage(tmp_path, now=LAUNCH - dt.timedelta(seconds=1))
    play.tick()
    assert play.released() == []
    play.now = LAUNCH
    play.tick()
    assert play.released() == ["1"]


def test_asking_again_changes_nothing(tmp_path: Path) -> None:
    play = stage(tmp_path)
    for _ in range(3):
        play.tick()
        play.send()
    assert play.released() == ["1"]
    assert Mailing.objects.count() == 1
    assert len(list((tmp_path / "mailbox/new").iterdir())) == 3


def test_a_late_slot_within_the_grace_leaves_by_itself(tmp_path: Path) -> None:
    play = stage(tmp_path, now=LAUNCH + 47 * HOUR)
    play.tick()
    assert play.released() == ["1"]


def test_a_slot_later_than_the_grace_is_held_and_says_what_to_do(tmp_path: Path) -> None:
    play = stage(tmp_path, now=LAUNCH + 49 * HOUR)
    play.tick()
    assert play.released() == []
    assert play.states()["1"] == "held"
    assert "kit release essai/1" in play.view("1").reason


def test_of_several_late_slots_only_the_latest_leaves(tmp_path: Path) -> None:
    play = stage(tmp_path, now=LAUNCH + dt.timedelta(hours=30), every=1, unit="days")
    play.tick()
    assert play.released() == ["2"]
    assert play.states() == {"1": "held", "2": "released", "3": "ready"}


def test_a_second_late_slot_does_not_leave_within_the_grace_of_the_first(tmp_path: Path) -> None:
    play = stage(tmp_path, now=LAUNCH + 7 * HOUR, every=1, unit="days")
    play.tick()
    play.now = LAUNCH + 26 * HOUR
    play.tick()
    assert play.states()["2"] == "held"


def test_a_calendar_of_the_past_mails_nobody(tmp_path: Path) -> None:
    play = stage(tmp_path, now=dt.datetime(2026, 11, 24, tzinfo=dt.UTC), finale="finale: {date: 2020-09-30}")
    play.tick()
    play.send()
    assert set(play.states().values()) == {"held"}
    assert not Mailing.objects.exists()


def test_a_slot_without_its_text_is_held_at_its_date_with_the_finding(tmp_path: Path) -> None:
    play = stage(tmp_path, fiches=0)
    assert play.states()["1"] == "planned"
    play.tick()
    assert play.states()["1"] == "held"
    assert "fiche-1" in play.view("1").reason
    assert play.released() == []


def test_staff_are_told_seven_two_and_one_days_before_and_when_it_is_held(tmp_path: Path) -> None:
    play = stage(tmp_path, fiches=0, now=LAUNCH - dt.timedelta(days=8), slots=1)
    told: list[int] = []
    for hours in range(0, 8 * 24 + 2, 1):
        play.now = LAUNCH - dt.timedelta(days=8) + hours * HOUR
        before = Outgoing.objects.count()
        play.tick()
        if Outgoing.objects.count() > before:
            told.append(8 * 24 - hours)
    assert told == [7 * 24, 2 * 24, 24, 0]
    last = Outgoing.objects.order_by("-pk").first()
    assert last is not None
    assert b"retenu" in bytes(last.content)


def test_a_mail_that_fails_preflight_holds_the_slot_and_releases_nothing(tmp_path: Path) -> None:
    play = stage(tmp_path)
    bad = tmp_path / "emails"
    bad.mkdir()
    for name in ("launch.mjml.j2", "launch.txt.j2"):
        (bad / name).write_text("<mjml><mj-body><mj-unknown/></mj-body></mjml>")
    play.__class__ = type("Bad", (play.__class__,), {"press": property(lambda _: _press(bad))})
    play.tick()
    assert play.released() == []
    assert play.states()["1"] == "held"
    assert "mj-unknown" in play.view("1").reason


def _press(folder: Path):  # type: ignore[no-untyped-def]
    from pipeline.release.letters import Press

    return Press(folder, "https://essai.org", local=True, here=True)


def test_staff_have_a_minute_to_take_a_release_back(tmp_path: Path) -> None:
    play = stage(tmp_path, now=LAUNCH - dt.timedelta(days=3))
    decisions.intend("essai", "1", actor=STAFF, now=play.now)
    play.tick()
    assert play.states()["1"] == "releasing"
    decisions.withdraw("essai", "1", actor=STAFF, now=play.now)
    play.now += dt.timedelta(seconds=61)
    play.tick()
    assert play.released() == []
    decisions.intend("essai", "1", actor=STAFF, now=play.now)
    play.now += dt.timedelta(seconds=61)
    play.tick()
    assert play.released() == ["1"]


def test_a_slot_is_under_way_once(tmp_path: Path) -> None:
    play = stage(tmp_path)
    decisions.intend("essai", "2", actor=STAFF, now=play.now)
    with pytest.raises(decisions.Refusal, match="déjà en cours"):
        decisions.intend("essai", "2", actor=STAFF, now=play.now)


def test_a_decision_on_what_has_changed_since_is_refused(tmp_path: Path) -> None:
    play = stage(tmp_path)
    seen = play.view("2").version
    decisions.hold("essai", "2", "un doute", actor=STAFF, now=play.now)
    with pytest.raises(decisions.Refusal, match="entre-temps"):
        decisions.skip("essai", "2", "trop tard", actor=STAFF, now=play.now, version=seen)


def test_holding_withdraws_a_release_that_is_under_way(tmp_path: Path) -> None:
    play = stage(tmp_path)
    decisions.intend("essai", "2", actor=STAFF, now=play.now)
    decisions.hold("essai", "2", "un doute", actor=STAFF, now=play.now)
    play.now += dt.timedelta(minutes=2)
    play.tick()
    assert "2" not in play.released()


def test_a_postponed_slot_leaves_at_its_new_date(tmp_path: Path) -> None:
    play = stage(tmp_path)
    play.tick()
    decisions.postpone("essai", "2", dt.date(2020, 1, 24), "plus tôt", actor=STAFF, now=play.now)
    play.now = dt.datetime(2020, 1, 24, 8, tzinfo=dt.UTC)
    play.tick()
    assert play.released() == ["1", "2"]


def test_a_finale_without_a_date_waits_until_staff_set_one(tmp_path: Path) -> None:
    play = stage(tmp_path, slots=1, finale="finale: {event: Une rencontre}")
    play.tick()
    play.now += dt.timedelta(days=365)
    play.tick()
    assert play.view("finale").due is None
    assert play.states()["finale"] == "ready"
    decisions.postpone("essai", "finale", dt.date(2021, 3, 1), "date connue", actor=STAFF, now=play.now)
    assert play.view("finale").due == dt.datetime(2021, 3, 1, 8, tzinfo=dt.UTC)


def test_every_decision_is_in_the_audit_with_who_and_why(tmp_path: Path) -> None:
    play = stage(tmp_path)
    play.tick()
    decisions.skip("essai", "3", "plus de place", actor=STAFF, now=play.now)
    actions = list(AuditEntry.objects.order_by("pk").values_list("action", "who", "why"))
    assert ("release", "calendrier", "date atteinte") in actions
    assert actions[-1] == ("skip", "équipe", "plus de place")


def test_example_values_of_the_publisher_keep_every_slot_from_leaving_this_machine(tmp_path: Path) -> None:
    play = stage(tmp_path)
    path = tmp_path / "schedules/essai.yaml"
    path.write_text(path.read_text().replace("list_id: carnet.essai.org", "list_id: carnet.essai.org\n  example: true"))
    play.apply()
    due.check(actor=BEAT, now=play.now, local=False)
    assert play.states()["1"] == "held"
    assert "exemple" in play.view("1").reason
    assert not Mailing.objects.exists()


def test_an_intention_that_nobody_fulfilled_for_a_month_is_held_not_sent(tmp_path: Path) -> None:
    play = stage(tmp_path, slots=1)
    due.check(actor=BEAT, now=play.now, local=True)
    assert play.states()["1"] == "releasing"
    play.now += dt.timedelta(days=30)
    play.tick()
    assert play.released() == []
    assert play.states()["1"] == "held"
    assert "kit release essai/1" in play.view("1").reason
