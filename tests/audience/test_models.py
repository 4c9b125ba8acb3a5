from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from pipeline.audience.models import AppendOnlyError, Consent, Event, Person, Status, Subscription
from tests.audience.factories import NOW, SEASON, asked, later, subscribed

pytestmark = pytest.mark.usefixtures("database")


def test_no_door_of_the_ledger_changes_an_entry() -> None:
    person = subscribed()
    entry = person.consents.get(event=Event.GRANTED)
    entry.source = "autre"
    before = list(Consent.objects.order_by("id").values())
    for door in (
        entry.save,
        lambda: entry.save(force_insert=False),
        lambda: entry.save(update_fields=["source"]),
        entry.delete,
        lambda: Consent.objects.all().update(source="autre"),
        lambda: person.consents.update(source="autre"),
        lambda: person.consents.all().delete(),
        lambda: Consent._base_manager.all().delete(),
        lambda: Consent._base_manager.update(source="autre"),
        lambda: Consent.objects.bulk_update([entry], ["source"]),
        lambda: Consent.objects.update_or_create(pk=entry.pk, defaults={"source": "autre"}),
        lambda: Consent.objects.bulk_create(
            [entry], update_conflicts=True, update_fields=["source"], unique_fields=["id"]
        ),
    ):
        with pytest.raises(AppendOnlyError):
            door()
    assert list(Consent.objects.order_by("id").values()) == before


def test_a_person_with_a_history_cannot_be_deleted() -> None:
    person = subscribed()
    with pytest.raises(Exception, match="protected"):
        person.delete()


def test_the_database_keeps_one_subscription_per_person_and_season() -> None:
    first = asked()
    with pytest.raises(IntegrityError), transaction.atomic():
        Subscription.objects.create(person=first.person, season=SEASON, choice="tout", status=Status.ACTIVE, since=NOW)


@pytest.mark.parametrize(
    "change",
    [{"status": "paused"}, {"status": Status.ENDED}, {"ended_at": later(1)}],
    ids=["unknown", "no end", "an end"],
)
def test_the_database_refuses_a_status_that_contradicts_itself(change: dict[str, object]) -> None:
    kept = asked()
    with pytest.raises(IntegrityError), transaction.atomic():
        Subscription.objects.filter(pk=kept.pk).update(**change)


def test_the_database_keeps_one_person_per_key() -> None:
    person = subscribed()
    with pytest.raises(IntegrityError), transaction.atomic():
        Person.objects.create(email="x", key=person.key, created_at=NOW)
