"""A list of people from a CSV file: every line is judged first (:mod:`pipeline.audience.listing`), then all go in at once, or none."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice

from django.db import transaction
from django.db.models import Q

from pipeline.audience import evidence
from pipeline.audience.evidence import Details
from pipeline.audience.fingerprints import fingerprints
from pipeline.audience.listing import Duplicate, Plan, Row, read_csv
from pipeline.audience.models import Consent, Event, Person, Status, Subscription, Suppression
from pipeline.audience.suppression import FOR_GOOD
from pipeline.content.errors import ContentError, Fault

__all__ = ["Duplicate", "ImportRefusedError", "Plan", "Result", "Row", "apply", "read_csv"]

CHUNK = 2_000
"""Rows taken together. The number of queries grows with the number of chunks, not with that of rows."""


class ImportRefusedError(ContentError):
    """The file has faults and nothing of it was imported; ``faults`` holds them all."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a file's lines: the four numbers add up to its rows and faulty lines.

    ``suppressed``: they left, or their address is suppressed: left as they are. ``refused``: faulty lines. ``notes`` says it line
    by line for both.
    """

    added: int
    already: int
    suppressed: int
    refused: int
    notes: tuple[Fault, ...] = field(default=(), repr=False)


def apply(plan: Plan, season: str, choice: str, *, now: dt.datetime, skip_faulty: bool = False) -> Result:
    """Subscribe the people of ``plan`` to ``season`` at once, each with an *imported* entry in the ledger; one transaction.

    A person who waits for confirmation becomes active; one who is active is left alone, choice included; one who ever left the
    season (or everything), complained or was erased stays out: only they can come back. Names of known people are kept.

    Raises:
        ImportRefusedError: there are faulty lines and ``skip_faulty`` is false; nothing was imported.
    """
    late = plan.consents_after(now)
    faults = (*plan.faults, *late)
    if faults and not skip_faulty:
        raise ImportRefusedError(list(faults))
    refused = {fault.line for fault in late}
    rows = iter([row for row in plan.rows if row.line not in refused])
    added = already = 0
    held: list[Row] = []
    with transaction.atomic():
        while chunk := list(islice(rows, CHUNK)):
            counted = _apply_chunk(chunk, season, choice, now, held)
            added += counted[0]
            already += counted[1]
    return Result(
        added=added,
        already=already,
        suppressed=len(held),
        refused=len({fault.line for fault in faults}),
        notes=tuple(sorted([*faults, *(_note(plan.path, row) for row in held)])),
    )


def _apply_chunk(rows: Sequence[Row], season: str, choice: str, now: dt.datetime, held: list[Row]) -> tuple[int, int]:
    barred = _barred(rows, season)
    people = _people(rows, barred, now)
    known = {
        subscription.person_id: subscription
        for subscription in Subscription.objects.filter(season=season, person_id__in=list(people.values()))
    }
    fresh: list[tuple[Row, int]] = []
    waiting: list[int] = []
    already = 0
    keys = dict(Person.objects.filter(pk__in=people.values()).in_bulk())
    for row in rows:
        subscription = known.get(people.get(row.address.key, 0))
        if subscription is not None and subscription.status == Status.ACTIVE:
            already += 1
        elif row.address.key in barred or (subscription is not None and subscription.status == Status.ENDED):
            held.append(row)
        else:
            fresh.append((row, people[row.address.key]))
            if subscription is not None:
                waiting.append(subscription.pk)
    Subscription.objects.filter(pk__in=waiting).update(status=Status.ACTIVE, choice=choice, since=now, decided_at=now)
    Subscription.objects.bulk_create(
        Subscription(person_id=person, season=season, choice=choice, status=Status.ACTIVE, since=now, decided_at=now)
        for _, person in fresh
        if person not in known
    )
    Consent.objects.bulk_create(
        evidence.entry(
            keys[person],
            season,
            Event.IMPORTED,
            Details(
                source=row.consent_source,
                choice=choice,
                given_at=row.consent_at.isoformat() if row.consent_at else "",
            ),
            now=now,
        )
        for row, person in fresh
    )
    return len(fresh), already


def _barred(rows: Sequence[Row], season: str) -> set[str]:
    """The keys of those whom an import must leave alone: suppressed now, or gone by their own will at any time."""
    named: dict[str, str] = {}
    for row in rows:
        for name in (row.address.key, *fingerprints(row.address.key)):
            named[name] = row.address.key
    standing = Suppression.objects.filter(Q(lifted_at__isnull=True) | Q(reason__in=FOR_GOOD), season__in=("", season))
    found = standing.filter(Q(key__in=list(named)) | Q(person__key__in=list(named))).values_list("key", "person__key")
    return {named[name] for pair in found for name in pair if name in named}


def _people(rows: Sequence[Row], barred: set[str], now: dt.datetime) -> dict[str, int]:
    """The id of each row's person, by key; those who are not known yet are created, unless they are barred."""
    keys = [row.address.key for row in rows]
    known = dict(Person.objects.filter(key__in=keys).values_list("key", "id"))
    new = [row for row in rows if row.address.key not in known and row.address.key not in barred]
    if not new:
        return known
    # Someone may sign up with one of these addresses in this instant: theirs stays, and is looked up like the others.
    Person.objects.bulk_create(
        (
            Person(
                email=row.address.mailbox,
                key=row.address.key,
                name=row.name,
                organisation=row.organisation,
                ledger_key=evidence.new_key(),
                created_at=now,
            )
            for row in new
        ),
        ignore_conflicts=True,
    )
    return dict(Person.objects.filter(key__in=keys).values_list("key", "id"))


def _note(path: str, row: Row) -> Fault:
    return Fault(
        path,
        row.line,
        "email",
        "cette personne s’est désabonnée, ou son adresse ne doit plus recevoir de message : rien n’a changé pour elle.",
        "Elle seule peut revenir, en s’inscrivant.",
    )
