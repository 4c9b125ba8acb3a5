"""A season that nobody has seen before, rehearsed by the command, with its kit and its report."""

from __future__ import annotations

import json
import mailbox
import os
import subprocess
import sys
from email.policy import default
from pathlib import Path

import pytest

from tests.factories import write_season

ROOT = Path(__file__).resolve().parent.parent.parent


def kit(*arguments: str, cwd: Path = ROOT, **environ: str) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("KIT_", "DJANGO_"))} | environ
    return subprocess.run(
        [sys.executable, "-m", "pipeline.cli", *arguments], cwd=cwd, env=env | {"PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rehearsal")
    season = write_season(folder, slots=3, finale="finale: {date: 2020-06-01, event: Une rencontre}")
    done = kit("rehearse", str(season), "--subscribers", "7", "--out", str(folder / "out"))
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "out"


def test_the_report_counts_every_release(played: Path) -> None:
    report = json.loads((played / "report.json").read_text())
    assert report["season"] == "essai"
    assert [(r["slot"], r["kind"], r["fiches"], r["conseil"]) for r in report["releases"]] == [
        ("1", "launch", {"conseil": [1]}, 1),
        ("2", "release", {"conseil": [2]}, 2),
        ("3", "release", {"conseil": [3]}, 3),
        ("finale", "final", {}, None),
    ]
    assert {r["due"] == r["released_at"] for r in report["releases"]} == {True}
    assert (report["mails_total"], report["duplicates"], report["missing"], report["unknown"]) == (28, 0, 0, 0)
    assert set(report["kit"]) == {"pdf", "epub", "html", "zip"}
    assert report["kit"]["pdf"]["pages"] > 3
    assert report["bypassed"]


def test_the_mailbox_opens_in_a_mail_program(played: Path) -> None:
    box = mailbox.Maildir(played / "mailbox", factory=None, create=False)
    mails = [mail for mail in box if "equipe" not in mail["X-Original-To"]]
    assert len(mails) == 28
    for mail in mails:
        import email

        read = email.message_from_bytes(mail.as_bytes(), policy=default)
        assert not read.defects
        assert read["X-Original-To"] == read["To"]
        assert "Carnet d’essai" in read["Subject"]
        assert read["Return-Path"]


def test_the_site_and_the_kit_lie_beside_the_report(played: Path) -> None:
    page = (played / "site/essai/fiches/fiche-2/index.html").read_text()
    assert "Comment faire la chose numéro" in page
    for target in ("site/essai/index.html", "site/index.html", "kit/kit.pdf", "kit/kit.zip", "report.html"):
        assert (played / target).stat().st_size > 50
    html = (played / "report.html").read_text()
    for part in html.split('src="')[1:]:
        assert (played / part.split('"')[0]).exists()


def test_a_mail_that_is_missing_or_twice_breaks_an_invariant(played: Path, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "out"
    shutil.copytree(played, copy)
    files = sorted((copy / "mailbox/new").iterdir())
    newsletters = [path for path in files if b"X-Original-To: abonne-" in path.read_bytes()]
    shutil.copy(newsletters[0], newsletters[0].with_name("again"))
    newsletters[1].unlink()
    code = (
        "import os, sys\n"
        "os.environ |= {'KIT_DATA_DIR': sys.argv[1] + '/scratch', 'DJANGO_SETTINGS_MODULE': 'pipeline.settings'}\n"
        "import django; django.setup()\n"
        "from pathlib import Path\n"
        "from pipeline.rehearsal import checks\nfrom pipeline.rehearsal.play import Played\n"
        "from pipeline.release import board, revisions\n"
        "season = revisions.applied_seasons(revisions.current_revision())['essai']\n"
        "played = Played(season, board.views(season, local=True), 7, {}, ())\n"
        "found = checks.check(played, Path(sys.argv[1]) / 'mailbox')\n"
        "print(found.duplicates, found.missing, len(found.broken))"
    )
    env = {name: value for name, value in os.environ.items() if not name.startswith(("KIT_", "DJANGO_"))}
    done = subprocess.run(
        [sys.executable, "-c", code, str(copy)], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["1", "1", "2"], done.stderr


def test_a_season_with_faults_is_not_played(tmp_path: Path) -> None:
    season = write_season(tmp_path, slots=2, fiches=1)
    done = kit("rehearse", str(season), "--subscribers", "1", "--out", str(tmp_path / "out"))
    assert done.returncode == 1
    assert "essai.yaml:" in done.stderr
    assert "fiche-2" in done.stderr


def test_a_publisher_s_example_values_and_a_public_address_can_be_rehearsed(tmp_path: Path) -> None:
    season = write_season(tmp_path, slots=1)
    season.write_text(
        season.read_text().replace("list_id: carnet.essai.org", "list_id: carnet.essai.org\n  example: true")
    )
    out = str(tmp_path / "out")
    done = kit("rehearse", str(season), "--subscribers", "2", "--out", out, KIT_BASE_URL="https://kit.essai.org")
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "out/report.json").read_text())["mails_total"] == 2
