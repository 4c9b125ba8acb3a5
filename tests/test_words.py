"""No word of the first season stands in code, in a template or in a column's name."""

from __future__ import annotations

import re
from pathlib import Path

from django.apps import apps

ROOT = Path(__file__).resolve().parent.parent
WORDS = re.compile(r"levier|th[ée]matique|municipaless|\brtes\b", re.IGNORECASE)


def test_no_word_of_the_first_season_stands_in_code_or_templates() -> None:
    kinds = {".py", ".j2", ".typ", ".css", ".html"}
    files = [path for folder in ("pipeline", "emails") for path in (ROOT / folder).rglob("*") if path.suffix in kinds]
    assert len(files) > 100
    found = [
        f"{path.relative_to(ROOT)}: {WORDS.findall(path.read_text())}"
        for path in files
        if WORDS.search(path.read_text())
    ]
    assert found == []


def test_no_word_of_the_first_season_stands_in_a_column() -> None:
    names = [field.name for model in apps.get_models() for field in model._meta.get_fields()]
    assert [name for name in names if WORDS.search(name)] == []
