"""An import that is taken back, or whose process died."""

from __future__ import annotations

import datetime as dt
import threading
from typing import Any

import pytest
from django.db import connection, transaction

from pipeline.audience import consent, imports, sealing, selection, verifying
from pipeline.audience.addresses import parse
from pipeline.audience.list_models import Import, ImportPart
from pipeline.audience.lists import applying
from pipeline.audience.models import Consent, Event, Person, Reason, Status, Subscription, Suppression
from pipeline.audience.selection import Choices
from pipeline.audience.wishes import Profile, Wish
from pipeline.delivery.models import Outgoing
from tests.audience.factories import NOW, PROOF, SEASON, asked, later, plan, subscribed

pytestmark = pytest.mark.usefixtures("database")
ALL = Choices(("tout", "final"))
TEXT = "email\nada@x.example\nbob@x.example\n"


def bring(text: str = TEXT, *, hours: float = 1) -> int:
    return imports.apply(plan(text), SEASON, "tout", now=later(hours)).number


def written_to(now: dt.datetime) -> list[str]:
    return [row.email for row in selection.active(SEASON, ALL, cutoff=now)]


def test_what_an_import_brought_is_gone_and_the_ledger_keeps_its_entries() -> None:
    number = bring()
    sealing.seal(now=later(2))
    told = imports.undo(number, now=later(3))
    assert (told.state, told.ended, told.removed) == (Import.State.UNDONE, 0, 2)
    assert not Person.objects.exists()
    assert list(Consent.objects.order_by("id").values_list("event", "person")) == [
        ("imported", None),
        ("imported", None),
        ("withdrawn", None),
        ("withdrawn", None),
    ]
    sealing.seal(now=later(4))
    assert verifying.verify().faults == ()


def test_undoing_twice_is_undoing_once() -> None:
    number = bring()
    first = imports.undo(number, now=later(2))
    again = imports.undo(number, now=later(dt.timedelta(days=400).total_seconds() / 3600))
    assert (again.removed, again.undone_at) == (first.removed, first.undone_at)
    assert Consent.objects.count() == 4


def test_an_import_older_than_thirty_days_stays() -> None:
    number = bring(hours=0)
    with pytest.raises(imports.UndoError, match="30"):
        imports.undo(number, now=NOW + dt.timedelta(days=30, seconds=1))
    assert written_to(later(1)) == ["ada@x.example", "bob@x.example"]
    assert imports.undo(number, now=NOW + dt.timedelta(days=30)).removed == 2
    with pytest.raises(imports.UndoError, match="99"):
        imports.undo(99, now=NOW)


def change(person: Person) -> None:
    consent.change(SEASON, person.public_id, Wish("final"), now=later(2))


def rename(person: Person) -> None:
    consent.change(SEASON, person.public_id, Wish("tout"), now=later(2), profile=Profile(name="Ada"))


def pause(person: Person) -> None:
    consent.pause(SEASON, person.public_id, later(4), now=later(2))


def confirm(person: Person) -> None:
    consent.confirm(SEASON, person.public_id, now=later(2))


@pytest.mark.parametrize("act", [change, rename, pause, confirm])
def test_who_did_anything_themselves_since_keeps_their_subscription(act: Any) -> None:
    number = bring()
    act(Person.objects.get(key="ada@x.example"))
    told = imports.undo(number, now=later(3))
    assert (told.added, told.removed, told.ended) == (2, 1, 0)
    assert written_to(later(5)) == ["ada@x.example"]


def test_who_waited_and_confirmed_after_the_import_keeps_it_by_their_own_word() -> None:
    person = asked("ada@x.example").person
    number = bring()
    consent.confirm(SEASON, person.public_id, now=later(2))
    imports.undo(number, now=later(3))
    assert written_to(later(4)) == ["ada@x.example"]
    assert Consent.objects.filter(person=person).order_by("id").last().event == Event.CONFIRMED  # type: ignore[union-attr]


def test_who_had_left_since_stays_away() -> None:
    number = bring()
    ada = Person.objects.get(key="ada@x.example")
    consent.unsubscribe(SEASON, ada.public_id, now=later(2), source="page")
    imports.undo(number, now=later(3))
    assert list(Suppression.objects.filter(person=ada).values_list("reason", flat=True)) == [Reason.UNSUBSCRIBED]
    assert imports.apply(plan(TEXT), SEASON, "tout", now=later(4)).suppressed == 1


def test_what_is_being_sent_stops_for_people_who_stay_known() -> None:
    subscribed("ada@x.example", season="autre-2032")
    number = bring()
    ada = Person.objects.get(key="ada@x.example")
    before = selection.latest_sequence()
    told = imports.undo(number, now=later(3))
    assert (told.ended, told.removed) == (1, 1)
    assert selection.news(before, SEASON).gone == {ada.pk}
    assert selection.news(before, "autre-2032").gone == set()
    assert Subscription.objects.get(person=ada, season=SEASON).status == Status.ENDED


def test_people_whom_a_mail_names_are_not_removed() -> None:
    number = bring()
    ada = Person.objects.get(key="ada@x.example")
    Outgoing.objects.create(key="k", recipient="ada@x.example", content=b"", person=ada.pk, due_at=NOW, created_at=NOW)
    told = imports.undo(number, now=later(3))
    assert (told.ended, told.removed) == (1, 1)
    assert list(Person.objects.all()) == [ada]


