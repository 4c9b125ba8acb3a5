"""The short form of `make chaos`: real processes under fault, counted from the receiving server's own record."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.chaos import DATABASES
from tests.installation import ROOT

pytestmark = pytest.mark.processes


@pytest.mark.parametrize("database", DATABASES)
def test_whatever_breaks_nobody_is_lost_nobody_gets_two_and_unknown_stays_within_its_bound(
    tmp_path: Path, database: str
) -> None:
    path = tmp_path / "chaos.json"
    command = [sys.executable, "-m", "tests.faults.chaos", "--short", "--database", database, "--json", str(path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            said, _ = process.communicate()
        except BaseException:
            process.terminate()  # it stops what it started
            raise
    assert path.exists(), said
    bad = [row["fault"] for row in json.loads(path.read_text()) if not row["good"]]
    assert bad == [], said
    assert process.returncode == 0
