"""The gate installs what the tests may not go without there."""

from __future__ import annotations

import re
from pathlib import Path

from tests.packages import PACKAGES

RUN = Path(__file__).resolve().parents[1] / ".ci/run"


def test_every_package_that_a_test_needs_is_installed_by_the_gate() -> None:
    told = re.search(r"^packages=\((.*)\)$", RUN.read_text(), re.MULTILINE)
    assert told
    assert set(told[1].split()) == {"python3-venv", "make", *PACKAGES.values()}
