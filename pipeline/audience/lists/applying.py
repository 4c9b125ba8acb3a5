"""Carrying an import out, part by part, in short transactions, so that nobody who signs up or leaves waits for it.

One transaction for a million rows would keep SQLite's only writer, and on PostgreSQL whoever signs up with an address of the list,
waiting for minutes. So the rows are first put into the database as *parts* (:class:`pipeline.audience.list_models.ImportPart`), together
with the decision to import them; from then on any process can carry it on. A part is applied and deleted in one transaction. What it
brings is seen by no mailing before the import is ``done`` (:func:`pipeline.audience.selection.active`), which is one row.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from uuid import UUID, uuid4

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.db import IntegrityError, transaction
from django.db.models import Exists, F, OuterRef

from pipeline.audience import evidence
from pipeline.audience.evidence import Details
from pipeline.audience.list_models import Import, ImportPart
from pipeline.audience.lists import bulk
from pipeline.audience.lists.judging import Row
from pipeline.audience.lists.placing import Placed, lift, place
from pipeline.audience.models import Consent, Event, Person, Rhythm, Status, Subscription

CHUNK = 2_000
"""Rows of a part. The number of queries grows with the number of parts, not with that of rows."""
MANY = 10_000
_TRIES = 5

Seen = Callable[[Placed], None]


def decide(told: Import, chunks: Iterable[Sequence[Row]]) -> Import:
    """Write down that these rows are to be imported: with this commit they will be, whatever dies."""
    with transaction.atomic():
        told.save()
        for number, rows in enumerate(chunks, 1):
            packed = zlib.compress(json.dumps(rows, ensure_ascii=False, separators=(",", ":")).encode(), 1)
            ImportPart.objects.create(brought_by=told, number=number, rows=packed)
    return told


def carry_on(told: Import, *, seen: Seen = lambda _: None, go_on: Callable[[], bool] = lambda: True) -> bool:
    """Apply what is left of an import, while ``go_on`` says so; True once it is done. Two at once share the work."""
    applied = 0
    while (part := ImportPart.objects.filter(brought_by=told).order_by("number").first()) is not None:
        if not go_on():
            return False
        applied += _apply(told, part, seen)
    if applied > MANY:
        bulk.settle(Person, Subscription, Consent)
    left = Exists(ImportPart.objects.filter(brought_by=OuterRef("pk")))
    Import.objects.filter(pk=told.pk, state=Import.State.APPLYING).exclude(left).update(state=Import.State.DONE)
    told.refresh_from_db()
    return True


def _apply(told: Import, part: ImportPart, seen: Seen) -> int:
    rows = [Row._make(row) for row in json.loads(zlib.decompress(bytes(part.rows)))]
    made = _Made(told, rows)
    for left in reversed(range(_TRIES)):
        try:
            with transaction.atomic():
                # Whoever deletes the part applies it; a second one waits here, and finds nothing.
                if not ImportPart.objects.filter(pk=part.pk).delete()[0]:
                    return 0
                placed = _write(told, rows, made)
        except IntegrityError:  # somebody signs up with one of these addresses in this instant: now they are known
            if not left:
                raise
        else:
            seen(placed)
            return len(rows)
    raise AssertionError  # the last try returns or raises


class _Made:
    """What new people need, made before the transaction begins: ids, keys, their entries of the ledger."""

    def __init__(self, told: Import, rows: Sequence[Row]) -> None:
        known = set(Person.objects.filter(key__in=bulk.among([row.key for row in rows])).values_list("key", flat=True))
        self._told = told
        self._people = {row.key: self._one(row) for row in rows if row.key not in known}

    def of(self, row: Row) -> tuple[UUID, bytes, bytes, bytes]:
        """Public id, key, details, commitment."""
        return self._people.get(row.key) or self._one(row)

    def _one(self, row: Row) -> tuple[UUID, bytes, bytes, bytes]:
        who, key = uuid4(), evidence.new_key()
        told = self._told
        return (
            who,
            key,
            *evidence.close(AESGCM(key), who, told.season, Event.IMPORTED, _details(row, told), now=told.at),
        )


def _write(told: Import, rows: Sequence[Row], made: _Made) -> Placed:
    placed = place(rows, told.season, lock=True)
    at = bulk.instant(told.at)
    ids = dict(zip((row.key for row in placed.unknown), bulk.numbers(Person, len(placed.unknown)), strict=True))
    new = [(row, made.of(row)) for row in placed.unknown]
    bulk.insert(
        Person,
        ("id", "public_id", "email", "key", "name", "organisation", "ledger_key", "created_at"),
        (
            (ids[row.key], bulk.uuid(who), row.mailbox, row.key, row.name, row.organisation, key, at)
            for row, (who, key, _, _) in new
        ),
    )
    ids |= {row.key: placed.people[row.key].pk for row in placed.unsubscribed}
    _subscribe(told, [*placed.unknown, *placed.unsubscribed], ids, at)
    _wake(told, placed)
    entries: list[tuple[Any, ...]] = [(ids[row.key], details, commitment) for row, (_, _, details, commitment) in new]
    for row in (*placed.unsubscribed, *placed.waiting, *placed.back):
        entries.append(_entry(told, placed.people[row.key], _details(row, told, placed.subscriptions.get(row.key))))
    write_entries(entries, told.season, Event.IMPORTED, at)
    Import.objects.filter(pk=told.pk).update(
        added=F("added") + len(entries),
        already=F("already") + len(placed.already),
        held=F("held") + len(placed.held),
    )
    return placed


def _subscribe(told: Import, rows: Sequence[Row], ids: dict[str, int], at: Any) -> None:
    columns = ("person_id", "season", "choice", "themes", "rhythm", "role", "territory", "department")
    bulk.insert(
        Subscription,
        (*columns, "status", "since", "decided_at", "brought_by_id"),
        (
            (
                *(ids[row.key], told.season, row.choice or told.choice, row.themes, row.rhythm or Rhythm.EACH.value),
                *(row.role, row.territory, row.department, Status.ACTIVE.value, at, at, told.pk),
            )
            for row in rows
        ),
    )


def _wake(told: Import, placed: Placed) -> None:
    """Those who have a subscription get it back. What they asked for themselves stays, where the file does not say otherwise."""
    rows = {row.key: row for row in (*placed.waiting, *placed.back)}
    changed = [placed.subscriptions[key] for key in rows]
    for key, one in zip(rows, changed, strict=True):
        row = rows[key]
        if row.choice:
            one.choice, one.themes = row.choice, row.themes
        one.rhythm = row.rhythm or one.rhythm
        one.role, one.territory = row.role or one.role, row.territory or one.territory
        one.department = row.department or one.department
        one.status, one.since, one.decided_at = Status.ACTIVE, told.at, told.at
        one.ended_at = one.renewal_at = one.reminded_at = None
        one.brought_by = told
    Subscription.objects.bulk_update(
        changed,
        [
            *("choice", "themes", "rhythm", "role", "territory", "department", "status", "since", "decided_at"),
            *("ended_at", "renewal_at", "reminded_at", "brought_by"),
        ],
        batch_size=200,
    )
    if placed.back:
        lift([placed.people[row.key].pk for row in placed.back], told.season, now=told.at)


def _details(row: Row, told: Import, held: Subscription | None = None) -> Details:
    """What the ledger says. A subscription that was there has become what it says already."""
    return Details(
        source=row.consent_source,
        choice=held.choice if held else row.choice or told.choice,
        themes=(held.themes if held else row.themes).strip(),
        rhythm=held.rhythm if held else row.rhythm or Rhythm.EACH.value,
        given_at=row.consent_at,
    )


def _entry(told: Import, person: Person, details: Details) -> tuple[int, bytes, bytes]:
    cipher = AESGCM(bytes(person.ledger_key))
    return person.pk, *evidence.close(cipher, person.public_id, told.season, Event.IMPORTED, details, now=told.at)


def write_entries(entries: Iterable[tuple[Any, ...]], season: str, event: Event, at: Any) -> None:
    """Append to the ledger: person, details and commitment each; ``at`` as :func:`~.bulk.instant` gives it."""
    bulk.insert(
        Consent,
        ("person_id", "season", "event", "at", "details", "commitment"),
        ((person, season, event.value, at, details, commitment) for person, details, commitment in entries),
    )
