from __future__ import annotations

import threading

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from pipeline.audience import consent, rights, selection
from pipeline.audience.models import Reason, Suppression
from pipeline.audience.selection import Choices, News
from pipeline.audience.suppression import next_sequence, suppress
from tests.audience.factories import NOW, SEASON, later, subscribed

pytestmark = pytest.mark.usefixtures("database")


def test_a_list_holds_the_active_of_the_choices_in_a_stable_order() -> None:
    people = [
        subscribed(f"p{n}@commune.example", choice=choice) for n, choice in enumerate(["tout", "final", "un", "tout"])
    ]
    rows = selection.active(SEASON, Choices(("tout", "un")), cutoff=NOW)
    assert list(rows.values_list("person_id", "email", "public_id")) == [
        (person.pk, person.email, person.public_id) for person in (people[0], people[2], people[3])
    ]
    assert list(selection.active(SEASON, Choices(()), cutoff=NOW)) == []
    assert list(selection.active("autre", Choices(("tout",)), cutoff=NOW)) == []


def test_who_came_after_the_cutoff_is_not_on_the_list() -> None:
    subscribed()
    assert not selection.active(SEASON, Choices(("tout",)), cutoff=later(-1)).exists()
    assert selection.active(SEASON, Choices(("tout",)), cutoff=NOW).exists()


@pytest.mark.parametrize("reason", Reason)
@pytest.mark.parametrize("season", ["", SEASON])
def test_nobody_suppressed_is_on_the_list(reason: Reason, season: str) -> None:
    person = subscribed()
    other = subscribed("bob@commune.example")
    suppress(person.key, reason, now=NOW, season=season)
    assert [row.person_id for row in selection.active(SEASON, Choices(("tout",)), cutoff=NOW)] == [other.pk]
    assert selection.news(0, SEASON) == News(1, frozenset({person.pk}))


def test_a_suppression_of_another_season_keeps_nobody_from_this_one() -> None:
    person = subscribed()
    suppress(person.key, Reason.UNSUBSCRIBED, now=NOW, season="autre")
    assert selection.active(SEASON, Choices(("tout",)), cutoff=NOW).exists()
    assert selection.news(0, SEASON) == News(1, frozenset(frozenset()))


def test_the_sender_learns_what_is_new_in_one_query() -> None:
    ada, bob = subscribed(), subscribed("bob@commune.example")
    assert selection.latest_sequence() == 0
    assert selection.news(0, SEASON) == News(0, frozenset(frozenset()))
    consent.unsubscribe(SEASON, ada.public_id, now=NOW, source="page")
    seen = selection.latest_sequence()
    consent.unsubscribe(SEASON, bob.public_id, now=NOW, source="page")
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert selection.news(seen, SEASON) == News(seen + 1, frozenset({bob.pk}))
    assert len(queries) == 1


def test_who_came_back_may_be_written_to_but_an_erased_person_never() -> None:
    person = subscribed()
    consent.unsubscribe(SEASON, person.public_id, now=NOW, source="page")
    subscribed()
    assert selection.news(0, SEASON).gone == frozenset()
    rights.erase(person.email, now=NOW)
    new = subscribed()
    assert new.pk != person.pk
    assert selection.news(0, SEASON).gone == {person.pk}
    assert [row.person_id for row in selection.active(SEASON, Choices(("tout",)), cutoff=NOW)] == [new.pk]


def test_a_sequence_is_taken_in_a_transaction_only() -> None:
    with pytest.raises(transaction.TransactionManagementError):
        next_sequence()


def test_a_sequence_that_was_undone_is_given_again() -> None:
    with transaction.atomic():
        assert suppress("ada@commune.example", Reason.MANUAL, now=NOW).sequence == 1
        transaction.set_rollback(True)
    assert suppress("bob@commune.example", Reason.MANUAL, now=NOW).sequence == 1


def test_sequences_become_visible_in_the_order_of_their_numbers(database: str) -> None:
    """A second writer waits for the first: a reader never sees 2 before 1."""
    taken, go_on, seen = threading.Event(), threading.Event(), list[int]()

    def first() -> None:
        with transaction.atomic():
            suppress("ada@commune.example", Reason.MANUAL, now=NOW)
            taken.set()
            go_on.wait(10)
        connection.close()

    def second() -> None:
        taken.wait(10)
        suppress("bob@commune.example", Reason.MANUAL, now=NOW)
        seen.extend(Suppression.objects.order_by("sequence").values_list("sequence", flat=True))
        connection.close()

    threads = [threading.Thread(target=work) for work in (first, second)]
    for thread in threads:
        thread.start()
    taken.wait(10)
    assert selection.latest_sequence() == 0
    go_on.set()
    for thread in threads:
        thread.join(20)
    assert seen == [1, 2]


def test_people_who_leave_at_once_get_a_number_each(database: str) -> None:
    people = [subscribed(f"p{n}@commune.example") for n in range(8)]

    def leave(start: int) -> None:
        for person in people[start:] + people[:start]:
            consent.unsubscribe(SEASON, person.public_id, now=NOW, source="one-click")
        connection.close()

    threads = [threading.Thread(target=leave, args=(start,)) for start in (0, 2, 4, 6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert list(Suppression.objects.order_by("sequence").values_list("sequence", flat=True)) == list(range(1, 9))
