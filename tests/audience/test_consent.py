from __future__ import annotations

from uuid import uuid4

import pytest

from pipeline.audience import consent, selection
from pipeline.audience.addresses import parse
from pipeline.audience.models import Person, Reason, Status, Subscription, Suppression
from pipeline.audience.selection import Choices
from pipeline.audience.suppression import suppress
from pipeline.audience.wishes import Profile, Wish
from tests.audience.factories import NOW, PROOF, SEASON, asked, later, said, subscribed


def selected(season: str = SEASON) -> list[str]:
    return [row.email for row in selection.active(season, Choices(("tout",)), cutoff=later(1000))]


def ledger(person: Person) -> list[str]:
    return list(person.consents.order_by("id").values_list("event", flat=True))


pytestmark = pytest.mark.usefixtures("database")


def test_a_subscription_mails_nothing_until_it_is_confirmed() -> None:
    subscription = asked()
    assert subscription.status == Status.PENDING
    assert selected() == []
    consent.confirm(SEASON, subscription.person.public_id, now=later(1), ip="192.0.2.77")
    assert selected() == ["ada@commune.example"]
    assert ledger(subscription.person) == ["granted", "confirmed"]
    assert {said(one).ip_truncated for one in subscription.person.consents.all()} == {"192.0.2.0"}


def test_confirming_twice_is_once() -> None:
    person = subscribed()
    again = consent.confirm(SEASON, person.public_id, now=later(5))
    assert again.since == NOW
    assert ledger(person) == ["granted", "confirmed"]


def test_asking_again_for_what_is_active_changes_nothing() -> None:
    person = subscribed()
    again = consent.subscribe(
        parse("ADA@commune.example"), SEASON, Wish("autre"), PROOF, now=later(1), profile=Profile(name="Mallory")
    )
    assert (again.status, again.choice) == (Status.ACTIVE, "tout")
    person.refresh_from_db()
    assert person.name == ""
    assert ledger(person) == ["granted", "confirmed"]


def test_who_unsubscribes_is_out_at_once_and_twice_is_once() -> None:
    person = subscribed()
    assert consent.unsubscribe(SEASON, person.public_id, now=later(1), source="one-click")
    assert selected() == []
    assert not consent.unsubscribe(SEASON, person.public_id, now=later(2), source="one-click")
    subscription = person.subscriptions.get()
    assert (subscription.status, subscription.ended_at) == (Status.ENDED, later(1))
    assert ledger(person) == ["granted", "confirmed", "withdrawn"]
    assert list(Suppression.objects.values_list("reason", "season", "at")) == [("unsubscribed", SEASON, later(1))]


def test_leaving_one_season_leaves_the_others_alone() -> None:
    person = subscribed()
    subscribed(season="autre-2032")
    consent.unsubscribe(SEASON, person.public_id, now=later(1), source="page")
    assert (selected(), selected("autre-2032")) == ([], ["ada@commune.example"])


def test_leaving_everything_ends_every_season() -> None:
    person = subscribed()
    subscribed(season="autre-2032")
    consent.unsubscribe("", person.public_id, now=later(1), source="preferences")
    assert (selected(), selected("autre-2032")) == ([], [])
    assert ledger(person)[-2:] == ["withdrawn", "withdrawn"]


def test_an_unsubscribe_counts_before_confirmation_and_an_old_link_brings_nobody_back() -> None:
    person = asked().person
    assert consent.unsubscribe(SEASON, person.public_id, now=later(1), source="page")
    with pytest.raises(consent.NotSubscribedError):
        consent.confirm(SEASON, person.public_id, now=later(2))
    assert selected() == []


def test_an_unsubscribe_counts_without_a_subscription() -> None:
    person = subscribed(season="autre-2032")
    assert consent.unsubscribe(SEASON, person.public_id, now=later(1), source="page")
    assert not consent.unsubscribe(SEASON, person.public_id, now=later(2), source="page")
    assert selection.news(0, SEASON).gone == {person.pk}


