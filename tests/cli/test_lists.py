"""Lists of people from the shell, as a person types it; and what a killed command leaves."""

from __future__ import annotations

import csv
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.factories import subscribers_csv, write_season
from tests.rehearsal.test_rehearse import ROOT, kit


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    write_season(tmp_path)
    held = {
        "KIT_DATA_DIR": str(tmp_path / "var"),
        "KIT_SCHEDULES_DIR": str(tmp_path / "schedules"),
        "KIT_FICHES_DIR": str(tmp_path / "fiches"),
    }
    assert kit("apply", "--yes", **held).returncode == 0
    return held


def test_a_list_is_tried_imported_listed_undone_and_written(home: dict[str, str], tmp_path: Path) -> None:
    path, report = tmp_path / "liste.csv", tmp_path / "reste.csv"
    path.write_text(
        "Courriel;Prénom;Nom;Fax\nada@x.example;Ada;Lovelace;1\nADA@x.example;;;\n=bob;;;\neve@x.example;Eve;;\n"
    )
    given = ("--consent-source", "salon 2019", "--skip-faulty")
    tried = kit("subscribers", "import", str(path), *given, "--dry-run", "--report", str(report), **home)
    assert tried.returncode == 0, tried.stderr
    assert "email ← « Courriel »" in tried.stdout
    assert "Ignorées : Fax." in tried.stdout
    assert "2 nouvelle(s)" in tried.stdout
    rows = list(csv.reader(report.open(encoding="utf-8", newline="")))
    assert [(row[0], row[1]) for row in rows[1:]] == [("4", "refused"), ("3", "merged")]

    asked = kit("subscribers", "import", str(path), *given, **home)
    assert (asked.returncode, "--yes" in asked.stderr) == (1, True)
    done = kit("subscribers", "import", str(path), *given, "--yes", "--json", **home)
    told = json.loads(done.stdout)
    assert (told["number"], told["added"], told["refused"], told["merged"]) == (1, 2, 1, 1)

    (listed,) = json.loads(kit("subscribers", "imports", "--json", **home).stdout)
    assert (listed["number"], listed["state"], listed["added"], listed["path"]) == (1, "done", 2, str(path))

    out = tmp_path / "abonnés.xlsx"
    assert kit("subscribers", "export", "--out", str(out), **home).returncode == 0
    assert out.read_bytes().startswith(b"PK")
    again = json.loads(kit("subscribers", "import", str(out), "--json", **home).stdout)
    assert (again["format"], again["added"], again["already"]) == ("xlsx", 0, 2)

    undone = kit("subscribers", "undo-import", "1", "--yes", **home)
    assert "2 effacé(s)" in undone.stdout, undone.stderr
    assert kit("subscribers", "export", **home).stdout.count("\n") == 1
    assert kit("subscribers", "undo-import", "7", "--yes", **home).returncode == 1

    faulty = tmp_path / "fautive.csv"
    faulty.write_text("email\nada@x.example\nbob\n")
    for options, told in (
        (("--map", "adresse=x"), "COLONNE=EN-TÊTE"),
        ((), "rien n’a été importé"),
    ):
        refused = kit("subscribers", "import", str(faulty), "--consent-source", "salon", *options, **home)
        assert refused.returncode == 1
        assert told in refused.stderr


@pytest.mark.processes
def test_an_import_that_is_killed_half_way_is_finished_by_the_same_command(
    home: dict[str, str], tmp_path: Path
) -> None:
    path, base = tmp_path / "liste.csv", tmp_path / "var" / "kit.sqlite3"
    path.write_bytes(subscribers_csv(16_000))
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("KIT_", "DJANGO_"))}
    running = subprocess.Popen(
        [sys.executable, "-m", "pipeline.cli", "subscribers", "import", str(path)],
        cwd=ROOT, env=environ | home | {"PYTHONPATH": str(ROOT)}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip

    def count(table: str) -> int:
        with sqlite3.connect(f"file:{base}?mode=ro", uri=True, timeout=20) as held:
            return int(held.execute(f"SELECT count(*) FROM audience_{table}").fetchone()[0])

    end = time.monotonic() + 120
    while not count("person") and time.monotonic() < end and running.poll() is None:
        time.sleep(0.01)
    running.send_signal(signal.SIGKILL)
    assert running.wait() == -signal.SIGKILL
    assert 0 < count("person") < 16_000
    again = kit("subscribers", "import", str(path), **home)
    assert "resté en chemin" in again.stderr
    assert "0 inscrit(s), 16000 déjà inscrit(s)" in again.stdout
    assert (count("person"), count("consent"), count("importpart")) == (16_000, 16_000, 0)
