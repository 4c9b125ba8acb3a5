from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from pipeline.audience import consent, imports, moves, rights, selection
from pipeline.audience.addresses import parse
from pipeline.audience.models import Consent, Person, Reason, Status, Subscription
from pipeline.audience.selection import Choices
from pipeline.audience.suppression import suppress
from tests.audience.factories import NOW, SEASON, asked, later, plan, said, subscribed

pytestmark = pytest.mark.usefixtures("database")


def bring(text: str, season: str = SEASON, **options: Any) -> imports.Result:
    return imports.apply(plan(text), season, "tout", now=later(1), **options)


def counts(result: imports.Result) -> tuple[int, int, int, int]:
    return result.added, result.already, result.suppressed, result.refused


def test_imported_people_are_active_at_once_with_the_origin_of_their_consent() -> None:
    result = bring(
        "email,name,organisation,consent_source,consent_at\n"
        "Ada@commune.example,Ada,Foix,bulletin,2019-11-04\n"
        "bob@commune.example,,,,\n"
    )
    assert counts(result) == (2, 0, 0, 0)
    assert not selection.active(SEASON, Choices(("tout",)), cutoff=NOW).exists()
    rows = selection.active(SEASON, Choices(("tout",)), cutoff=later(1))
    assert [row.email for row in rows] == ["Ada@commune.example", "bob@commune.example"]
    assert [(one.event, one.at, said(one).source, said(one).given_at) for one in Consent.objects.order_by("id")] == [
        ("imported", later(1), "bulletin", "2019-11-04T00:00:00+00:00"),
        ("imported", later(1), "registre 2030", ""),
    ]
    assert Person.objects.get(key="ada@commune.example").organisation == "Foix"


def test_the_same_file_twice_adds_nobody() -> None:
    text = "email\nada@commune.example\nbob@commune.example\n"
    bring(text)
    assert counts(bring(text)) == (0, 2, 0, 0)
    assert (Person.objects.count(), Consent.objects.count()) == (2, 2)


def test_who_waits_for_confirmation_becomes_active_and_who_is_active_keeps_their_choice() -> None:
    asked("ada@commune.example")
    subscribed("bob@commune.example", choice="final")
    assert counts(bring("email\nada@commune.example\nbob@commune.example\n")) == (1, 1, 0, 0)
    assert dict(Subscription.objects.values_list("person__key", "choice")) == {
        "ada@commune.example": "tout",
        "bob@commune.example": "final",
    }
    assert set(Subscription.objects.values_list("status", flat=True)) == {Status.ACTIVE}


@pytest.mark.parametrize("everything", [False, True])
def test_who_left_is_never_brought_back(everything: bool) -> None:
    person = subscribed("ada@commune.example")
    consent.unsubscribe("" if everything else SEASON, person.public_id, now=NOW, source="page")
    read = plan("email,name\nbob@commune.example,Bob\nADA@commune.example,Ada\n")
    assert imports.compare(read, SEASON) == imports.Difference(new=1, suppressed=1)
    assert counts(imports.apply(read, SEASON, "tout", now=later(1))) == (1, 0, 1, 0)
    assert [(note.line, note.field) for note in read.notes()] == [(3, "email")]
    assert [row.email for row in selection.active(SEASON, Choices(("tout",)), cutoff=later(1))] == [
        "bob@commune.example"
    ]
    assert Subscription.objects.get(person=person).status == Status.ENDED


def test_who_left_everything_and_came_back_to_one_season_is_not_imported_into_another() -> None:
    person = subscribed("ada@commune.example")
    consent.unsubscribe("", person.public_id, now=NOW, source="page")
    subscribed("ada@commune.example")
    assert counts(bring("email\nada@commune.example\n")) == (0, 1, 0, 0)
    assert counts(bring("email\nada@commune.example\n", "autre-2032")) == (0, 0, 1, 0)


def test_who_left_one_season_may_be_imported_into_another() -> None:
    person = subscribed("ada@commune.example")
    consent.unsubscribe(SEASON, person.public_id, now=NOW, source="page")
    assert counts(bring("email\nada@commune.example\n", "autre-2032")) == (1, 0, 0, 0)


def test_an_erased_address_is_never_imported_even_under_a_new_secret(settings: Any) -> None:
    subscribed("ada@commune.example")
    rights.erase("ada@commune.example", now=NOW)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another secret"
    assert counts(bring("email\nada@commune.example\n")) == (0, 0, 1, 0)
    assert not Person.objects.filter(key="ada@commune.example").exists()


def test_an_address_that_somebody_moved_from_is_not_imported_and_the_new_one_is_no_worse_for_it() -> None:
    person = subscribed("old@x.example")
    move = moves.ask(SEASON, person.public_id, parse("new@x.example"), now=NOW)
    assert move is not None
    moves.confirm(move.public_id, now=NOW)
    assert counts(bring("email\nold@x.example\nnew@x.example\n")) == (0, 1, 1, 0)
    assert counts(bring("email\nold@x.example\nnew@x.example\n", "autre-2032")) == (1, 0, 1, 0)


def test_who_waits_keeps_the_wish_they_typed_where_the_file_says_nothing_else() -> None:
    asked("ada@x.example", choice="final")
    asked("bob@x.example", choice="final")
    assert counts(bring("email,choice\nada@x.example,\nbob@x.example,tout\n")) == (2, 0, 0, 0)
    assert dict(Subscription.objects.values_list("person__key", "choice")) == {
        "ada@x.example": "final",
        "bob@x.example": "tout",
    }
    assert {said(one).choice for one in Consent.objects.filter(event="imported")} == {"final", "tout"}


def test_an_address_suppressed_by_hand_is_not_imported_even_if_nobody_has_it_yet() -> None:
    suppress("ada@commune.example", Reason.MANUAL, now=NOW)
    assert counts(bring("email\nada@commune.example\n")) == (0, 0, 1, 0)
    assert not Person.objects.exists()


def test_with_a_faulty_line_nothing_is_imported_unless_it_is_to_be_skipped() -> None:
    text = "email,consent_at\nada@commune.example,2031-03-01\nbob,\neve@commune.example,2031-04-01\n"
    with pytest.raises(imports.ImportRefusedError) as refusal:
        bring(text)
    assert [(fault.line, fault.field) for fault in refusal.value.faults] == [(3, "email"), (4, "consent_at")]
    assert not Person.objects.exists()
    assert counts(bring(text, skip_faulty=True)) == (1, 0, 0, 2)
    assert [person.key for person in Person.objects.all()] == ["ada@commune.example"]


def test_a_large_file_takes_queries_by_the_chunk_not_by_the_row(database: str) -> None:
    rows = imports.CHUNK * 2
    text = "email,name\n" + "".join(f"p{n}@commune{n % 97}.example,Personne {n}\n" for n in range(rows))
    read = plan(text)
    with CaptureQueriesContext(connection) as queries:
        result = imports.apply(read, SEASON, "tout", now=NOW)
    assert counts(result) == (rows, 0, 0, 0)
    assert len([query for query in queries if query["sql"].startswith("SELECT")]) <= 24
    assert selection.active(SEASON, Choices(("tout",)), cutoff=NOW).count() == rows
