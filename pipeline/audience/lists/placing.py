"""Who the people of a list are here, and what importing them would change: asked before, for the difference, and again when it is done."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db.models import Q

from pipeline.audience.fingerprints import fingerprints
from pipeline.audience.lists.bulk import among
from pipeline.audience.lists.judging import Row
from pipeline.audience.models import Person, Reason, Status, Subscription, Suppression
from pipeline.audience.suppression import FOR_GOOD


@dataclass(slots=True)
class Placed:
    """Rows by what becomes of them. ``unknown``: nobody has the address; ``unsubscribed``: known, without a subscription to the season;
    ``waiting``: to be confirmed; ``back``: ended by nothing but the undoing of an import; ``already``: active; ``held``: they
    left, or nobody may write to them."""

    people: dict[str, Person]
    subscriptions: dict[str, Subscription]
    unknown: list[Row] = field(default_factory=list)
    unsubscribed: list[Row] = field(default_factory=list)
    waiting: list[Row] = field(default_factory=list)
    back: list[Row] = field(default_factory=list)
    already: list[Row] = field(default_factory=list)
    held: list[Row] = field(default_factory=list)


def place(rows: Sequence[Row], season: str, *, lock: bool = False) -> Placed:
    """Ask the database about these rows. ``lock``: their people stay as they are until the transaction ends.

    The locks come first: whoever leaves or is erased in this instant has either done so before the suppressions are read, or waits.
    """
    keys = [row.key for row in rows]
    known = Person.objects.filter(key__in=among(keys)).order_by("pk")
    if lock:
        known = known.select_for_update(no_key=True)
    people = {person.key: person for person in known}
    key_of = {person.pk: person.key for person in people.values()}
    barred = _barred(keys, key_of)
    subscriptions = (
        {key_of[one.person_id]: one for one in Subscription.objects.filter(season=season, person__in=among(key_of))}
        if key_of
        else {}
    )
    placed = Placed(people, subscriptions)
    undone = _undone(season, [one.person_id for one in subscriptions.values() if one.status == Status.ENDED])
    for row in rows:
        _list(placed, row, barred.get(row.key, frozenset()) & {"", season}, undone).append(row)
    # In one order for everybody: two imports that make the same people wait for each other, never both at once.
    placed.unknown.sort(key=lambda row: row.key)
    return placed


def _list(placed: Placed, row: Row, barred: frozenset[str], undone: set[int]) -> list[Row]:
    subscription = placed.subscriptions.get(row.key)
    if subscription is not None and subscription.status == Status.ACTIVE:
        return placed.already
    if barred:
        return placed.held
    if subscription is None:
        return placed.unsubscribed if row.key in placed.people else placed.unknown
    if subscription.status == Status.PENDING:
        return placed.waiting
    return placed.back if subscription.person_id in undone else placed.held


def _barred(keys: Sequence[str], key_of: dict[int, str]) -> dict[str, frozenset[str]]:
    """The seasons (``""``: all) that these must be left out of, by key: suppressed now, or gone by their own will at any time.

    What a person's old address was told by :func:`pipeline.audience.suppression.moved` is news about them that bars nothing. A pause
    and the undoing of an import end nobody's right to be imported.
    """
    named = {name: key for key in keys for name in (key, *fingerprints(key))}
    standing = Suppression.objects.filter(Q(lifted_at__isnull=True) | Q(reason__in=FOR_GOOD)).exclude(
        reason__in=(Reason.PAUSED, Reason.UNDONE)
    )
    found: dict[str, set[str]] = {}
    for name, season in standing.filter(key__in=among(named)).values_list("key", "season"):
        found.setdefault(named[name], set()).add(season)
    if key_of:
        theirs = standing.filter(person__in=among(key_of)).exclude(reason=Reason.MOVED, lifted_at__isnull=False)
        for person, season in theirs.values_list("person_id", "season"):
            found.setdefault(key_of[person or 0], set()).add(season)
    return {key: frozenset(seasons) for key, seasons in found.items()}


def _undone(season: str, ended: Sequence[int]) -> set[int]:
    """Those of these people whose subscription ended by the undoing of an import."""
    if not ended:
        return set()
    standing = Suppression.objects.filter(
        person__in=among(ended), season=season, reason=Reason.UNDONE, lifted_at__isnull=True
    )
    return {person for person in standing.values_list("person_id", flat=True) if person is not None}


def lift(people: Sequence[int], season: str, *, now: dt.datetime) -> None:
    """These come back by a new import: that an earlier one was undone keeps nothing from them any more."""
    Suppression.objects.filter(
        person__in=among(people), season=season, reason=Reason.UNDONE, lifted_at__isnull=True
    ).update(lifted_at=now)
