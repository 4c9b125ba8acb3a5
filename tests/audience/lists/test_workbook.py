from __future__ import annotations

import datetime as dt
import io
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from pipeline.audience import imports
from pipeline.audience.lists import workbook
from tests.audience.factories import plan

HEADER = ["Courriel", "Nom", "Date du consentement", "Origine"]


def book(*rows: list[object]) -> bytes:
    made = Workbook()
    sheet = made.active
    assert sheet is not None
    for row in rows:
        sheet.append(row)
    stream = io.BytesIO()
    made.save(stream)
    return stream.getvalue()


def rewritten(raw: bytes, name: str, text: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(raw)) as old, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as new:
        for file in old.namelist():
            new.writestr(file, text if file == name else old.read(file))
    return stream.getvalue()


def test_dates_numbers_and_formulas_are_read_as_texts() -> None:
    read = plan(
        book(
            HEADER,
            ["ada@x.example", "=1+1", dt.datetime(2019, 11, 4, 8, 30), "registre"],  # noqa: DTZ001 - a sheet knows no zone
            [],
            ["bob@x.example", 12, dt.date(2019, 11, 4), "registre"],
        )
    )
    assert read.format == "xlsx"
    assert read.columns["email"] == "Courriel"
    assert [(row.line, row.name, row.consent_at) for row in read.rows()] == [
        (2, "=1+1", "2019-11-04T08:30:00+00:00"),
        (4, "12", "2019-11-04T00:00:00+00:00"),
    ]
    assert not read.faulty


def test_a_sheet_that_lies_about_its_size_is_read_whole() -> None:
    raw = book(HEADER, ["ada@x.example", "Ada", None, "registre"])
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        sheet = archive.read("xl/worksheets/sheet1.xml")
    lying = sheet.replace(b'ref="A1:D2"', b'ref="A1"')
    assert lying != sheet
    (row,) = plan(rewritten(raw, "xl/worksheets/sheet1.xml", lying)).rows()
    assert row.consent_source == "registre"


def test_what_stands_right_of_the_header_is_told() -> None:
    read = plan(book(["email"], ["ada@x.example"], ["bob@x.example", "?"]))
    assert [(fault.line, fault.field) for fault in read.faults()] == [(3, "")]


@pytest.mark.parametrize(
    "sheet",
    [
        b"<!DOCTYPE x [<!ENTITY a 'aaaaaaaa'><!ENTITY b '&a;&a;&a;&a;'>]><worksheet>&b;</worksheet>",
        b"<worksheet><sheetData><row r='999999999999'><c r='A1' t='inlineStr'><is><t>email</t></is></c></row></sheetData>",
        b"<worksheet xmlns='http://schemas.openxmlformats.org/spreadsheetml/2006/main'><sheetData>"
        b"<row r='1'><c r='A1' t='inlineStr'><is><t>email</t></is></c></row><row r='999999999'><c r='A1'><v>1</v></c></row>"
        b"</sheetData></worksheet>",
        b"<worksheet xmlns='http://schemas.openxmlformats.org/spreadsheetml/2006/main'><sheetData>"
        b"<row r='1'><c r='A1' t='s'><v>9999</v></c></row></sheetData></worksheet>",
        b"",
    ],
    ids=["entities", "a row without end", "a gap of a thousand million rows", "no such text", "empty"],
)
def test_a_hostile_sheet_is_a_fault_and_never_imported(sheet: bytes) -> None:
    read = plan(rewritten(book(HEADER, ["ada@x.example", "", None, "r"]), "xl/worksheets/sheet1.xml", sheet))
    assert not read.readable
    assert read.faulty == 1
    with pytest.raises(imports.ImportRefusedError):
        imports.apply(read, "essai", "tout", now=dt.datetime(2031, 1, 1, tzinfo=dt.UTC), skip_faulty=True)


def test_a_workbook_that_unpacks_to_too_much_is_not_unpacked() -> None:
    raw = book(HEADER, ["ada@x.example", "Ada", None, "registre"])
    bomb = rewritten(raw, "xl/styles.xml", b" " * (workbook._HELD + 1))
    assert len(bomb) < 60_000
    (fault,) = plan(bomb).faults()
    assert "trop grand" in fault.message


def test_an_old_workbook_is_told_apart() -> None:
    (fault,) = plan(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)).faults()
    assert ".xlsx" in fault.mend


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=200).map(b"PK\x03\x04".__add__))
def test_any_bytes_that_begin_as_a_workbook_are_judged(raw: bytes) -> None:
    assert plan(raw).faulty


RAW = book(HEADER, ["ada@x.example", "Ada", dt.date(2019, 11, 4), "registre"], ["bob@x.example", 1.5, None, "registre"])


@settings(deadline=None, max_examples=80)
@given(st.lists(st.tuples(st.integers(0, len(RAW) - 1), st.integers(0, 255)), min_size=1, max_size=12))
def test_a_damaged_workbook_is_judged(damages: list[tuple[int, int]]) -> None:
    raw = bytearray(RAW)
    for place, value in damages:
        raw[place] = value
    read = plan(b"PK\x03\x04" + bytes(raw[4:]))
    assert read.faulty or read.count
