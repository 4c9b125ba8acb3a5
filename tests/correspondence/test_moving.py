"""A change of address holds once the new mailbox says so; the old one is told, and then written to no more."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.audience.addresses import parse
from pipeline.audience.models import Person
from pipeline.correspondence import moving
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
