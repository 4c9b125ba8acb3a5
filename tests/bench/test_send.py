"""`kit bench send`, whole: real workers, a real database, real SMTP."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pipeline.bench.people import address
from tests.installation import ROOT
from tests.packages import needs
from tests.smtp_sink import Behaviour, Sink

pytestmark = pytest.mark.processes
PEOPLE = 300


def bench(out: Path, *options: str, people: int = PEOPLE) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pipeline.cli", "bench", "send", "--recipients", str(people), "--json", str(out)]
    return subprocess.run([*command, *options], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a bench on PostgreSQL, into sinks of its own, says of itself."""
    out = tmp_path_factory.mktemp("bench") / "bench.json"
    done = bench(out, "--database", "postgres", "--compare")
    assert done.returncode == 0, done.stderr
    assert "0 en double, 0 manquant(s)" in done.stdout
    read: dict[str, Any] = json.loads(out.read_text())
    return read


def test_on_postgresql_everybody_gets_one_message_and_the_sums_agree(report: dict[str, Any]) -> None:
    assert (report["duplicates"], report["missing"]) == (0, 0)
    tally = report["tally"]
    assert tally.pop("frozen") == sum(tally.values()) == tally["sent"] == PEOPLE
    assert report["messages_per_second"] == pytest.approx(PEOPLE / report["seconds"], rel=0.01)
    assert report["size"] == pytest.approx(30_000, rel=0.05)
    assert (report["recipients"], report["connections"], report["workers"]) == (PEOPLE, 8, 2)
    assert report["database"] == "postgresql"
    assert 5 < report["peak_mb"] < 500


def test_the_cpu_time_is_that_of_the_parts_of_the_sending_side(report: dict[str, Any]) -> None:
    per_message = report["cpu_ms_per_message"]
    assert set(per_message) == {"workers", "database", "redis", "sink"}
    ours = sum(used for name, used in per_message.items() if name != "sink")
    assert report["cpu_seconds"] == pytest.approx(ours * PEOPLE / 1000, abs=0.02)
    assert per_message["workers"] > 0


def test_it_is_set_beside_the_plain_way(report: dict[str, Any]) -> None:
    plain = (report["plain"]["before"] + report["plain"]["after"]) / 2
    assert report["ratio_to_plain"] == pytest.approx(report["messages_per_second"] / plain, rel=0.01)


def test_it_is_set_beside_smtp_source_into_the_same_compiled_sink(report: dict[str, Any]) -> None:
    needs("smtp-source", "smtp-sink")
    assert report["sink"] == "smtp-sink"
    source = (report["smtp_source"]["before"] + report["smtp_source"]["after"]) / 2
    assert report["ratio_to_smtp_source"] == pytest.approx(report["messages_per_second"] / source, rel=0.01)


def test_signed_into_a_given_server_on_sqlite_and_one_refusal_is_no_success(tmp_path: Path) -> None:
    out, refused = tmp_path / "bench.json", address(7)
    with Sink(Behaviour(refuse={refused: "550 5.1.1 unknown"})) as sink:
        done = bench(out, "--smtp", sink.url, "--signed")
    assert done.returncode == 1
    assert "partis 299" in done.stderr
    assert "refusés 1" in done.stderr
    read = json.loads(out.read_text())
    assert (read["duplicates"], read["missing"], read["sink"], read["database"]) == (None, None, "given", "sqlite")
    tally = read["tally"]
    assert (tally["frozen"], tally["sent"], tally["refused"]) == (PEOPLE, PEOPLE - 1, 1)
    assert all(message["content"].count(b"DKIM-Signature:") == 2 for message in sink.messages)
    assert sink.counts() == Counter(address(n) for n in range(1, PEOPLE + 1) if n != 7)


def test_what_cannot_be_measured_is_refused_before_anything_starts(tmp_path: Path) -> None:
    done = bench(tmp_path / "bench.json", "--smtp", "smtp://mail.example.org/", people=10)
    assert (done.returncode, done.stdout) == (1, "")
    assert "--outside" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())
