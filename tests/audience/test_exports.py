from __future__ import annotations

import json

import pytest

from pipeline.audience import consent, exports, imports, selection, signals
from pipeline.audience.fingerprints import fingerprint
from pipeline.audience.models import Consent, Person, Status, Subscription, Suppression
from pipeline.audience.selection import Choices
from tests.audience.factories import NOW, SEASON, later, plan, subscribed


@pytest.mark.usefixtures("database")
def test_everything_held_is_shown_as_json() -> None:
    person = subscribed()
    consent.unsubscribe(SEASON, person.public_id, now=later(1), source="page")
    shown = json.loads(json.dumps(exports.show("ADA@commune.example")))
    assert shown["email"] == "ada@commune.example"
    assert [entry["event"] for entry in shown["consents"]] == ["granted", "confirmed", "withdrawn"]
    assert shown["consents"][0]["text_version"] == "1"
    assert shown["subscriptions"] == [
        {
            "season": SEASON,
            "choice": "tout",
            "status": "ended",
            "since": "2031-03-03T08:00:00+00:00",
            "ended_at": "2031-03-03T09:00:00+00:00",
        }
    ]
    assert [entry["reason"] for entry in shown["suppressions"]] == ["unsubscribed"]
    with pytest.raises(consent.UnknownPersonError):
        exports.show("bob@commune.example")


@pytest.mark.usefixtures("database")
def test_an_erasure_leaves_nothing_that_names_the_person() -> None:
    imports.apply(plan("email,name,organisation\nada@commune.example,Ada,Foix\n"), SEASON, "tout", now=NOW)
    subscribed(season="autre-2032")
    person = Person.objects.get()
    consent.unsubscribe("autre-2032", person.public_id, now=NOW, source="page", ip="192.0.2.77")
    heard: list[tuple[int, str]] = []

    def listen(person_id: int, address: str, **_: object) -> None:
        heard.append((person_id, address))

    signals.erased.connect(listen)
    try:
        exports.erase(" Ada@Commune.example", now=later(1))
    finally:
        signals.erased.disconnect(listen)
    assert heard == [(person.pk, "ada@commune.example")]
    held = [list(model.objects.values()) for model in (Person, Subscription, Consent, Suppression)]
    for trace in ("ada", "Ada", "commune", "Foix", "192.0.2", "2001:db8"):
        assert trace not in str(held)
    assert set(Suppression.objects.values_list("key", flat=True)) == {fingerprint("ada@commune.example")}
    assert set(Subscription.objects.values_list("status", flat=True)) == {Status.ENDED}
    assert not selection.active(SEASON, Choices(("tout",)), cutoff=later(9)).exists()
    assert selection.news(0, SEASON).gone == {person.pk}
    with pytest.raises(consent.UnknownPersonError):
        exports.erase("ada@commune.example", now=later(2))


@pytest.mark.usefixtures("database")
def test_an_old_unsubscribe_link_of_an_erased_person_still_answers() -> None:
    person = subscribed()
    exports.erase(person.email, now=NOW)
    assert not consent.unsubscribe(SEASON, person.public_id, now=later(1), source="one-click")
    with pytest.raises(consent.NotSubscribedError):
        consent.confirm(SEASON, person.public_id, now=later(1))
