from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline import clock
from tests.correspondence.writing import office
from tests.databases import database, descriptions  # noqa: F401 - fixtures
from tests.web.api.serving import Asker, Stranger, server

MORE = """\
  - {id: themes, label: Mes thèmes, pick_themes: true}
roles: {elu: Élue ou élu, agent: Agent}
"""


@pytest.fixture
def asker(database: str, tmp_path: Path) -> Iterator[Asker]:  # noqa: F811
    """A program before a season whose first release is to come."""
    now = clock.now()
    made = office(tmp_path, now=now, first=(now.date().replace(day=1, year=now.year + 1)), more=MORE)
    with server() as port:
        yield Asker(port, made)


@pytest.fixture
def stranger(database: str) -> Iterator[Stranger]:  # noqa: F811
    """A program before an installation where no season runs."""
    with server() as port:
        yield Stranger(port)
