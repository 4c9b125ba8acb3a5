"""One reminder after a day, never a second; one question to whoever has long said nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.audience import consent
from pipeline.audience.addresses import parse
from pipeline.audience.models import Person, Status, Subscription
from pipeline.audience.wishes import Wish
from pipeline.correspondence import confirming, reminding
from tests.correspondence.writing import PROOF, Office, link, office, standing

ADA = "ada@commune.example"
pytestmark = pytest.mark.usefixtures("database")


def remind(desk: Office) -> int:
    return reminding.remind(desk.stage.press, now=desk.stage.now)


def renew(desk: Office, months: int = 24) -> int:
    return reminding.ask_to_renew(desk.stage.press, months=months, now=desk.stage.now)


def test_whoever_did_not_confirm_within_a_day_is_reminded_once(tmp_path: Path) -> None:
    desk = office(tmp_path)
    desk.sign_up(ADA)
    desk.answer()
    desk.later(hours=23, minutes=59)
    assert remind(desk) == 0
    desk.later(minutes=1)
    assert remind(desk) == 1
    assert remind(desk) == 0
    desk.later(days=2)
    assert remind(desk) == 0
    desk.answer()
    first, reminder = desk.mails(ADA)
    assert str(first["Subject"]) != str(reminder["Subject"])
    assert link(reminder, "confirm", now=desk.stage.now).public_id == Person.objects.get(key=ADA).public_id


def test_asking_again_brings_no_second_reminder(tmp_path: Path) -> None:
    desk = office(tmp_path)
    desk.sign_up(ADA)
    desk.answer()
    desk.later(days=1)
    assert remind(desk) == 1
    desk.sign_up(ADA)
    desk.answer()
    desk.later(days=1)
    assert remind(desk) == 0


def test_nobody_is_reminded_who_confirmed_left_or_waited_too_long(tmp_path: Path) -> None:
    desk = office(tmp_path)
    for name in ("confirmee", "partie"):
        desk.sign_up(f"{name}@commune.example")
    desk.answer()
    confirming.confirm("essai", Person.objects.get(key="confirmee@commune.example").public_id, now=desk.stage.now)
    gone = Person.objects.get(key="partie@commune.example")
    consent.unsubscribe("essai", gone.public_id, now=desk.stage.now, source="page")
    desk.later(days=1)
    assert remind(desk) == 0
    desk.sign_up(ADA)
    desk.answer()
    desk.later(days=8)
    assert remind(desk) == 0


def test_a_reminder_in_the_outbox_is_held_back_once_they_leave(tmp_path: Path) -> None:
    desk = office(tmp_path)
    desk.sign_up(ADA)
    desk.answer()
    desk.later(days=1)
    assert remind(desk) == 1
    consent.unsubscribe("essai", Person.objects.get(key=ADA).public_id, now=desk.stage.now, source="page")
    desk.answer()
    assert len(desk.mails(ADA)) == 1


def test_whoever_said_nothing_for_two_years_is_asked_once_and_keeps_by_answering(tmp_path: Path) -> None:
    desk = office(tmp_path)
    person = desk.confirmed(ADA)
    desk.later(days=700)
    assert renew(desk) == 0
    desk.later(days=40)
    assert renew(desk, months=0) == 0
    assert renew(desk) == 1
    assert renew(desk) == 0
    desk.answer()
    named = link(desk.mails(ADA)[-1], "renew", now=desk.stage.now)
    assert named.public_id == person.public_id
    consent.renew("essai", person.public_id, now=desk.stage.now)
    assert (standing(ADA).status, standing(ADA).renewal_at) == (Status.ACTIVE, None)
    assert renew(desk) == 0


def test_those_of_a_season_that_has_ended_keep_nobody_else_from_being_written_to(tmp_path: Path) -> None:
    desk = office(tmp_path)
    old, new = "ancienne@commune.example", ADA
    for address in (old, new):
        desk.sign_up(address)
        desk.answer()
        desk.later(minutes=1)
    Subscription.objects.filter(person__key=old).update(season="finie")
    desk.later(days=1)
    assert reminding.remind(desk.stage.press, now=desk.stage.now, most=1) == 1
    Subscription.objects.update(status=Status.ACTIVE)
    desk.later(days=800)
    assert reminding.ask_to_renew(desk.stage.press, months=24, now=desk.stage.now, most=1) == 1
    assert {standing(new).reminded_at, standing(new).renewal_at} & {None} == set()
    assert (standing(old).reminded_at, standing(old).renewal_at) == (None, None)


def test_those_who_wait_for_a_season_that_is_over_keep_nobody_from_being_reminded_or_asked(tmp_path: Path) -> None:
    desk = office(tmp_path)
    for name in ("a", "b"):
        asked = consent.subscribe(parse(f"{name}@commune.example"), "finie", Wish("tout"), PROOF, now=desk.stage.now)
        if name == "b":
            consent.confirm("finie", asked.person.public_id, now=desk.stage.now)
    desk.confirmed("bob@commune.example")
    desk.sign_up(ADA)
    desk.answer()
    desk.later(days=1)
    assert reminding.remind(desk.stage.press, now=desk.stage.now, most=1) == 1
    desk.later(days=800)
    assert reminding.ask_to_renew(desk.stage.press, months=24, now=desk.stage.now, most=1) == 1
