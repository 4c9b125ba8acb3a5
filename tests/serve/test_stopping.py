"""Whoever stops a worker waits longer than the worker waits for its answers."""

from __future__ import annotations

import re
from configparser import RawConfigParser
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from pipeline.delivery.sender import PATIENCE
from pipeline.serve.programs import programs
from tests.settings import KIT

ROOT = Path(__file__).resolve().parents[2]


def test_the_compose_file_gives_every_worker_time_to_drain() -> None:
    services = YAML(typ="safe").load((ROOT / "docker-compose.yml").read_text())["services"]
    workers = {name: service for name, service in services.items() if "worker" in service.get("command", [])}
    assert workers
    for name, service in workers.items():
        seconds = re.fullmatch(r"(\d+)s", str(service.get("stop_grace_period")))
        assert seconds, name
        assert int(seconds[1]) > PATIENCE + 5, name


@pytest.mark.parametrize("unit", sorted((ROOT / "docs/systemd").glob("*.service")), ids=lambda path: path.name)
def test_the_units_give_every_worker_time_to_drain_and_let_its_children_be(unit: Path) -> None:
    read = RawConfigParser(strict=False)
    read.optionxform = str  # type: ignore[assignment,method-assign]
    read.read(unit)
    assert int(read["Service"]["TimeoutStopSec"]) > PATIENCE + 5
    assert read["Service"]["KillMode"] == "mixed"


def test_kit_serve_gives_every_worker_time_to_drain() -> None:
    workers = [one for one in programs(KIT, host="127.0.0.1", port=8000) if "worker" in one.command]
    assert workers
    assert all(one.patience > PATIENCE + 5 for one in workers)
