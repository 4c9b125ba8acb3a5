from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.audience.factories import plan


def lines(*objects: object) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in objects)


def test_objects_are_read_whatever_keys_each_of_them_has() -> None:
    read = plan(
        lines({"email": "ada@x.example"}, {"themes": ["eau", "air"], "email": "bob@x.example", "department": 9}), None
    )
    assert [(fault.line, fault.field) for fault in read.faults()] == [(1, "consent_source")]
    read = plan(lines({"email": "ada@x.example"}, {"Courriel": "x", "email": "b@x.example", "themes": ["eau", "air"]}))
    assert read.format == "jsonl"
    assert [(row.key, row.themes) for row in read.rows()] == [("ada@x.example", ""), ("b@x.example", " air eau ")]
    assert read.ignored == ("Courriel",)


def test_what_is_no_object_costs_its_line_only() -> None:
    raw = lines({"email": "ada@x.example"}) + b"[1]\nnull\n\n" + b"{" * 40 + b"\n" + lines({"email": ["a", 1]})
    read = plan(raw + b'{"email": "\xff"}\n' + lines({"email": "bob@x.example"}))
    assert [fault.line for fault in read.faults()] == [2, 3, 5, 6, 7]
    assert [row.line for row in read.rows()] == [1, 8]


def test_halves_of_pairs_and_controls_are_refused() -> None:
    read = plan(b'{"email": "ada@x.example", "name": "\\ud800"}\n{"email": "b\\u0000@x.example"}\n')
    assert [(fault.line, fault.field) for fault in read.faults()] == [(1, "name"), (2, "email")]


@settings(deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=9),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
        max_leaves=8,
    )
)
def test_any_json_is_judged(value: object) -> None:
    for one in (value, {"email": value, "name": value, "themes": value}):
        read = plan(lines({"email": "ada@x.example"}, one))
        assert {fault.line for fault in read.faults()} | {row.line for row in read.rows()} <= {1, 2}


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_judged(raw: bytes) -> None:
    read = plan(b'{"email": "ada@x.example"}\n' + raw)
    assert read.count + read.faulty >= 1
