"""The commands, as a person types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.factories import fiche_markdown, subscribers_csv, write_season
from tests.rehearsal.test_rehearse import ROOT, kit


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    write_season(tmp_path)
    return {
        "KIT_DATA_DIR": str(tmp_path / "var"),
        "KIT_SCHEDULES_DIR": str(tmp_path / "schedules"),
        "KIT_FICHES_DIR": str(tmp_path / "fiches"),
    }


def test_check_finds_nothing_in_the_project_itself() -> None:
    done = kit("check")
    assert done.returncode == 0, done.stderr
    assert "24 fiche(s)" in done.stdout


def test_check_names_file_line_and_mend_of_every_fault(home: dict[str, str], tmp_path: Path) -> None:
    fiche = tmp_path / "fiches/essai/conseil/01-fiche-1.md"
    fiche.write_text(fiche_markdown(1).replace("number: 1", "number: deux"))
    season = tmp_path / "schedules/essai.yaml"
    season.write_text(season.read_text().replace("[fiche-3]", "[fiche-4]"))
    done = kit("check", **home)
    assert done.returncode == 1
    assert f"{fiche}:4: « number »" in done.stderr
    assert "fiche-4" in done.stderr
    assert json.loads(kit("check", "--json", **home).stdout)[0]["line"]


def test_plan_apply_status_release_and_delivery(home: dict[str, str], tmp_path: Path) -> None:
    assert "nouvelle saison" in kit("plan", **home).stdout
    assert "Révision 1" in kit("apply", "--yes", **home).stdout
    assert "Rien à appliquer" in kit("plan", **home).stdout
    assert kit("season", "activate", "essai", **home).returncode == 0
    (tmp_path / "people.csv").write_bytes(subscribers_csv(4))
    assert "4 inscrit(s)" in kit("subscribers", "import", str(tmp_path / "people.csv"), **home).stdout
    rows = json.loads(kit("status", "--json", **home).stdout)
    assert [(row["slot"], row["kind"], row["fiches"], row["mail"]) for row in rows][0] == (
        "1",
        "launch",
        {"conseil": [1]},
        None,
    )
    assert (
        "déjà en cours" in [kit("release", "essai/1", "--yes", **home), kit("release", "1", "--yes", **home)][1].stderr
    )
    assert json.loads(kit("status", "--json", **home).stdout)[0]["state"] == "releasing"
    assert kit("undo", "1", **home).returncode == 0
    assert kit("hold", "2", "--reason", "un doute", **home).returncode == 0
    assert json.loads(kit("status", "--json", **home).stdout)[1]["state"] == "held"
    assert kit("skip", "3", "--yes", **home).returncode == 0
    assert "n’a pas d’envoi" in kit("delivery", "1", **home).stderr
    assert "Créneaux :" in kit("hold", "9", **home).stderr


def test_a_conflict_between_file_and_staff_stops_apply_with_both_values(home: dict[str, str], tmp_path: Path) -> None:
    season = tmp_path / "schedules/essai.yaml"
    season.write_text(season.read_text().replace("first: 2020-01-22", "first: 2040-01-04"))
    kit("apply", "--yes", **home)
    assert kit("postpone", "2", "2040-01-19", "--reason", "grève", **home).returncode == 0
    season.write_text(
        season.read_text().replace("postponements: []", 'postponements: [{slot: "2", date: 2040-01-20, reason: x}]')
    )
    done = kit("apply", "--yes", **home)
    assert done.returncode == 1
    assert "2040-01-20" in done.stderr
    assert "2040-01-19" in done.stderr
    season.write_text(season.read_text().replace("2040-01-20", "2040-01-19"))
    assert kit("apply", "--yes", **home).returncode == 0


def test_a_faulty_line_imports_nobody(home: dict[str, str], tmp_path: Path) -> None:
    kit("apply", "--yes", **home)
    (tmp_path / "people.csv").write_bytes(subscribers_csv(3) + b"pas une adresse,,,salon,2019-01-01\n")
    done = kit("subscribers", "import", str(tmp_path / "people.csv"), **home)
    assert done.returncode == 1
    assert "people.csv:5" in done.stderr
    assert "3 inscrit(s)" in kit("subscribers", "import", str(tmp_path / "people.csv"), "--skip-faulty", **home).stdout


def test_preview_writes_mail_and_page_and_releases_nothing(home: dict[str, str], tmp_path: Path) -> None:
    kit("apply", "--yes", **home)
    kit("season", "activate", "essai", **home)
    done = kit("preview", "2", "--out", str(tmp_path / "out"), **home)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "mail.html",
        "mail.txt",
        "mail.eml",
        "02-fiche-2.html",
    }
    assert {row["state"] for row in json.loads(kit("status", "--json", **home).stdout)} <= {"ready", "held"}


@pytest.mark.parametrize(
    ("form", "part"),
    [("table", "mercredi 5 février 2020"), ("json", "2020-02-05T08:00:00+00:00"), ("ics", "BEGIN:VEVENT")],
)
def test_calendar_needs_no_database(home: dict[str, str], tmp_path: Path, form: str, part: str) -> None:
    done = kit("calendar", str(tmp_path / "schedules/essai.yaml"), "--format", form, **home)
    assert part in done.stdout
    assert not (tmp_path / "var").exists()


def test_settings_that_make_no_sense_are_all_told(tmp_path: Path) -> None:
    done = kit("status", KIT_BASE_URL="nulle part", KIT_SMTP_URL="ftp://x", KIT_INCONNU="1", KIT_DATA_DIR=str(tmp_path))
    assert done.returncode == 2
    for name in ("KIT_BASE_URL", "KIT_SMTP_URL", "KIT_INCONNU"):
        assert name in done.stderr


def test_a_new_season_is_made_and_checks(home: dict[str, str]) -> None:
    assert kit("new-season", "autre", **home).returncode == 0
    assert "autre.yaml" not in kit("check", **home).stderr


def test_help_is_quick_and_french() -> None:
    assert "Publie une saison" in kit("--help", cwd=ROOT).stdout


def test_a_season_can_be_previewed_before_it_runs(home: dict[str, str], tmp_path: Path) -> None:
    kit("apply", "--yes", **home)
    done = kit("preview", "1", "--out", str(tmp_path / "out"), **home)
    assert done.returncode == 0, done.stderr


def test_an_unknown_person_is_said_to_be_unknown(home: dict[str, str]) -> None:
    for command, told in (
        (["show", "inconnue@example.org"], "Personne n’est connu"),
        (["show", "pas une adresse"], "« pas une adresse » : L’adresse contient un espace"),
        (["proof", "inconnue@example.org"], "Personne n’est connu"),
        (["erase", "inconnue@example.org", "--yes"], "Personne n’est connu"),
    ):
        done = kit("subscribers", *command, **home)
        assert (done.returncode, "Traceback" in done.stderr) == (1, False), done.stderr
        assert told in done.stderr


def test_a_transport_that_makes_no_sense_is_told_at_once(home: dict[str, str]) -> None:
    done = kit("status", KIT_SMTP_URL="smtp://serveur/?tls=peut-être", **home)
    assert done.returncode == 2
    assert "KIT_SMTP_URL" in done.stderr
