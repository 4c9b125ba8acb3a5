"""What is held about a person, shown, taken along or erased; and a season's list as a file that :mod:`imports` reads again."""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Iterable
from typing import Any, TextIO

from django.db import transaction
from django.db.models import OuterRef, Q, Subquery

from pipeline.audience import addresses, signals, suppression
from pipeline.audience.consent import UnknownPersonError
from pipeline.audience.fingerprints import fingerprint, fingerprints
from pipeline.audience.listing import COLUMNS
from pipeline.audience.models import Consent, Event, Person, Reason, Status, Subscription, Suppression
from pipeline.audience.spreadsheet import guarded

EXPORTED = (*COLUMNS, "choice", "status", "since")


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
                "source": one.source,
                "text_version": one.text_version,
                "form": one.form,
                "ip_truncated": one.ip_truncated,
                "choice": one.choice,
                "at": _iso(one.at),
                "given_at": _iso(one.given_at),
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
        running.status, running.ended_at = Status.ENDED, now
        running.save(update_fields=["status", "ended_at"])
        Consent.objects.create(
            person=person,
            season=running.season,
            event=Event.WITHDRAWN,
            source="effacement",
            choice=running.choice,
            at=now,
        )
    Consent.objects.forget(person)
    address = person.email
    person.email = person.name = person.organisation = ""
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
    latest = Consent.objects.filter(
        person=OuterRef("person"), season=season, event__in=(Event.GRANTED, Event.CONFIRMED, Event.IMPORTED)
    ).order_by("-id")
    rows = (
        Subscription.objects.filter(season=season, status__in=list(statuses), person__erased_at__isnull=True)
        .annotate(
            source=Subquery(latest.exclude(event=Event.CONFIRMED).values("source")[:1]),
            given=Subquery(latest.values("given_at")[:1]),
            written=Subquery(latest.values("at")[:1]),
        )
        .order_by("person_id")
        .values_list(
            "person__email",
            "person__name",
            "person__organisation",
            "source",
            "given",
            "written",
            "choice",
            "status",
            "since",
        )
    )
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow(EXPORTED)
    count = 0
    for email, name, organisation, source, given, written, choice, status, since in rows.iterator(chunk_size=2_000):
        cells = (
            email,
            name,
            organisation,
            source or "",
            _iso(given or written) or "",
            choice,
            status,
            _iso(since) or "",
        )
        writer.writerow([guarded(cell) for cell in cells])
        count += 1
    return count


def _iso(instant: dt.datetime | None) -> str | None:
    return None if instant is None else instant.astimezone(dt.UTC).isoformat()
