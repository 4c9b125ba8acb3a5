"""What an entry says comes back as it was said, to whoever has the key; anything else is seen."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, fields
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.audience import evidence
from pipeline.audience.evidence import Details, TamperedError
from pipeline.audience.models import Consent, Event, Person
from tests.audience.factories import NOW

KEY = bytes(range(32))
TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=30)
DETAILS = st.builds(Details, **{one.name: TEXT for one in fields(Details)})
INSTANTS = st.integers(0, 2**32).map(lambda n: NOW + dt.timedelta(seconds=n, microseconds=n % 10**6))


def person(public_id: UUID, key: bytes = KEY) -> Person:
    return Person(pk=7, public_id=public_id, ledger_key=key, created_at=NOW)


@given(DETAILS, st.uuids(), TEXT, st.sampled_from(Event), INSTANTS)
def test_what_was_said_is_read_again(said: Details, who: UUID, season: str, event: Event, at: dt.datetime) -> None:
    entry = evidence.entry(person(who), season, event, said, now=at)
    assert evidence.read(entry, person(who)) == said
    assert evidence.whose(entry) == who


@given(DETAILS, st.data())
def test_a_changed_bit_of_details_or_commitment_is_seen(said: Details, data: st.DataObject) -> None:
    who = UUID(int=1)
    entry = evidence.entry(person(who), "s", Event.GRANTED, said, now=NOW)
    name = data.draw(st.sampled_from(["details", "commitment"]))
    kept = bytearray(getattr(entry, name))
    at, bit = data.draw(st.integers(0, len(kept) - 1)), data.draw(st.integers(0, 7))
    kept[at] ^= 1 << bit
    setattr(entry, name, bytes(kept))
    with pytest.raises(TamperedError):
        evidence.read(entry, person(who))


@given(DETAILS, st.binary(max_size=100))
def test_whatever_stands_in_place_of_the_details_is_seen(said: Details, other: bytes) -> None:
    entry = evidence.entry(person(UUID(int=1)), "s", Event.GRANTED, said, now=NOW)
    for forged in (other, bytes(entry.details)[: len(other)], bytes(entry.details) + b"\0" + other):
        entry.details = forged
        with pytest.raises(TamperedError):
            evidence.read(entry, person(UUID(int=1)))


@pytest.mark.parametrize(
    "change",
    [{"season": "autre"}, {"event": Event.WITHDRAWN}, {"at": NOW + dt.timedelta(microseconds=1)}],
    ids=["season", "event", "at"],
)
def test_what_stands_in_clear_is_bound_too(change: dict[str, object]) -> None:
    entry = evidence.entry(person(UUID(int=1)), "s", Event.GRANTED, Details("formulaire"), now=NOW)
    for name, value in change.items():
        setattr(entry, name, value)
    with pytest.raises(TamperedError):
        evidence.read(entry, person(UUID(int=1)))


def test_an_entry_opens_for_nobody_else_and_under_no_other_key() -> None:
    who = uuid4()
    entry = evidence.entry(person(who), "s", Event.GRANTED, Details("formulaire"), now=NOW)
    for other in (person(uuid4()), person(who, bytes(32)), person(who, b"court")):
        with pytest.raises(TamperedError):
            evidence.read(entry, other)


def test_without_its_key_an_entry_tells_nothing() -> None:
    who = uuid4()
    said = Details(source="formulaire", ip_truncated="192.0.2.0")
    entry = evidence.entry(person(who), "s", Event.GRANTED, said, now=NOW)
    assert evidence.read(entry, person(who, b"")) is None
    assert evidence.read(entry, None) is None
    kept = bytes(entry.details) + bytes(entry.commitment)
    assert not any(value.encode() in kept for value in asdict(said).values() if value)


def test_the_same_said_twice_looks_like_two_things() -> None:
    who = uuid4()
    one, two = (evidence.entry(person(who), "s", Event.GRANTED, Details("x"), now=NOW) for _ in range(2))
    assert one.commitment != two.commitment
    assert bytes(one.details)[17:] != bytes(two.details)[17:]


def test_an_entry_without_details_says_not_whose_it_is() -> None:
    with pytest.raises(TamperedError):
        evidence.whose(Consent(season="s", event=Event.GRANTED, at=NOW))
