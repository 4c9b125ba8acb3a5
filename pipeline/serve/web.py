"""Gunicorn's configuration: its workers die with it."""

from __future__ import annotations

import os
from typing import Any

from pipeline.processes import die_with_parent


def post_fork(server: Any, worker: Any) -> None:
    die_with_parent(os.getppid())
