from __future__ import annotations

import csv
import io
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook

from pipeline.audience import consent, imports
from pipeline.audience.lists import writing
from pipeline.audience.models import Status
from tests.audience.factories import NOW, SEASON, plan, subscribed

EXAMPLES = count()
FORMS: tuple[imports.Format, ...] = imports.FORMATS
TEXTS = st.text("=+-@'\"; ,ax é1＝", max_size=12).map(lambda text: " ".join(text.split()))


def written(form: imports.Format, **options: Any) -> bytes:
    stream = io.BytesIO()
    writing.write(SEASON, stream, form=form, **options)
    return stream.getvalue()


PEOPLE = st.lists(
    st.fixed_dictionaries(
        {
            "name": TEXTS,
            "organisation": TEXTS,
            "consent_source": TEXTS.filter(bool),
            "consent_at": st.sampled_from(["2019-11-04T00:00:00+00:00", "2020-02-29T10:20:30.000004+00:00"]),
            "choice": st.sampled_from(["tout", "final"]),
            "themes": st.sampled_from(["", "air", "air eau"]),
            "rhythm": st.sampled_from(["each", "monthly"]),
            "role": st.sampled_from(["", "elu"]),
            "territory": st.sampled_from(["", "rural"]),
            "department": st.sampled_from(["", "09", "2A", "974"]),
        }
    ),
    min_size=1,
    max_size=4,
)


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(PEOPLE)
def test_a_list_that_is_written_is_read_again_without_loss(form: imports.Format, people: list[dict[str, str]]) -> None:
    example = next(EXAMPLES)  # the database stays the same: each example has a season and people of its own
    season = f"{SEASON}-{example}"
    text = io.StringIO()
    writer = csv.DictWriter(text, ["email", *people[0]])
    writer.writeheader()
    for number, person in enumerate(people):
        cells = {name: f"'{cell}" if cell[:1] in tuple("'=+-@＝") else cell for name, cell in person.items()}
        writer.writerow({"email": f"p{number}@x{example}.example", **cells})
    first = plan(text.getvalue(), None)
    assert not list(map(str, first.faults()))
    imports.apply(first, season, "tout", now=NOW)
    stream = io.BytesIO()
    assert writing.write(season, stream, form=form) == len(people)
    again = plan(stream.getvalue(), None)
    assert not list(map(str, again.faults()))
    assert again.format == form
    assert sorted(row[1:] for row in again.rows()) == sorted(row[1:] for row in first.rows())


@pytest.mark.usefixtures("database")
def test_no_cell_of_a_written_file_is_a_formula() -> None:
    text = "email,name,organisation\n=1@x.example,'=HYPERLINK(1),'+33 5\n-2@x.example,'@SUM(1),x\n"
    imports.apply(plan(text), SEASON, "tout", now=NOW)
    for row in csv.reader(io.StringIO(written("csv").decode())):
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row)
    book = load_workbook(io.BytesIO(written("xlsx")))
    cells = [cell for row in book.worksheets[0].iter_rows() for cell in row if cell.value is not None]
    assert {cell.data_type for cell in cells} == {"s"}
    assert {row.name for row in plan(written("xlsx"), None).rows()} == {"=HYPERLINK(1)", "@SUM(1)"}


@pytest.mark.usefixtures("database")
def test_who_left_is_written_only_on_demand() -> None:
    consent.unsubscribe(SEASON, subscribed().public_id, now=NOW, source="page")
    assert written("jsonl") == b""
    assert b'"status": "ended"' in written("jsonl", statuses=list(Status))
    assert written("csv").decode().strip() == ",".join(writing.EXPORTED)
