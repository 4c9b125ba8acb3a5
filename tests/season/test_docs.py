"""What docs/ says of a season's keys is what the code knows."""

from __future__ import annotations

import re

import pytest

from pipeline.content.errors import ContentError
from pipeline.season import docs, keys, schema
from pipeline.season.season import DEFAULT_SUBJECTS
from tests.factories import season_yaml


def test_the_table_and_the_schema_are_up_to_date() -> None:
    for path, text in docs.pages().items():
        assert path.read_text(encoding="utf-8") == text, f"python -m pipeline.season.docs rewrites {path.name}"


def test_a_subject_may_only_use_words_that_it_will_have() -> None:
    text = season_yaml().replace("{{ kit }} : confirmez", "{{ kit }} n° {{ number }}")
    with pytest.raises(ContentError, match="« number » n’est pas connu ici"):
        schema.parse(text, "essai.yaml")


def test_the_subjects_that_a_season_need_not_write_use_only_words_that_they_will_have() -> None:
    assert set(keys.SUBJECT_WORDS) == set(keys.names("subjects"))
    for name, text in DEFAULT_SUBJECTS.items():
        assert set(re.findall(r"\{\{\s*(\w+)", text)) <= keys.SUBJECT_WORDS[name], name