def test_a_new_import_brings_back_whom_an_undone_one_had_brought() -> None:
    subscribed("ada@x.example", season="autre-2032")
    imports.undo(bring(), now=later(3))
    assert written_to(later(3)) == []
    assert imports.compare(plan(TEXT), SEASON) == imports.Difference(new=1, back=1)
    again = imports.apply(plan(TEXT), SEASON, "tout", now=later(4))
    assert (again.added, again.suppressed) == (2, 0)
    assert sorted(written_to(later(4))) == ["ada@x.example", "bob@x.example"]
    assert imports.undo(again.number, now=later(5)).ended == 1


def part_by_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of one row each, and a process that dies after the first."""
    monkeypatch.setattr(imports, "CHUNK", 1)


class DiedError(Exception):
    pass


def test_an_import_whose_process_dies_is_seen_by_no_mailing_until_somebody_finishes_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    part_by_part(monkeypatch)

    def die(what: str, done: int, total: int) -> None:
        raise DiedError

    with pytest.raises(DiedError):
        imports.apply(plan(TEXT), SEASON, "tout", now=later(1), progress=die)
    assert (Person.objects.count(), ImportPart.objects.count()) == (1, 1)
    assert written_to(later(2)) == []
    assert imports.resume(seconds=0) == []
    assert written_to(later(2)) == []
    (told,) = imports.resume()
    assert (told.state, told.added) == (Import.State.DONE, 2)
    assert written_to(later(2)) == ["ada@x.example", "bob@x.example"]
    assert not ImportPart.objects.exists()
    assert imports.apply(plan(TEXT), SEASON, "tout", now=later(3)).already == 2


def test_an_undoing_that_stops_half_way_is_finished_by_whoever_comes_next(monkeypatch: pytest.MonkeyPatch) -> None:
    number = bring()
    monkeypatch.setattr("pipeline.audience.lists.undoing.CHUNK", 1)
    Import.objects.filter(pk=number).update(state=Import.State.UNDOING, undone_at=later(2))
    assert written_to(later(3)) == []
    assert imports.resume(seconds=0) == []
    assert imports.undo(number, now=later(3)).removed == 2


def test_before_the_import_is_decided_nothing_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def die(told: Import, chunks: Any) -> Any:
        with transaction.atomic():
            real(told, chunks)
            raise DiedError

    real = applying.decide
    monkeypatch.setattr(applying, "decide", die)
    with pytest.raises(DiedError):
        bring()
    assert [model.objects.count() for model in (Import, ImportPart, Person)] == [0, 0, 0]  # type: ignore[attr-defined]
    assert imports.resume() == []


def test_who_leaves_between_the_decision_and_their_part_stays_away() -> None:
    person = subscribed("ada@x.example")
    told = applying.decide(
        Import(season=SEASON, choice="tout", path="liste.csv", rows=2, refused=0, at=later(1)), plan(TEXT).chunks(9)
    )
    consent.unsubscribe(SEASON, person.public_id, now=later(1), source="page")
    assert applying.carry_on(told)
    assert (told.added, told.held) == (1, 1)
    assert written_to(later(2)) == ["bob@x.example"]


def test_who_signs_up_in_the_very_moment_of_the_import_is_one_person(database: str) -> None:
    told = applying.decide(
        Import(season=SEASON, choice="tout", path="liste.csv", rows=2, refused=0, at=later(1)), plan(TEXT).chunks(9)
    )
    part = ImportPart.objects.get()
    rows = list(plan(TEXT).rows())
    held, go = threading.Event(), threading.Event()

    def sign_up() -> None:
        with transaction.atomic():
            consent.subscribe(parse("ada@x.example"), SEASON, Wish("final"), PROOF, now=later(1))
            held.set()
            go.wait(5)
        connection.close()

    signing = threading.Thread(target=sign_up)
    signing.start()
    assert held.wait(5)
    made = applying._Made(told, rows)
    assert made.of(rows[0])
    threading.Timer(0.2, go.set).start()
    assert applying._apply(told, part, lambda _: None) == 2
    signing.join()
    assert Person.objects.count() == 2
    assert Subscription.objects.get(person__key="ada@x.example").status == Status.ACTIVE
    assert ImportPart.objects.count() == 0


def test_a_list_that_is_being_frozen_comes_before_the_undoing(database: str) -> None:
    number = bring()
    held, go = threading.Event(), threading.Event()

    def freeze() -> None:
        with transaction.atomic():
            row = selection.active(SEASON, ALL, cutoff=later(2))[0]
            held.set()
            go.wait(5)
            Outgoing.objects.create(
                key="k", recipient=row.email, content=b"", person=row.person_id, due_at=NOW, created_at=NOW
            )
        connection.close()

    freezing = threading.Thread(target=freeze)
    freezing.start()
    assert held.wait(5)
    threading.Timer(0.3, go.set).start()
    told = imports.undo(number, now=later(3))
    freezing.join()
    assert (told.ended, told.removed) == (1, 1)
    assert Suppression.objects.get().reason == Reason.UNDONE
