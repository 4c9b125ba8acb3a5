"""Real LMTP conversations: smtplib on one side, our server with a real database on the other."""

from __future__ import annotations

import asyncio
import os
import signal
import smtplib
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.db import connection, connections

from pipeline import environment
from pipeline.delivery.bounces import lmtp
from pipeline.delivery.bounces.lmtp import Door, Listen, ListenError
from pipeline.delivery.models import Bounce
from pipeline.serve.programs import programs
from tests.audience.factories import NOW
from tests.delivery.bounces.factories import DEAD, RETURN_PATH, Posting, posted, reader, sample
from tests.installation import ROOT, free_port

# The server hands mails on: what follows from them is tested on both databases in test_records.
on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)

COMPLAINTS = "plaintes@retour.example.org"


@pytest.fixture
def door(database: str, tmp_path: Path) -> Iterator[Listen]:
    """Our server, on a socket of its own."""
    where, ready = Listen(path=tmp_path / "lmtp.sock"), threading.Event()
    loop = asyncio.new_event_loop()
    with ThreadPoolExecutor(1) as pool:
        served = lmtp.serve(where, Door(pool, complaints=COMPLAINTS, now=lambda: NOW), ready=ready.set)
        task = loop.create_task(served)

        def run() -> None:
            with pytest.raises(asyncio.CancelledError):
                loop.run_until_complete(task)

        thread = threading.Thread(target=run)
        thread.start()
        assert ready.wait(10)
        yield where
        loop.call_soon_threadsafe(task.cancel)
        thread.join()
        pool.submit(connections.close_all).result()
    loop.close()


def client(where: Listen) -> smtplib.LMTP:
    talk = smtplib.LMTP(str(where.path), timeout=20)
    talk.ehlo()
    return talk


@on_sqlite
def test_a_report_is_answered_once_its_consequence_is_committed(door: Listen) -> None:
    posting = posted(reader())
    with client(door) as talk:
        assert talk.sendmail("", [posting.verp], posting.mail(DEAD)) == {}
        assert Bounce.objects.get().kind == "hard"
        assert talk.sendmail("", [posting.verp], posting.mail(DEAD)) == {}
    assert Bounce.objects.count() == 1


@on_sqlite
def test_an_address_that_we_did_not_sign_is_refused_before_the_mail_is_read(door: Listen) -> None:
    forged = "rebonds+b-00000001000000010123456789abcdef0123@retour.example.org"
    with client(door) as talk:
        for address in (RETURN_PATH, forged, "postmaster@retour.example.org"):
            talk.mail("<>")
            assert talk.rcpt(address) == (550, b"5.1.1 no such return path")
            talk.rset()
        for address in ("rebonds+quitter@retour.example.org", COMPLAINTS):
            talk.mail("<>")
            assert talk.rcpt(address)[0] == 250
            talk.rset()


@on_sqlite
def test_a_complaint_comes_by_its_own_address(door: Listen) -> None:
    posting = posted(reader())
    with client(door) as talk:
        assert talk.sendmail("fbl@provider.example", [COMPLAINTS], posting.mail(sample("yahoo"))) == {}
    assert Bounce.objects.get().kind == "complaint"


def raw_answers(talk: smtplib.LMTP, posting: Posting, count: int, content: bytes) -> list[tuple[int, bytes]]:
    talk.mail("<>")
    for _ in range(count):
        assert talk.rcpt(posting.verp)[0] == 250
    assert talk.docmd("DATA")[0] == 354
    talk.send(content + b"\r\n.\r\n")
    return [talk.getreply() for _ in range(count)]


@on_sqlite
def test_each_recipient_has_an_answer_of_its_own(door: Listen) -> None:
    posting = posted(reader())
    with client(door) as talk:
        answers = raw_answers(talk, posting, 2, posting.mail(DEAD))
        assert answers == [(250, b"2.0.0 hard"), (250, b"2.0.0 hard")]
        assert talk.noop()[0] == 250


