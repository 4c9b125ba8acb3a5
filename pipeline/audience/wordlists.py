"""Lists of words kept as text beside the code: words between spaces, a line that begins with # is a remark."""

from __future__ import annotations

from importlib import resources


def words(name: str) -> frozenset[str]:
    """The words of ``data/NAME.txt``."""
    text = resources.files("pipeline.audience").joinpath("data", f"{name}.txt").read_text(encoding="utf-8")
    return frozenset(word for line in text.splitlines() if not line.startswith("#") for word in line.split())
