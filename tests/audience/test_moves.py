"""A change of address holds from the new mailbox's answer on, for everything that is written afterwards."""

from __future__ import annotations

from uuid import uuid4

import pytest

from pipeline.audience import consent, moves, rights, selection, suppression, tokens
from pipeline.audience.addresses import parse
from pipeline.audience.models import Move, Person, Reason, Status, Subscription, Suppression
from pipeline.audience.selection import Choices
from pipeline.audience.verifying import verify
from tests.audience.factories import NOW, SEASON, asked, later, said, subscribed
from tests.together import apart

pytestmark = pytest.mark.usefixtures("database")
OLD, NEW = "ada@commune.example", "ada@ville.example"


def selected(season: str = SEASON) -> list[str]:
    return [row.email for row in selection.active(season, Choices(("tout",)), cutoff=later(1000))]


def wanted(person: Person, email: str = NEW, *, hours: float = 1) -> Move:
    move = moves.ask(SEASON, person.public_id, parse(email), now=later(hours))
    assert move is not None
    return move


def test_nothing_changes_until_the_new_mailbox_answers() -> None:
    person = subscribed(OLD)
    move = wanted(person)
    assert selected() == [OLD]
    assert not Suppression.objects.exists()
    assert moves.confirm(move.public_id, now=later(2), ip="192.0.2.77") == person
    assert selected() == [NEW]
    entry = person.consents.order_by("-id")[0]
    assert (entry.event, said(entry).note, said(entry).ip_truncated) == ("moved", f"{OLD} → {NEW}", "192.0.2.0")
    assert verify().faults == ()


def test_nobody_writes_to_the_old_address_and_a_running_send_learns_of_it() -> None:
    person = subscribed(OLD)
    before = selection.latest_sequence()
    moves.confirm(wanted(person).public_id, now=later(2))
    news = selection.news(before, SEASON)
    assert (news.gone, news.moved) == (frozenset(), {person.pk})
    assert selection.may_write(person.pk, SEASON, now=later(3))
    somebody = asked(OLD).person
    assert not selection.may_write(somebody.pk, SEASON, now=later(3))


def test_confirming_twice_is_once_and_asking_anew_drops_what_was_asked() -> None:
    person = subscribed(OLD)
    first = wanted(person, "ada@autre.example")
    second = wanted(person, hours=2)
    with pytest.raises(consent.UnknownPersonError):
        moves.confirm(first.public_id, now=later(3))
    for hours in (3, 4):
        assert moves.confirm(second.public_id, now=later(hours)) == person
    assert person.consents.filter(event="moved").count() == 1
    assert Move.objects.get().done_at == later(3)


def test_one_s_own_address_is_no_change_but_drops_what_was_asked() -> None:
    person = subscribed(OLD)
    wanted(person)
    assert moves.ask(SEASON, person.public_id, parse("ADA@Commune.Example"), now=later(2)) is None
    assert not Move.objects.exists()


def test_back_and_forth_ends_where_it_began() -> None:
    person = subscribed(OLD)
    moves.confirm(wanted(person, NEW).public_id, now=later(2))
    moves.confirm(wanted(Person.objects.get(), OLD, hours=3).public_id, now=later(4))
    assert selected() == [OLD]
    assert selection.may_write(person.pk, SEASON, now=later(5))
    assert Suppression.objects.filter(lifted_at__isnull=True).values_list("key", flat=True)[0] == NEW


def test_who_left_cannot_move_and_an_erasure_drops_what_was_asked() -> None:
    person = subscribed(OLD)
    move = wanted(person)
    rights.erase_person(person.public_id, now=later(2))
    for door in (
        lambda: moves.confirm(move.public_id, now=later(3)),
        lambda: moves.ask(SEASON, uuid4(), parse(NEW), now=later(3)),
    ):
        with pytest.raises(consent.UnknownPersonError):
            door()
    left = subscribed("bob@commune.example")
    consent.unsubscribe(SEASON, left.public_id, now=later(1), source="page")
    with pytest.raises(consent.NotSubscribedError):
        moves.ask(SEASON, left.public_id, parse(NEW), now=later(3))


def test_what_ran_goes_over_to_whoever_is_known_at_the_new_address() -> None:
    person, other = subscribed(OLD), asked(NEW).person
    subscribed(OLD, "autre-2032")
    assert moves.confirm(wanted(person).public_id, now=later(2)) == other
    assert selected() == selected("autre-2032") == [NEW]
    assert set(person.subscriptions.values_list("status", flat=True)) == {Status.ENDED}
    assert Suppression.objects.filter(person=person, reason=Reason.MOVED, lifted_at__isnull=True).count() == 1
    assert moves.confirm(Move.objects.get().public_id, now=later(3)) == other
    assert verify().faults == ()


