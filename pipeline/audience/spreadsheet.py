"""Cells that a spreadsheet program must not take for a formula: guarded when written, bared when read.

A cell that begins with one of ``= + - @``, a tab or a carriage return gets an apostrophe before it. A cell that begins with
apostrophes and then one of them gets one more, so that ``bare(guarded(text)) == text`` for every text.
"""

from __future__ import annotations

import re

_RISKY = re.compile(r"'*[=+\-@\t\r＝＋－＠]")
_GUARDED = re.compile(r"'+[=+\-@\t\r＝＋－＠]")


def guarded(cell: str) -> str:
    return f"'{cell}" if _RISKY.match(cell) else cell


def bare(cell: str) -> str:
    return cell[1:] if _GUARDED.match(cell) else cell
