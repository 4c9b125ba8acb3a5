"""Counting words, by one rule for summaries, sections and reading times."""

from __future__ import annotations

import re


def count_words(text: str) -> int:
    """Count words as a reader does: « 12 000 » is one, a lone mark is none."""
    joined = re.sub(r"(?<=\d)[ \u00a0\u202f](?=\d{3}(?!\d))", "", text)
    return sum(1 for word in joined.split() if any(char.isalnum() for char in word))