def test_a_subscription_that_waits_stays_one_that_waits() -> None:
    person = asked(OLD).person
    moves.confirm(wanted(person).public_id, now=later(2))
    assert Subscription.objects.get().status == Status.PENDING
    assert selected() == []


def test_the_proof_of_a_mailbox_lifts_what_its_owner_may_lift_and_not_what_staff_decided() -> None:
    suppression.suppress(NEW, Reason.UNSUBSCRIBED, now=NOW)
    person = subscribed(OLD)
    suppression.suppress_dead([person], now=NOW)
    moves.confirm(wanted(person).public_id, now=later(2))
    assert selected() == [NEW]
    suppression.suppress("ada@interdite.example", Reason.MANUAL, now=NOW)
    moves.confirm(wanted(Person.objects.get(), "ada@interdite.example", hours=3).public_id, now=later(4))
    assert selected() == []


def test_a_pause_goes_along_and_nobody_who_takes_the_old_address_ends_it() -> None:
    person = subscribed(OLD)
    consent.pause(SEASON, person.public_id, later(900), now=later(1))
    moves.confirm(wanted(person).public_id, now=later(2))
    successor = subscribed(OLD)
    assert selection.may_write(successor.pk, SEASON, now=later(3))
    assert not selection.may_write(person.pk, SEASON, now=later(3))
    moved_in = subscribed("bob@commune.example")
    move = moves.ask(SEASON, moved_in.public_id, parse(OLD), now=later(4))
    assert move is not None
    moves.confirm(move.public_id, now=later(5))
    assert not selection.may_write(person.pk, SEASON, now=later(6))
    assert selection.may_write(person.pk, SEASON, now=later(901))


def test_what_runs_on_at_a_known_address_stays_paused() -> None:
    person, other = subscribed(OLD), asked(NEW).person
    consent.pause(SEASON, person.public_id, later(100), now=later(1))
    moves.confirm(wanted(person).public_id, now=later(2))
    assert selected() == [NEW]
    assert not selection.may_write(other.pk, SEASON, now=later(99))
    assert verify().faults == ()


def test_a_refusal_goes_along_and_is_not_taken_back_by_whoever_has_the_old_address_next() -> None:
    person = subscribed(OLD)
    subscribed(OLD, "autre-2032")
    consent.unsubscribe("autre-2032", person.public_id, now=later(1), source="page")
    moves.confirm(wanted(person).public_id, now=later(2))
    asked(OLD, "autre-2032")
    successor = Person.objects.get(key=OLD)
    consent.confirm("autre-2032", successor.public_id, now=later(3))
    kept = Suppression.objects.get(person=person, reason=Reason.UNSUBSCRIBED)
    assert (kept.key, kept.lifted_at) == (NEW, None)
    assert selection.may_write(successor.pk, "autre-2032", now=later(4))


def test_confirming_while_another_change_is_asked_for_or_an_erasure_runs_blocks_nobody() -> None:
    for number in range(5):
        person = subscribed(f"ada{number}@commune.example")
        move = wanted(person, f"ada{number}@ville.example")
        wanted_next = parse(f"ada{number}@autre.example")
        raised = apart(
            lambda: moves.confirm(move.public_id, now=later(2)),  # noqa: B023 - run before the next round
            lambda: moves.ask(SEASON, person.public_id, wanted_next, now=later(2)),  # noqa: B023
            lambda: rights.erase_person(person.public_id, now=later(3)),  # noqa: B023
        )
        assert all(one is None or isinstance(one, LookupError) for one in raised)


def test_somebody_who_signs_up_with_the_new_address_in_that_instant_is_found_there() -> None:
    for number in range(5):
        person = subscribed(f"ada{number}@commune.example")
        new = f"ada{number}@ville.example"
        move = wanted(person, new)
        raised = apart(
            lambda: moves.confirm(move.public_id, now=later(2)),  # noqa: B023 - run before the next round
            lambda: asked(new),  # noqa: B023
        )
        assert raised == [None, None]
        assert selection.active(SEASON, Choices(("tout",)), cutoff=later(9)).filter(person__key=new).count() == 1


def test_a_link_to_the_preferences_that_lies_in_the_old_mailbox_opens_nothing_after_the_move() -> None:
    person = subscribed()
    old = tokens.make("preferences", SEASON, person.public_id, now=later(0))
    move = moves.ask(SEASON, person.public_id, parse("ada@metropole.example"), now=later(2))
    assert move is not None
    assert moves.read_preferences(old, now=later(3)).public_id == person.public_id
    moves.confirm(move.public_id, now=later(3))
    with pytest.raises(tokens.ExpiredError):
        moves.read_preferences(old, now=later(4))
    new = tokens.make("preferences", SEASON, person.public_id, now=later(4))
    assert moves.read_preferences(new, now=later(5)).public_id == person.public_id
