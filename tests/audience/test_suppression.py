"""Suppressions of dead addresses: once each, in one order with all others."""

from __future__ import annotations

import pytest
from django.db import transaction

from pipeline.audience import consent, selection, suppression
from pipeline.audience.models import Reason, Suppression
from pipeline.audience.selection import News
from pipeline.audience.wishes import Wish
from tests.audience.factories import NOW, PROOF, SEASON, later, subscribed

pytestmark = pytest.mark.usefixtures("database")


def test_many_at_once_continue_the_sequence_and_repeat_nobody() -> None:
    people = [subscribed(f"p{n}@commune.example") for n in range(5)]
    consent.unsubscribe(SEASON, people[0].public_id, now=NOW, source="page")
    assert suppression.suppress_dead(people[:3], now=NOW) == 3
    assert suppression.suppress_dead(people, now=NOW) == 2
    consent.unsubscribe(SEASON, people[4].public_id, now=NOW, source="page")
    assert list(Suppression.objects.order_by("sequence").values_list("sequence", flat=True)) == [1, 2, 3, 4, 5, 6, 7]
    assert selection.news(4, SEASON) == News(7, frozenset(frozenset({people[3].pk, people[4].pk})))
    assert suppression.suppress_dead([], now=NOW) == 0


def test_a_new_consent_takes_it_back_and_a_later_failure_stands_again() -> None:
    person = subscribed()
    assert suppression.proven_at(person) is None
    suppression.suppress_dead([person], now=NOW)
    with transaction.atomic():
        suppression.lift_by_consent(person, SEASON, now=later(1))
    assert suppression.proven_at(person) == later(1)
    assert suppression.suppress_dead([person], now=later(2)) == 1
    consent.unsubscribe(SEASON, person.public_id, now=later(3), source="page")
    consent.resubscribe(SEASON, person.public_id, Wish("tout"), PROOF, now=later(4))
    assert suppression.proven_at(person) == later(4)


def test_an_address_of_nobody_is_suppressed_once() -> None:
    assert suppression.suppress_dead_address("x@commune.example", now=NOW)
    assert not suppression.suppress_dead_address("x@commune.example", now=NOW)
    assert Suppression.objects.get().reason == Reason.BOUNCED
    assert Suppression.objects.get().person is None
