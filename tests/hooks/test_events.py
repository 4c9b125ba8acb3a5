"""What happens to people and releases becomes events in the same transaction, with no more in them than endpoints may know."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from pipeline.audience import imports, moves, rights
from pipeline.audience.addresses import parse
from pipeline.hooks import endpoints, payload, privacy
from pipeline.hooks.models import Delivery, Endpoint, Event
from tests.audience.factories import NOW, SEASON, later, plan
from tests.hooks import factories
from tests.hooks.factories import BASE, Clock, comes, courier, endpoint, leaves, tell
from tests.hooks.receiver import Receiver
from tests.stage import stage

pytestmark = pytest.mark.usefixtures("database")
ADDRESS = "ada@commune.example"


def told(receiver: Receiver) -> list[tuple[str, dict[str, Any]]]:
    return [(one.json["type"], one.json["data"]) for one in receiver.taken]


def test_who_comes_and_who_leaves_is_told_without_a_name() -> None:
    with Receiver() as receiver:
        _, secret = endpoint(receiver.url)
        person = comes()
        leaves(person, later(1))
        tell(courier(Clock()))
    about = {"public_id": str(person.public_id), "season": SEASON, "choice": "tout", "rhythm": "each"}
    assert told(receiver) == [
        ("subscription.started", about | {"why": "confirmed"}),
        ("subscription.ended", about | {"why": "unsubscribed"}),
    ]
    first = receiver.taken[0]
    assert ADDRESS.encode() not in first.body
    assert first.json["timestamp"] == "2031-03-03T08:00:00.000Z"
    assert first.headers["content-type"] == "application/json"
    assert first.signed_with(secret)
    assert first.path == "/recevoir?de=kit"


def test_an_address_is_told_only_to_an_endpoint_added_for_it() -> None:
    with Receiver() as plain, Receiver() as full:
        endpoint(plain.url)
        endpoint(full.url, with_address=True)
        comes()
        tell(courier(Clock()))
    assert (full.taken[0].json["data"]["email"], full.taken[0].json["data"]["name"]) == (ADDRESS, "")
    assert ADDRESS.encode() not in plain.taken[0].body
    assert plain.taken[0].headers["webhook-id"] == full.taken[0].headers["webhook-id"]
    assert ADDRESS not in str(list(Event.objects.values()))


def test_an_endpoint_is_told_the_types_that_it_asked_for() -> None:
    with Receiver() as receiver:
        endpoint(receiver.url, "subscription.ended")
        person = comes()
        assert not Event.objects.exists()
        leaves(person)
        tell(courier(Clock()))
    assert [kind for kind, _ in told(receiver)] == ["subscription.ended"]


def test_nothing_is_written_where_nobody_wants_to_know() -> None:
    leaves(comes())
    assert not Event.objects.exists()


def test_what_is_taken_back_was_never_an_event() -> None:
    endpoint("https://hooks.example.org/")
    with pytest.raises(RuntimeError), transaction.atomic():
        comes()
        assert Delivery.objects.count() == 1
        raise RuntimeError
    assert not Event.objects.exists()
    assert not Delivery.objects.exists()


def test_a_list_that_is_imported_is_no_crowd_of_events() -> None:
    endpoint("https://hooks.example.org/")
    result = imports.apply(plan("email\na@x.example\nb@x.example\n"), SEASON, "tout", now=NOW)
    assert result.added == 2
    assert not Event.objects.exists()


def test_a_release_is_told_with_its_links(tmp_path: Path) -> None:
    with Receiver() as receiver:
        endpoint(receiver.url, "release.published")
        play = stage(tmp_path)
        play.tick()
        tell(courier(Clock()))
    ((kind, data),) = told(receiver)
    assert kind == "release.published"
    assert {name: data[name] for name in ("season", "slot", "number", "kind", "date", "mailed", "url")} == {
        "season": "essai", "slot": "1", "number": 1, "kind": "launch", "date": "2020-01-22", "mailed": True,
        "url": f"{BASE}/essai/envois/1/",
    }  # fmt: skip
    assert data["fiches"] == [
        {
            "slug": "fiche-1", "title": "Comment faire la chose numéro 1\u202f?", "number": 1, "kind": "conseil", "version": 1,
            "url": f"{BASE}/essai/fiches/fiche-1/",
        }
    ]  # fmt: skip


def test_a_change_of_address_is_told_and_the_address_to_whom_may_know_it() -> None:
    with Receiver() as plain, Receiver() as full:
        endpoint(plain.url, "person.moved")
        endpoint(full.url, "person.moved", with_address=True)
        person = comes()
        asked = moves.ask(SEASON, person.public_id, parse("ada@mairie.example"), now=NOW)
        assert asked is not None
        moves.confirm(asked.public_id, now=NOW)
        tell(courier(Clock()))
    who = {"public_id": str(person.public_id)}
    assert told(plain) == [("person.moved", who)]
    assert told(full) == [("person.moved", who | {"email": "ada@mairie.example", "name": ""})]


def test_of_who_was_erased_only_that_they_left_and_that_they_were_erased_is_told() -> None:
    with Receiver() as receiver:
        endpoint(receiver.url, with_address=True)
        person = comes()
        rights.erase(ADDRESS, now=later(1))
        tell(courier(Clock()))
    assert [(kind, data.get("why")) for kind, data in told(receiver)] == [
        ("subscription.ended", "erased"),
        ("person.erased", None),
    ]
    assert all(data["public_id"] == str(person.public_id) for _, data in told(receiver))
    assert all(ADDRESS.encode() not in one.body for one in receiver.taken)
    assert Delivery.objects.get(event__type="subscription.started").state == "dropped"


def test_an_erasure_is_told_where_the_person_had_left_before() -> None:
    endpoint("https://hooks.example.org/", "person.erased")
    leaves(comes())
    rights.erase(ADDRESS, now=later(1))
    assert [one.type for one in Event.objects.all()] == ["person.erased"]


def test_a_person_sees_to_whom_what_was_told_of_them() -> None:
    with Receiver() as receiver:
        endpoint(receiver.url, with_address=True)
        person = comes()
        tell(courier(Clock()))
    shown = rights.held(person.public_id)["webhooks"]
    assert [(one["type"], one["to"], one["with_address"], one["state"]) for one in shown] == [
        ("subscription.started", "127.0.0.1", True, "delivered")
    ]


def test_events_are_thrown_away_after_a_month() -> None:
    endpoint("https://hooks.example.org/")
    comes()
    assert privacy.purge(NOW + privacy.KEPT) == 0
    assert privacy.purge(NOW + privacy.KEPT + dt.timedelta(seconds=1)) == 1
    assert not Delivery.objects.exists()


def test_an_endpoint_that_is_removed_takes_everything_with_it() -> None:
    made, _ = endpoint("https://hooks.example.org/")
    comes()
    endpoints.remove(made, actor=factories.STAFF, now=NOW)
    assert not Delivery.objects.exists()
    assert not Endpoint.objects.exists()


def test_a_body_is_well_below_what_receivers_take() -> None:
    endpoint("https://hooks.example.org/")
    comes()
    assert len(payload.render(Event.objects.get(), base_url=BASE, with_address=True)) < 1000


def test_a_great_many_old_events_go_in_several_rounds(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(privacy, "AT_ONCE", 2)
    Event.objects.bulk_create(Event(type="release.published", at=NOW, data={}) for _ in range(5))
    later = NOW + privacy.KEPT + dt.timedelta(seconds=1)
    assert [privacy.purge(later) for _ in range(4)] == [2, 2, 1, 0]
