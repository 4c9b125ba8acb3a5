"""A season's list as a file that :mod:`pipeline.audience.imports` reads again."""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TextIO

from pipeline.audience import evidence
from pipeline.audience.listing import COLUMNS
from pipeline.audience.models import Consent, Event, Person, Status, Subscription
from pipeline.audience.spreadsheet import guarded

EXPORTED = (*COLUMNS, "choice", "status", "since")
CHUNK = 2_000


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
