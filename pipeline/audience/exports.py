"""What is held about a person, shown, taken along or erased; and a season's list as a file that :mod:`imports` reads again."""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from itertools import islice
from typing import Any, TextIO

from django.db import transaction
from django.db.models import Q

from pipeline.audience import addresses, consent, evidence, signals, suppression
from pipeline.audience.consent import Proof, UnknownPersonError
from pipeline.audience.fingerprints import fingerprint, fingerprints
from pipeline.audience.listing import COLUMNS
from pipeline.audience.models import Consent, Event, Person, Reason, SignUp, Status, Subscription, Suppression
from pipeline.audience.spreadsheet import guarded

EXPORTED = (*COLUMNS, "choice", "status", "since")
CHUNK = 2_000


def show(email: str) -> dict[str, Any]:
    """Everything this room holds about a person, as JSON takes it; instants in ISO 8601, UTC; the ledger oldest first.

    Raises:
        AddressError: ``email`` is not an address.
        UnknownPersonError: nobody has it (an erased person has none any more).
    """
    person = Person.objects.filter(key=addresses.parse(email).key).first()
    if person is None:
        raise UnknownPersonError
    about = Suppression.objects.filter(Q(person=person) | Q(key__in=(person.key, *fingerprints(person.key))))
    return {
        "email": person.email,
        "name": person.name,
        "organisation": person.organisation,
        "public_id": str(person.public_id),
        "created_at": _iso(person.created_at),
        "subscriptions": [
            {
                "season": one.season,
                "choice": one.choice,
                "status": one.status,
                "since": _iso(one.since),
                "ended_at": _iso(one.ended_at),
            }
            for one in person.subscriptions.order_by("season")
        ],
        "consents": [
            {
                "season": one.season,
                "event": one.event,
                "at": _iso(one.at),
                **asdict(evidence.read(one, person) or evidence.Details()),
            }
            for one in person.consents.order_by("id")
        ],
        "suppressions": [
            {"season": one.season, "reason": one.reason, "at": _iso(one.at), "lifted_at": _iso(one.lifted_at)}
            for one in about.order_by("sequence")
        ],
    }


@transaction.atomic
def erase(email: str, *, now: dt.datetime) -> None:
    """Forget a person for good. What stays: an empty row that ledgers point to, what they consented to and when, and the keyed hash
    of their address, so that nobody imports it again. Nothing is written to them once this is committed.

    Raises:
        AddressError: ``email`` is not an address.
        UnknownPersonError: nobody has it.
    """
    key = addresses.parse(email).key
    person = Person.objects.select_for_update().filter(key=key).first()
    if person is None:
        raise UnknownPersonError
    for running in Subscription.objects.filter(person=person).exclude(status=Status.ENDED):
        running.person = person
        consent.end(running, Event.WITHDRAWN, Proof(source="effacement"), why=Reason.ERASED, now=now)
    address = person.email
    person.email = person.name = person.organisation = ""
    person.ledger_key = b""
    for kept in (person.moves, person.visits):
        kept.all().delete()
    SignUp.objects.filter(key=key).delete()
    Subscription.objects.filter(person=person).update(role="", territory="", department="")
    person.key = f"erased:{person.public_id}"
    person.erased_at = now
    person.save()
    hashed = fingerprint(key)
    Suppression.objects.filter(Q(person=person) | Q(key=key)).update(key=hashed)
    signals.erased.send(sender=Person, person_id=person.pk, address=address, now=now)
    suppression.suppress(hashed, Reason.ERASED, now=now, person=person)


def export_csv(season: str, stream: TextIO, *, statuses: Iterable[Status] = (Status.ACTIVE,)) -> int:
    """Write the season's people, one a line, in the columns that an import reads plus ``choice, status, since``. Returns their number.

    Cells are guarded against formulas (:mod:`pipeline.audience.spreadsheet`). ``stream``: opened with ``newline=""``.
    """
    kept = Subscription.objects.filter(season=season, status__in=list(statuses), person__erased_at__isnull=True)
    rows = kept.select_related("person").order_by("person_id").iterator(chunk_size=CHUNK)
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow(EXPORTED)
    count = 0
    while chunk := list(islice(rows, CHUNK)):
        given = _given(season, [one.person for one in chunk])
        for one in chunk:
            source, at = given.get(one.person_id, ("", ""))
            person = one.person
            cells = (
                person.email,
                person.name,
                person.organisation,
                source,
                at,
                one.choice,
                one.status,
                _iso(one.since),
            )
            writer.writerow([guarded(cell or "") for cell in cells])
        count += len(chunk)
    return count


def _given(season: str, people: Sequence[Person]) -> dict[int, tuple[str, str]]:
    """Where each person's consent comes from, and since when, as their last grants in the ledger say."""
    known = {person.pk: person for person in people}
    grants = Consent.objects.filter(
        person__in=known, season=season, event__in=(Event.GRANTED, Event.CONFIRMED, Event.IMPORTED)
    )
    found: dict[int, tuple[str, str]] = {}
    for one in grants.order_by("id"):
        person = known[one.person_id or 0]
        details = evidence.read(one, person)
        if details is None:
            continue
        source = details.source if one.event != Event.CONFIRMED else found.get(person.pk, ("", ""))[0]
        found[person.pk] = (source, details.given_at or _iso(one.at) or "")
    return found


def _iso(instant: dt.datetime | None) -> str | None:
    return None if instant is None else instant.astimezone(dt.UTC).isoformat()
