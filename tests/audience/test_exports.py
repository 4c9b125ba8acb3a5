from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.audience import consent, exports, imports
from pipeline.audience.models import Status
from pipeline.audience.spreadsheet import bare, guarded
from tests.audience.factories import NOW, SEASON, plan, subscribed


@pytest.mark.usefixtures("database")
def test_a_season_that_is_exported_is_imported_again_as_it_was() -> None:
    text = (
        'email;name;organisation;consent_source;consent_at\n=1@x.example;=HYPERLINK("x");@Foix;+registre;2019-11-04\n'
    )
    imports.apply(plan(text.replace('=HYPERLINK("x")', "=1+1")), SEASON, "tout", now=NOW)
    consent.unsubscribe(SEASON, subscribed("eve@x.example").public_id, now=NOW, source="page")
    stream = io.StringIO(newline="")
    assert exports.export_csv(SEASON, stream) == 1
    header, row = csv.reader(io.StringIO(stream.getvalue()))
    assert header[:5] == ["email", "name", "organisation", "consent_source", "consent_at"]
    assert row[:4] == ["'=1@x.example", "'=1+1", "'@Foix", "'+registre"]
    assert plan(stream.getvalue(), None).rows[0].address.key == "=1@x.example"
    (again,) = plan(stream.getvalue(), None).rows
    assert (again.name, again.organisation, again.consent_source) == ("=1+1", "@Foix", "+registre")
    assert again.consent_at is not None
    assert again.consent_at.isoformat() == "2019-11-04T00:00:00+00:00"


@pytest.mark.usefixtures("database")
def test_who_left_is_exported_only_on_demand() -> None:
    consent.unsubscribe(SEASON, subscribed().public_id, now=NOW, source="page")
    assert exports.export_csv(SEASON, io.StringIO()) == 0
    assert exports.export_csv(SEASON, io.StringIO(), statuses=list(Status)) == 1


@given(st.text(max_size=20) | st.text("'=+-@\t\r x", max_size=6))
def test_a_guarded_cell_is_no_formula_and_is_bared_to_what_it_was(cell: str) -> None:
    assert bare(guarded(cell)) == cell
    assert not guarded(cell).startswith(("=", "+", "-", "@", "\t", "\r"))
