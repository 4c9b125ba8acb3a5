"""A season's list as a file that :mod:`.reading` reads again without loss, row by row; safe to open in a spreadsheet program."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import IO, Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell

from pipeline.audience import evidence
from pipeline.audience.lists.columns import COLUMNS
from pipeline.audience.lists.reading import Format
from pipeline.audience.lists.workbook import MOST_ROWS
from pipeline.audience.models import Consent, Event, Person, Status, Subscription
from pipeline.audience.spreadsheet import guarded
from pipeline.audience.wishes import unpacked

EXPORTED = (*COLUMNS, "status", "since")
CHUNK = 2_000


class TooLongError(ValueError):
    """A sheet does not hold so many rows; the message is French."""

    def __init__(self) -> None:
        super().__init__(f"Une feuille XLSX ne tient pas plus de {MOST_ROWS} lignes : écrire du CSV ou du JSON.")


def write(
    season: str, stream: IO[bytes], *, form: Format = "csv", statuses: Iterable[Status] = (Status.ACTIVE,)
) -> int:
    """Write the season's people, one a row: the columns that are read, then ``status`` and ``since``. Returns their number.

    In CSV and XLSX, cells are guarded against formulas (:mod:`pipeline.audience.spreadsheet`).

    Raises:
        TooLongError: there are more than a sheet holds.
    """
    return _WRITERS[form](people(season, statuses), stream)


def people(season: str, statuses: Iterable[Status] = (Status.ACTIVE,)) -> Iterator[dict[str, str]]:
    """The season's people, by :data:`EXPORTED`; instants in ISO 8601, UTC; themes separated by spaces."""
    kept = Subscription.objects.filter(season=season, status__in=list(statuses), person__erased_at__isnull=True)
    rows = kept.select_related("person").order_by("person_id").iterator(chunk_size=CHUNK)
    while chunk := list(islice(rows, CHUNK)):
        given = _given(season, [one.person for one in chunk])
        for one in chunk:
            source, at = given.get(one.person_id, ("", ""))
            yield {
                "email": one.person.email,
                "name": one.person.name,
                "organisation": one.person.organisation,
                "consent_source": source,
                "consent_at": at,
                "choice": one.choice,
                "themes": " ".join(unpacked(one.themes)),
                "rhythm": one.rhythm,
                "role": one.role,
                "territory": one.territory,
                "department": one.department,
                "status": one.status,
                "since": _iso(one.since),
            }


def _csv(rows: Iterable[dict[str, str]], stream: IO[bytes]) -> int:
    text = io.TextIOWrapper(stream, encoding="utf-8", newline="")
    try:
        writer = csv.writer(text, lineterminator="\r\n")
        writer.writerow(EXPORTED)
        count = 0
        for row in rows:
            writer.writerow([guarded(cell) for cell in row.values()])
            count += 1
        return count
    finally:
        text.flush()
        text.detach()


def _json_lines(rows: Iterable[dict[str, str]], stream: IO[bytes]) -> int:
    count = 0
    for row in rows:
        count += 1
        said: dict[str, Any] = {name: cell for name, cell in row.items() if cell}
        if row["themes"]:
            said["themes"] = row["themes"].split()
        stream.write(json.dumps(said, ensure_ascii=False).encode() + b"\n")
    return count


def _xlsx(rows: Iterable[dict[str, str]], stream: IO[bytes]) -> int:
    book = Workbook(write_only=True)
    sheet = book.create_sheet("abonnés")
    sheet.append(list(EXPORTED))
    count = 0
    for count, row in enumerate(rows, 1):
        if count >= MOST_ROWS:
            raise TooLongError
        sheet.append([_text(sheet, cell) for cell in row.values()])
    book.save(stream)
    return count


def _text(sheet: Any, cell: str) -> Any:
    """A cell that holds text whatever it looks like: guarded as in CSV, for the sheet may be saved as one."""
    if not cell:
        return None
    made = WriteOnlyCell(sheet, guarded(cell))
    made.data_type = "s"
    return made


_WRITERS: dict[Format, Callable[[Iterable[dict[str, str]], IO[bytes]], int]] = {
    "csv": _csv,
    "xlsx": _xlsx,
    "jsonl": _json_lines,
}


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
        found[person.pk] = (source, details.given_at or _iso(one.at))
    return found


def _iso(instant: dt.datetime) -> str:
    return instant.astimezone(dt.UTC).isoformat()
