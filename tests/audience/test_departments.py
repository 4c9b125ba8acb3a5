"""The list of the INSEE, counted and spot-checked against what its own documents say of it."""

from __future__ import annotations

import re

from pipeline.audience.departments import DEPARTMENTS


def test_there_are_101_of_which_96_are_in_europe() -> None:
    assert len(DEPARTMENTS) == len(set(DEPARTMENTS.values())) == 101
    assert sum(len(code) == 2 for code in DEPARTMENTS) == 96


def test_codes_are_those_of_the_insee() -> None:
    numbers = {f"{number:02}" for number in range(1, 96)} - {"20"}
    assert set(DEPARTMENTS) == numbers | {"2A", "2B", "971", "972", "973", "974", "976"}
    assert [DEPARTMENTS[code] for code in ("21", "2B", "69", "90", "974")] == [
        "Côte-d’Or",
        "Haute-Corse",
        "Rhône",
        "Territoire de Belfort",
        "La Réunion",
    ]


def test_names_are_typeset() -> None:
    assert all(re.fullmatch(r"[A-ZÀ-Ý][A-Za-zÀ-ÿ’ -]+", name) for name in DEPARTMENTS.values())
