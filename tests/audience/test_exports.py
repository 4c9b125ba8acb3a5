from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.audience import consent, exports, imports, selection, signals
from pipeline.audience.fingerprints import fingerprint
from pipeline.audience.models import Consent, Person, Status, Subscription, Suppression
from pipeline.audience.selection import Choices
from pipeline.audience.spreadsheet import bare, guarded
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


@pytest.mark.usefixtures("database")
def test_a_season_that_is_exported_is_imported_again_as_it_was() -> None:
    text = (
        'email;name;organisation;consent_source;consent_at\n=1@x.example;=HYPERLINK("x");@Foix;+registre;2019-11-04\n'
    )
    imports.apply(plan(text.replace('=HYPERLINK("x")', "=1+1")), SEASON, "tout", now=NOW)
    consent.unsubscribe(SEASON, subscribed("eve@x.example").public_id, now=NOW, source="page")
    stream = io.StringIO(newline="")
    assert exports.export_csv(SEASON, stream) == 1
    header, row = csv.reader(io.StringIO(stream.getvalue()))
    assert header[:5] == ["email", "name", "organisation", "consent_source", "consent_at"]
    assert row[:4] == ["'=1@x.example", "'=1+1", "'@Foix", "'+registre"]
    assert plan(stream.getvalue(), None).rows[0].address.key == "=1@x.example"
    (again,) = plan(stream.getvalue(), None).rows
    assert (again.name, again.organisation, again.consent_source) == ("=1+1", "@Foix", "+registre")
    assert again.consent_at is not None
    assert again.consent_at.isoformat() == "2019-11-04T00:00:00+00:00"


@pytest.mark.usefixtures("database")
def test_who_left_is_exported_only_on_demand() -> None:
    consent.unsubscribe(SEASON, subscribed().public_id, now=NOW, source="page")
    assert exports.export_csv(SEASON, io.StringIO()) == 0
    assert exports.export_csv(SEASON, io.StringIO(), statuses=list(Status)) == 1


@given(st.text(max_size=20) | st.text("'=+-@\t\r x", max_size=6))
def test_a_guarded_cell_is_no_formula_and_is_bared_to_what_it_was(cell: str) -> None:
    assert bare(guarded(cell)) == cell
    assert not guarded(cell).startswith(("=", "+", "-", "@", "\t", "\r"))
