"""`kit delivery`, and the levers on a mailing by its name."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from pipeline.cli.face import Fault
from pipeline.cli.main import app
from pipeline.release.models import AuditEntry
from tests.databases import database, descriptions  # noqa: F401 - fixtures
from tests.delivery import lists
from tests.stage import stage

pytestmark = pytest.mark.usefixtures("installation")
OTHER = "essai/1/rattrapage"


@pytest.fixture
def installation(database: str, tmp_path: Path) -> None:  # noqa: F811
    """A season with a slot's mailing and one that belongs to no slot."""
    stage(tmp_path)
    made = lists.mailing(4)
    lists.tried(made, [1], "sent", code=250, enhanced="2.0.0", text="ok")
    lists.tried(made, [2], "refused", code=550, enhanced="5.1.1", text="=no such user", meaning="dead")
    lists.tried(made, [3], "unknown", text="sans réponse")
    lists.count(made)
    lists.mailing(2, name=OTHER)


def kit(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def fault(*arguments: str) -> str:
    error = kit(*arguments).exception
    assert isinstance(error, Fault)
    return str(error)


def test_without_a_name_every_mailing_is_listed() -> None:
    assert [row["slot"] for row in json.loads(kit("delivery", "--json").stdout)] == [OTHER, "essai/1"]
    shown = kit("delivery").stdout
    assert OTHER in shown
    assert "en cours" in shown


def test_a_slot_is_counted_by_its_short_name_and_in_words() -> None:
    told = json.loads(kit("delivery", "1", "--json").stdout)
    assert list(told) == [
        "slot",
        "frozen",
        "sent",
        "deferred",
        "refused",
        "suppressed",
        "cancelled",
        "unknown",
        "pending",
    ]
    assert list(told.values()) == ["essai/1", 4, 1, 0, 1, 0, 0, 1, 1]
    assert "refusés             1  dont adresse sans boîte 1" in kit("delivery", "1").stdout


def test_people_are_listed_one_by_one_with_the_servers_words(tmp_path: Path) -> None:
    rows = json.loads(kit("delivery", "essai/1", "--list", "--json").stdout)
    assert [row["kind"] for row in rows] == ["sent", "refused", "unknown", "pending"]
    assert rows[1]["at"] == "2020-01-22T09:00:00+00:00"
    shown = kit("delivery", "1", "--kind", "refused", "--kind", "pending").stdout.splitlines()
    assert len(shown) == 2
    assert "p2@example.org" in shown[0]
    assert "550 5.1.1 =no such user (adresse sans boîte)" in shown[0]
    assert json.loads(kit("delivery", "1", "--kind", "cancelled", "--json").stdout) == []
    path = tmp_path / "liste.csv"
    assert "4 personne(s)" in kit("delivery", "1", "--csv", str(path)).stdout
    with path.open(encoding="utf-8", newline="") as stream:
        assert [row["text"] for row in csv.DictReader(stream)] == ["ok", "'=no such user", "sans réponse", ""]


def test_a_wrong_question_is_told_in_french() -> None:
    assert "sent, deferred, refused" in fault("delivery", "1", "--kind", "perdu")
    assert "De quel envoi ?" in fault("delivery", "--list")
    assert "Aucun créneau « 9 »" in fault("delivery", "9")
    assert "n’a pas d’envoi" in fault("delivery", "essai/2")
    assert "/nulle/part.csv ne s’écrit pas" in fault("delivery", "1", "--csv", "/nulle/part.csv")
    assert "choisir l’un des deux" in fault("delivery", "1", "--json", "--csv", "x.csv")


def test_levers_take_any_mailings_name_and_are_on_record() -> None:
    assert f"{OTHER} suspendu" in kit("pause", OTHER, "--reason", "un doute").stdout
    assert "un doute" in kit("delivery", OTHER).stderr
    assert "n’est pas en cours" in fault("pause", OTHER)
    assert f"{OTHER} repris" in kit("resume", OTHER).stdout
    assert "1 message(s) à renvoyer" in kit("resend-unknown", "1", "--yes").stdout
    assert f"{OTHER} arrêté" in kit("cancel", OTHER, "--yes").stdout
    said = AuditEntry.objects.filter(action__startswith="mailing").order_by("pk").values_list("action", "slot")
    assert list(said) == [
        ("mailing suspendu", "1/rattrapage"),
        ("mailing repris", "1/rattrapage"),
        ("mailing unknown resent", "1"),
        ("mailing arrêté", "1/rattrapage"),
    ]
