from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.audience.spreadsheet import bare, guarded


@given(st.text(max_size=20) | st.text("'=+-@\t\r x", max_size=6))
def test_a_guarded_cell_is_no_formula_and_is_bared_to_what_it_was(cell: str) -> None:
    assert bare(guarded(cell)) == cell
    assert not guarded(cell).startswith(("=", "+", "-", "@", "\t", "\r"))
