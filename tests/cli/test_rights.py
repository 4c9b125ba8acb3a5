"""A person's rights and the ledger's soundness, as an operator types them."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
import zipfile
from pathlib import Path

import pytest

from tests.factories import subscribers_csv, write_season
from tests.rehearsal.test_rehearse import kit

ONE = "p1@example.org"


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    write_season(tmp_path)
    (tmp_path / "people.csv").write_bytes(subscribers_csv(3))
    made = {
        "KIT_DATA_DIR": str(tmp_path / "var"),
        "KIT_SCHEDULES_DIR": str(tmp_path / "schedules"),
        "KIT_FICHES_DIR": str(tmp_path / "fiches"),
    }
    kit("apply", "--yes", **made)
    kit("subscribers", "import", str(tmp_path / "people.csv"), **made)
    return made


def test_a_person_is_shown_taken_along_proven_and_erased(home: dict[str, str], tmp_path: Path) -> None:
    assert f"email {ONE}" in kit("subscribers", "show", ONE, **home).stdout
    held = json.loads(kit("subscribers", "show", ONE, "--json", **home).stdout)
    assert [one["event"] for one in held["consents"]] == ["imported"]
    assert kit("subscribers", "show", ONE, "--csv", str(tmp_path / "p1.zip"), **home).returncode == 0
    archive = zipfile.ZipFile(tmp_path / "p1.zip")
    (person,) = csv.DictReader(io.StringIO(archive.read("person.csv").decode("utf-8-sig")))
    assert person["email"] == ONE
    assert kit("subscribers", "proof", ONE, "--out", str(tmp_path / "proof.json"), **home).returncode == 0
    assert json.loads((tmp_path / "proof.json").read_text())["entries"][0]["event"] == "imported"
    assert json.loads(kit("subscribers", "proof", ONE, **home).stdout)["person"] == held["person"][0]["public_id"]
    assert "ajouter --yes" in kit("subscribers", "erase", ONE, **home).stderr
    assert kit("subscribers", "erase", ONE, "--yes", **home).returncode == 0
    assert kit("subscribers", "show", ONE, **home).returncode == 1
    done = kit("audit", "verify", **home)
    assert (done.returncode, "Le registre est intact." in done.stdout) == (0, True), done.stderr


def test_flagged_addresses_are_shown_as_the_operator_wants(home: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "more.csv").write_text("email,consent_source\nmairie@ville.example,salon\nada@yopmail.com,salon\n")
    kit("subscribers", "import", str(tmp_path / "more.csv"), "--yes", **home)
    told = json.loads(kit("subscribers", "flagged", "--json", **home).stdout)
    assert {one["email"]: one["flags"] for one in told} == {
        "mairie@ville.example": ["role"],
        "ada@yopmail.com": ["disposable"],
    }
    shown = kit("subscribers", "flagged", **home, KIT_ROLE_ADDRESSES="accept").stdout
    assert ("ada@yopmail.com" in shown, "jetable" in shown, "mairie@" in shown) == (True, True, False)


def test_a_ledger_that_was_changed_is_told_entry_by_entry(home: dict[str, str], tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "var/kit.sqlite3") as base:
        base.execute("UPDATE audience_consent SET season = 'autre' WHERE id IN (1, 2)")
    base.close()
    done = kit("audit", "verify", **home)
    assert done.returncode == 1
    assert "l’entrée 1 ne dit plus ce qu’elle disait." in done.stderr
    assert "l’entrée 2 ne dit plus" in done.stderr
    assert "Traceback" not in done.stderr
    verdict = kit("audit", "verify", "--json", **home)
    assert verdict.returncode == 1
    assert len(json.loads(verdict.stdout)["faults"]) == 2
    assert "n’est pas dans la chaîne" in kit("audit", "verify", "--expect", "0" * 64, **home).stderr
    assert "n’est pas l’empreinte d’un sceau" in kit("audit", "verify", "--expect", "xyz", **home).stderr
    assert "kit audit verify" in kit("subscribers", "proof", ONE, **home).stderr
    assert json.loads(kit("audit", "seals", "--json", **home).stdout) == []


def test_what_was_kept_long_enough_goes_at_once_where_an_operator_asks(home: dict[str, str], tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "var" / "kit.sqlite3") as database:
        database.execute("insert into audience_mailboxuse (mailbox, at) values ('x', '2020-01-01 00:00:00')")
    gone = json.loads(kit("subscribers", "purge", "--json", **home).stdout)
    assert gone == {"people": 0, "rows": 1, "lapsed": 0, "unanswered": 0}
    assert "0 trace(s)" in kit("subscribers", "purge", **home).stdout
