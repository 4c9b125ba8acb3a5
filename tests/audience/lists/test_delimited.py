from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.audience.imports import read_csv
from pipeline.audience.lists.delimited import LONGEST_LINE
from tests.audience.factories import plan

HEADER = "email,name,organisation,consent_source,consent_at\n"


def faulty(text: str | bytes, consent_source: str | None = "registre 2030") -> list[tuple[int, str]]:
    found = plan(text, consent_source)
    faults = list(found.faults())
    assert all(fault.message and fault.mend and fault.path == "liste.csv" for fault in faults)
    return [(fault.line, fault.field) for fault in faults]


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["no BOM", "BOM"])
@pytest.mark.parametrize("delimiter", [";", ","])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
def test_the_five_columns_are_read(mark: bytes, delimiter: str, end: str) -> None:
    lines = (
        ["email", "name", "organisation", "consent_source", "consent_at"],
        ["Zoe@commune.example", "Zoé  Élue", "Ville d’Étampes", "registre", "2019-11-04"],
        ["bob@commune.example", "", "", "bulletin", "2019-11-04T10:00:00+01:00"],
    )
    read = plan(mark + "".join(delimiter.join(line) + end for line in lines).encode(), None)
    assert not read.faulty
    zoe, bob = read.rows()
    assert (zoe.line, zoe.mailbox, zoe.name, zoe.organisation) == (
        2,
        "Zoe@commune.example",
        "Zoé Élue",
        "Ville d’Étampes",
    )
    assert (zoe.consent_source, zoe.consent_at) == ("registre", "2019-11-04T00:00:00+00:00")
    assert bob.consent_at == "2019-11-04T09:00:00+00:00"


def test_columns_come_in_any_order_and_others_are_ignored_and_named() -> None:
    read = plan(' Name ;"EMAIL";fax\nAda;ada@commune.example;1\n')
    assert [(row.name, row.key) for row in read.rows()] == [("Ada", "ada@commune.example")]
    assert read.ignored == ("fax",)


def test_quoted_cells_hold_separators_quotes_and_line_ends() -> None:
    read = plan('email,name\nada@commune.example,"Lovelace, ""Ada""\r\nByron"\nbob@commune.example,Bob\n')
    assert [(row.line, row.name) for row in read.rows()] == [(2, 'Lovelace, "Ada" Byron'), (4, "Bob")]


def test_every_faulty_line_is_told_with_its_number_and_the_good_ones_are_kept() -> None:
    text = (
        HEADER
        + "ada@commune.example,Ada,,registre,2019-11-04\n"
        + "ada,,,registre,2019-11-04\n"
        + ",,,registre,\n"
        + "bob@commune.example,,,registre,04/11/2019\n"
        + "\n"
        + "eve@commune.example,Eve,Mairie,de Foix,registre,2019-11-04\n"
        + "carl@commune.example,Ca\x00rl,,registre,\n"
        + "dora@commune.example,"
        + "x" * 201
        + ",,registre,\n"
        + '"fay@commune.example,,,registre,\n'
        + "guy@commune.example,,,registre,\n"
    )
    assert faulty(text) == [
        (3, "email"),
        (4, "email"),
        (5, "consent_at"),
        (7, ""),
        (8, "name"),
        (9, "name"),
        (10, ""),
    ]
    assert [row.line for row in plan(text).rows()] == [2, 11]


def test_every_fault_of_one_line_is_told() -> None:
    assert faulty(HEADER + "ada,\x01,\x02,,hier\n", None) == [
        (2, "consent_at"),
        (2, "consent_source"),
        (2, "email"),
        (2, "name"),
        (2, "organisation"),
    ]


def test_a_line_that_is_not_utf_8_costs_itself_only() -> None:
    raw = b"email,name\nada@commune.example,Zo\xe9\nbob@commune.example,Bob\n"
    assert faulty(raw) == [(2, "")]
    assert [row.line for row in plan(raw).rows()] == [3]


@pytest.mark.parametrize(
    ("text", "source", "faults"),
    [
        ("", "registre", [(1, "")]),
        ("\n", "registre", [(1, "")]),
        ("nom,adresse\nAda,ada@commune.example\n", "registre", [(1, "email")]),
        ("email\nada@commune.example\n", None, [(1, "consent_source")]),
        ("email,email\nada@commune.example,\n", "registre", [(1, "email")]),
        ("email,consent_source\nada@commune.example,\n", None, [(2, "consent_source")]),
        ("email,consent_source\nada@commune.example\n", None, [(2, "consent_source")]),
        ("ada@commune.example\n".encode("utf-16").decode("latin-1"), "registre", [(1, "email")]),
    ],
)
def test_a_file_without_what_is_required_is_refused(
    text: str, source: str | None, faults: list[tuple[int, str]]
) -> None:
    assert faulty(text, source) == faults


def test_a_file_in_utf_16_is_refused() -> None:
    assert faulty("email\nada@commune.example\n".encode("utf-16")) == [(1, "")]


def test_a_line_without_end_is_refused_without_reading_it_into_memory() -> None:
    raw = b"email\n" + b"a" * (LONGEST_LINE * 40) + b"\nada@commune.example\n"
    assert faulty(raw) == [(2, "")]
    assert [row.line for row in plan(raw).rows()] == [3]


def test_duplicates_are_merged_into_the_first() -> None:
    read = plan("email,name,organisation\nada@commune.example,,Foix\nADA@Commune.example,Ada,Pau\n")
    (row,) = read.rows()
    assert (row.line, row.name, row.organisation) == (2, "Ada", "Foix")
    assert [(one.line, one.first) for one in read.duplicates()] == [(3, 2)]


def test_the_source_of_a_line_comes_before_that_of_the_file() -> None:
    rows = plan("email;consent_source\na@x.example;bulletin\nb@x.example;\n").rows()
    assert [row.consent_source for row in rows] == ["bulletin", "registre 2030"]


def test_a_consent_of_the_future_is_a_fault() -> None:
    assert faulty("email,consent_at\na@x.example,2031-03-03\nb@x.example,2031-03-04\n") == [(3, "consent_at")]


@settings(deadline=None)
@given(st.binary(max_size=400) | st.text("email,;\"\n\r@.ax'=\t", max_size=200).map(str.encode))
def test_whatever_the_file_holds_it_is_judged(raw: bytes) -> None:
    for data in (raw, b"email,name\n" + raw):
        read = read_csv(io.BytesIO(data), consent_source="registre")
        lines = [row.line for row in read.rows()] + [one.line for one in read.duplicates()]
        assert len(set(lines)) == len(lines)
        assert not set(lines) & {fault.line for fault in read.faults()}


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.from_regex(r"[a-z]{1,8}@[a-z]{1,8}\.example", fullmatch=True),
            st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_categories=["Cc"]), max_size=30),
        ),
        unique_by=lambda pair: pair[0],
    ),
    st.sampled_from(";,"),
)
def test_what_the_csv_module_writes_is_read_back(people: list[tuple[str, str]], delimiter: str) -> None:
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter=delimiter)
    writer.writerow(["email", "name"])
    writer.writerows((email, "x" + name) for email, name in people)
    read = plan(stream.getvalue())
    assert not read.faulty
    assert [(row.key, row.name) for row in read.rows()] == [
        (email, " ".join(("x" + name).split())) for email, name in people
    ]
