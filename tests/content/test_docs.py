from __future__ import annotations

import pytest

from pipeline.content import docs


@pytest.mark.parametrize("name", ["fiches.md", "fiche.schema.json"])
def test_the_documentation_of_fields_is_up_to_date(name: str) -> None:
    wanted = {path.name: (path, text) for path, text in docs.pages().items()}
    path, text = wanted[name]
    assert path.read_text(encoding="utf-8") == text, "python -m pipeline.content.docs"
