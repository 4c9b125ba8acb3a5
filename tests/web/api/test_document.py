"""The document and the API say the same: schemathesis asks what the document allows, and what it does not."""

from __future__ import annotations

import re
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest

from pipeline.audience.departments import DEPARTMENTS
from pipeline.web.api.schemas import DEPARTMENTS_PATTERN
from tests.correspondence.writing import standing
from tests.web.api.serving import Asker

EXAMPLES = 15
"""Of each operation and phase."""

CONFIG = """\
seed = 1
[parameters]
"path.season" = "essai"
[generation]
deterministic = true
database = "none"
max-examples = {examples}
[checks.positive_data_acceptance]
# A token that is none, a choice that the season has not: what the document cannot tell.
expected-statuses = ["2xx", 401, 404, 409, 410, 422]

[[operations]]
include-operation-id = "leave"
headers = {{ Authorization = "{leaver}" }}
"""


def test_the_departments_are_all_in_the_document_and_no_other() -> None:
    tried = ["".join(signs) for length in (1, 2, 3) for signs in product("0123456789ABC", repeat=length)]
    assert [one for one in tried if re.fullmatch(DEPARTMENTS_PATTERN, one)] == sorted(
        DEPARTMENTS, key=lambda one: (len(one), one)
    )


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_the_api_keeps_to_its_document(asker: Asker, tmp_path: Path) -> None:
    for name in ("ada", "leaver"):
        asker.office.confirmed(f"{name}@commune.example")
    config = tmp_path / "schemathesis.toml"
    config.write_text(CONFIG.format(examples=EXAMPLES, leaver=asker.bearer("leaver@commune.example")["Authorization"]))
    (header,) = asker.bearer().items()
    command = [
        sys.executable,
        "-m",
        "schemathesis.cli",
        "--config-file",
        str(config),
        "run",
        "--no-color",
        "-H",
        ": ".join(header),
    ]
    address = f"http://127.0.0.1:{asker.port}/api/v1/openapi.json"
    told = subprocess.run([*command, address], capture_output=True, text=True, check=False, timeout=600, cwd=tmp_path)
    assert told.returncode == 0, told.stdout[-20_000:] + told.stderr[-2_000:]
    assert [standing(f"{name}@commune.example").status for name in ("ada", "leaver")] == ["active", "ended"]