@on_sqlite
def test_a_mail_beyond_the_limit_is_refused_for_each_recipient(door: Listen) -> None:
    posting = posted(reader())
    with client(door) as talk:
        assert talk.esmtp_features["size"] == str(lmtp.LONGEST)
        assert talk.docmd("MAIL", f"FROM:<> SIZE={lmtp.LONGEST + 1}")[0] == 552
        lines = b"x" * 998 + b"\r\n"
        answers = raw_answers(talk, posting, 2, lines * (lmtp.LONGEST // 1000 + 1))
        assert [code for code, _ in answers] == [552, 552]
        assert talk.noop()[0] == 250


@on_sqlite
def test_it_offers_what_rfc_2033_asks_for_and_codes_every_answer(door: Listen) -> None:
    with client(door) as talk:
        assert {"pipelining", "enhancedstatuscodes", "8bitmime", "smtputf8"} <= set(talk.esmtp_features)
        for command in ("NOOP", "RSET", "MAIL FROM:<>", "DATA", "EHLO x", "NONSENSE"):
            code, words = talk.docmd(command)
            assert words.startswith(f"{code // 100}.".encode()), command


@on_sqlite
def test_a_database_that_is_away_keeps_the_mail_with_the_server_in_front(door: Listen) -> None:
    posting = posted(reader())
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE delivery_bounce RENAME TO delivery_bounce_away")
    try:
        with client(door) as talk:
            with pytest.raises(smtplib.SMTPDataError) as refused:
                talk.sendmail("", [posting.verp], posting.mail(DEAD))
            assert refused.value.smtp_code == 451
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE delivery_bounce_away RENAME TO delivery_bounce")
    with client(door) as talk:
        assert talk.sendmail("", [posting.verp], posting.mail(DEAD)) == {}
    assert Bounce.objects.get().kind == "hard"


def test_the_setting_is_read_or_refused_with_its_name(tmp_path: Path) -> None:
    assert lmtp.listen("127.0.0.1:2424") == Listen(host="127.0.0.1", port=2424)
    assert lmtp.listen("[::1]:24") == Listen(host="::1", port=24)
    assert lmtp.listen("/run/kit/lmtp.sock") == Listen(path=Path("/run/kit/lmtp.sock"))
    for wrong in ("", "2424", "127.0.0.1:", "127.0.0.1:70000", "127.0.0.1:²", "/" + "x" * 110):
        with pytest.raises(ListenError, match="KIT_LMTP"):
            lmtp.listen(wrong)


def test_kit_serve_runs_the_server_where_it_is_asked_for(tmp_path: Path) -> None:
    base = {"KIT_DATA_DIR": str(tmp_path), "KIT_REDIS_URL": "redis://127.0.0.1:1/0"}

    def names(**more: str) -> list[str]:
        return [one.name for one in programs(environment.read(base | more), host="127.0.0.1", port=8000)]

    assert "rebonds" in names(KIT_LMTP="127.0.0.1:2424")
    assert "rebonds" not in names()


@pytest.mark.processes
def test_the_program_listens_where_the_setting_says_and_stops_when_asked(tmp_path: Path) -> None:
    port = free_port()
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("KIT_", "DJANGO_"))}
    environ |= {"KIT_DATA_DIR": str(tmp_path), "KIT_LMTP": f"127.0.0.1:{port}"}
    command = [sys.executable, "-m", "pipeline.delivery.bounces.lmtp"]
    program = subprocess.Popen(command, cwd=ROOT, env=environ, stderr=subprocess.PIPE)
    try:
        while True:
            try:
                talk = smtplib.LMTP("127.0.0.1", port, timeout=10)
                break
            except ConnectionRefusedError:
                assert program.poll() is None
        assert talk.ehlo()[0] == 250
        talk.close()
        program.send_signal(signal.SIGTERM)
        assert program.wait(20) == 0
    finally:
        program.kill()
        program.wait()
    environ["KIT_LMTP"] = "nulle part"
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, "KIT_LMTP" in done.stderr) == (2, True)
