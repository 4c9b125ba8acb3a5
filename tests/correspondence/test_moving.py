"""A change of address holds once the new mailbox says so; the old one is told, and then written to no more."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from django.db import transaction

from pipeline.audience import consent, rights, suppression
from pipeline.audience.addresses import parse
from pipeline.audience.models import Person
from pipeline.correspondence import letters, moving
from pipeline.delivery.models import Outgoing
from tests.correspondence.writing import Office, link, office, text

OLD, NEW = "ada@commune.example", "ada@metropole.example"
pytestmark = pytest.mark.usefixtures("database")


def ask(desk: Office, person: Person, to: str = NEW) -> None:
    moving.ask(desk.stage.press, desk.season, person.public_id, parse(to), now=desk.stage.now)


def test_both_mailboxes_are_written_to_and_only_the_new_one_can_confirm(tmp_path: Path) -> None:
    desk = office(tmp_path)
    person = desk.confirmed(OLD)
    ask(desk, person)
    desk.answer()
    (mail,) = desk.mails(NEW)
    told = desk.mails(OLD)[-1]
    assert "/changement-adresse/" not in text(told)
    named = link(mail, "move", now=desk.stage.now)
    assert Person.objects.get(pk=person.pk).email == OLD
    moving.confirm(named.public_id, now=desk.stage.now)
    assert Person.objects.get(pk=person.pk).email == NEW


def test_what_still_waits_for_the_old_mailbox_does_not_leave(tmp_path: Path) -> None:
    desk = office(tmp_path)
    person = desk.confirmed(OLD)
    before = len(desk.mails(OLD))
    ask(desk, person)
    moving.confirm(person.moves.get().public_id, now=desk.stage.now)
    desk.answer()
    assert len(desk.mails(OLD)) == before
    assert Outgoing.objects.get(key__startswith="moved/").state == "refused"


def test_the_same_address_and_a_flooded_one_are_written_nothing(tmp_path: Path) -> None:
    desk = office(tmp_path)
    person = desk.confirmed(OLD)
    before = len(desk.mails())
    ask(desk, person, OLD)
    desk.answer()
    assert len(desk.mails()) == before
    for _ in range(5):
        ask(desk, person)
    desk.answer()
    assert len(desk.mails(NEW)) == 3


def test_whose_mailbox_is_dead_or_who_paused_can_move_and_is_warned_where_they_still_read(tmp_path: Path) -> None:
    desk = office(tmp_path)
    dead, paused = desk.confirmed(OLD), desk.confirmed("bob@commune.example")
    suppression.suppress_dead([dead], now=desk.stage.now)
    consent.pause("essai", paused.public_id, desk.stage.now + dt.timedelta(days=30), now=desk.stage.now)
    before = len(desk.mails(OLD)), len(desk.mails("bob@commune.example"))
    ask(desk, dead)
    ask(desk, paused, "bob@metropole.example")
    desk.answer()
    assert (len(desk.mails(NEW)), len(desk.mails("bob@metropole.example"))) == (1, 1)
    assert (len(desk.mails(OLD)), len(desk.mails("bob@commune.example"))) == (before[0], before[1] + 1)


def test_nothing_of_a_change_leaves_once_they_have_left(tmp_path: Path) -> None:
    desk = office(tmp_path)
    person = desk.confirmed(OLD)
    before = len(desk.mails())
    ask(desk, person)
    desk.later(seconds=1)
    consent.unsubscribe("essai", person.public_id, now=desk.stage.now, source="page")
    desk.answer()
    assert len(desk.mails()) == before


def test_a_letter_goes_to_where_its_person_is_when_it_is_queued(tmp_path: Path) -> None:
    desk = office(tmp_path)
    known = desk.confirmed(OLD)
    ask(desk, known)
    moving.confirm(known.moves.get().public_id, now=desk.stage.now)
    with transaction.atomic():
        assert letters.queue(desk.stage.press, desk.season, "link", known, key="link/1", now=desk.stage.now)
    assert Outgoing.objects.get(key="link/1").recipient == NEW
    rights.erase(NEW, now=desk.stage.now)
    with transaction.atomic():
        assert not letters.queue(desk.stage.press, desk.season, "link", known, key="link/2", now=desk.stage.now)