def test_someone_elses_form_does_not_lift_a_suppression_but_the_confirmation_does() -> None:
    person = subscribed()
    consent.unsubscribe(SEASON, person.public_id, now=later(1), source="page")
    asked()
    assert selected() == []
    assert Suppression.objects.get().lifted_at is None
    consent.confirm(SEASON, person.public_id, now=later(3))
    assert selected() == ["ada@commune.example"]
    assert Suppression.objects.get().lifted_at == later(3)


def test_coming_back_by_a_link_is_a_new_consent() -> None:
    person = subscribed()
    consent.unsubscribe(SEASON, person.public_id, now=later(1), source="page")
    consent.resubscribe(SEASON, person.public_id, Wish("tout"), PROOF, now=later(2))
    assert selected() == ["ada@commune.example"]
    assert ledger(person) == ["granted", "confirmed", "withdrawn", "granted"]
    assert consent.unsubscribe(SEASON, person.public_id, now=later(3), source="page")
    assert selected() == []


def test_a_decision_of_the_staff_outlasts_a_consent() -> None:
    suppress("ada@commune.example", Reason.MANUAL, now=NOW)
    person = subscribed()
    assert selected() == []
    assert selection.news(0, SEASON).gone == {person.pk}


def test_a_complaint_ends_the_subscription() -> None:
    person = subscribed()
    assert consent.unsubscribe(SEASON, person.public_id, now=NOW, source="arf", reason=Reason.COMPLAINT)
    assert Subscription.objects.get().status == Status.ENDED


def test_a_change_of_choice_is_recorded_once() -> None:
    person = subscribed()
    consent.change(SEASON, person.public_id, Wish("final"), now=later(1))
    consent.change(SEASON, person.public_id, Wish("final"), now=later(2))
    assert Subscription.objects.get().choice == "final"
    assert ledger(person) == ["granted", "confirmed", "changed"]
    assert selected() == []


def test_nothing_is_changed_for_someone_who_left_or_is_unknown() -> None:
    person = subscribed()
    consent.unsubscribe(SEASON, person.public_id, now=later(1), source="page")
    with pytest.raises(consent.NotSubscribedError):
        consent.change(SEASON, person.public_id, Wish("final"), now=later(2))
    for step in (
        lambda: consent.unsubscribe(SEASON, uuid4(), now=NOW, source="page"),
        lambda: consent.confirm(SEASON, uuid4(), now=NOW),
        lambda: consent.change(SEASON, uuid4(), Wish("final"), now=NOW),
    ):
        with pytest.raises(consent.UnknownPersonError):
            step()


@pytest.mark.parametrize(
    ("ip", "kept"),
    [
        ("192.0.2.77", "192.0.2.0"),
        ("2001:db8:1:2::3", "2001:db8:1::"),
        ("::ffff:192.0.2.77", "192.0.2.0"),
        ("fe80::1%eth0", "fe80::"),
        ("", ""),
        ("unix:", ""),
        ("192.0.2.77, 198.51.100.1", ""),
    ],
)
def test_only_the_network_of_an_address_is_kept(ip: str, kept: str) -> None:
    assert consent.truncated(ip) == kept


def test_catching_up_and_ending_it_are_written_down_once_each_with_where_it_was_said() -> None:
    person = subscribed()
    for rhythm in ("weekly", "weekly", "fortnightly"):
        consent.catch_up(SEASON, person.public_id, rhythm, first=later(9), now=later(2), ip="192.0.2.77")
    assert consent.stop_catching_up(SEASON, person.public_id, now=later(3), ip="192.0.2.77")
    assert not consent.stop_catching_up(SEASON, person.public_id, now=later(4))
    told = [said(one) for one in person.consents.filter(event="changed").order_by("id")]
    assert [(one.note, one.ip_truncated) for one in told] == [
        ("rattrapage : chaque semaine", "192.0.2.0"),
        ("rattrapage : toutes les deux semaines", "192.0.2.0"),
        ("rattrapage : arrêté", "192.0.2.0"),
    ]
