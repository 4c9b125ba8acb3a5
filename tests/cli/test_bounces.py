"""`kit bounces`, as a mail server's pipe and an operator use it."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from uuid import UUID

from pipeline.audience import tokens
from tests.factories import subscribers_csv, write_season
from tests.rehearsal.test_rehearse import ROOT, kit

KEY = "a secret key of this test, long enough"


def piped(content: bytes, *arguments: str, **environ: str) -> subprocess.CompletedProcess[bytes]:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("KIT_", "DJANGO_"))} | environ
    command = [sys.executable, "-m", "pipeline.cli", "bounces", "read", "-", *arguments]
    return subprocess.run(command, cwd=ROOT, env=env, input=content, capture_output=True, check=False, timeout=120)


def test_a_pipe_hands_a_report_over_and_keeps_it_while_something_is_wrong(tmp_path: Path) -> None:
    write_season(tmp_path)
    home = {
        "KIT_DATA_DIR": str(tmp_path / "var"),
        "KIT_SCHEDULES_DIR": str(tmp_path / "schedules"),
        "KIT_FICHES_DIR": str(tmp_path / "fiches"),
        "KIT_SECRET_KEY": KEY,
    }
    kit("apply", "--yes", **home)
    (tmp_path / "people.csv").write_bytes(subscribers_csv(1))
    kit("subscribers", "import", str(tmp_path / "people.csv"), **home)
    with closing(sqlite3.connect(tmp_path / "var/kit.sqlite3")) as database:
        public_id = UUID(database.execute("select public_id from audience_person").fetchone()[0])
        token = tokens.make("unsubscribe", "essai", public_id, key=KEY.encode())
        head = "Message-ID: <1@example.org>\nFrom: p1@example.org\nTo: rebonds+quitter@retour.org"
        mail = f"{head}\nSubject: unsubscribe {token}\n\n".encode()

        away = piped(mail, **home | {"KIT_DATABASE_URL": "postgresql://kit@127.0.0.1:1/kit"})
        assert (away.returncode, b"KIT_DATABASE_URL" in away.stderr) == (75, True)
        wrong = piped(mail, **home | {"KIT_SOFT_BOUNCES": "beaucoup"})
        assert (wrong.returncode, b"KIT_SOFT_BOUNCES" in wrong.stderr) == (75, True)

        assert piped(mail + b"x" * 3_000_000, **home).stdout.decode() == "Désinscription.\n"
        assert database.execute("select status from audience_subscription").fetchall() == [("ended",)]

    (tmp_path / "mail.eml").write_bytes(mail)
    again = kit("bounces", "read", str(tmp_path / "mail.eml"), "--to", "rebonds+quitter@retour.org", **home)
    assert (again.returncode, again.stdout) == (0, "Désinscription, déjà connu.\n")
    other = piped(b"Subject: Bonjour\n\nBonjour.\n", **home)
    assert (other.returncode, other.stdout.decode()) == (0, "Rien à faire : ni rapport, ni plainte.\n")


def test_the_mailbox_is_read_when_asked(tmp_path: Path) -> None:
    home = {"KIT_DATA_DIR": str(tmp_path / "var")}
    assert "KIT_BOUNCES_URL" in kit("bounces", "poll", **home).stderr
    for name in ("new", "cur"):
        (tmp_path / "box" / name).mkdir(parents=True)
    (tmp_path / "box/new/1").write_bytes(b"Subject: Bonjour\n\nBonjour.\n")
    home["KIT_BOUNCES_URL"] = f"maildir://{tmp_path}/box"
    assert kit("bounces", "poll", **home).stdout == "1 mail(s) lu(s).\n"
    home["KIT_BOUNCES_URL"] = f"maildir://{tmp_path}/absent"
    assert kit("bounces", "poll", **home).returncode == 1
