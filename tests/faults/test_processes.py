"""The season in real processes: beat, workers, Redis, SMTP; killed, doubled, delayed, and with a clock that jumps."""

from __future__ import annotations

import datetime as dt
import email
import email.policy
import os
import shutil
import signal
import time
import urllib.request
from collections import Counter
from pathlib import Path

import pytest

from tests.installation import ROOT, Installation
from tests.smtp_sink import Behaviour, Sink

pytestmark = pytest.mark.processes
LAUNCH = dt.datetime(2020, 1, 22, 8, tzinfo=dt.UTC)
FORTNIGHT = dt.timedelta(days=14)
SECONDS = dt.timedelta(seconds=1)
HOUR = dt.timedelta(hours=1)
CONNECTIONS = 4
"""Of one sending process, unless its server's URL says otherwise: each may have been between a dot and its reply."""


def newsletters(sink: Sink) -> Counter[tuple[str, str]]:
    """(recipient, Message-ID) of every newsletter taken, counted; notices to staff are not among them."""
    return Counter((m["to"], m["id"]) for m in sink.messages if not m["to"].startswith("equipe@"))


def leave(kit: Installation, sink: Sink, address: str) -> None:
    """Unsubscribe as a mail program does: one POST to the address of the header (RFC 8058)."""
    content = next(m["content"] for m in sink.messages if m["to"] == address)
    mail = email.message_from_bytes(content, policy=email.policy.default)
    url = str(mail["List-Unsubscribe"]).strip("<>")
    body = str(mail["List-Unsubscribe-Post"]).encode()
    assert kit.get(url.removeprefix(kit.environ["KIT_BASE_URL"]))[0] == 200
    with urllib.request.urlopen(urllib.request.Request(url, data=body), timeout=10) as answer:
        assert answer.status == 200


def test_three_slots_go_out_through_beat_worker_redis_and_smtp(tmp_path: Path) -> None:
    with Sink() as sink, Installation(tmp_path, sink.url, wall=LAUNCH - 60 * SECONDS) as kit:
        kit.season(people=20)
        kit.serve()
        for number, expected in ((1, 20), (2, 40), (3, 59)):
            kit.set_wall(LAUNCH + (number - 1) * FORTNIGHT - 3 * SECONDS)
            kit.wait(lambda n=expected: len(newsletters(sink)) == n, 40, f"slot {number} is not out")
            if number == 2:
                leave(kit, sink, "p7@example.org")
            assert kit.get(f"/essai/fiches/fiche-{number}/")[0] == 200
            assert kit.get(f"/essai/fiches/fiche-{number + 1}/")[0] == 404
        assert set(newsletters(sink).values()) == {1}
        for due, released in kit.rows("select due, released_at from release_release"):
            late = dt.datetime.fromisoformat(released) - dt.datetime.fromisoformat(due)
            assert dt.timedelta(0) <= late < 10 * SECONDS
        assert sink.counts()["p7@example.org"] == 2
        kit.wait(lambda: kit.json("delivery", "3")["sent"] == 19, 20, "not counted")
        assert kit.stop() == 0
        assert kit.processes("celery") == kit.processes("redis-server") == []


@pytest.mark.parametrize("victim", ["worker and beat", "everything"])
def test_killed_in_the_middle_of_a_release_nobody_is_lost_and_nobody_gets_two(tmp_path: Path, victim: str) -> None:
    with Sink(Behaviour(slow=0.01)) as sink, Installation(tmp_path, sink.url, wall=LAUNCH - 60 * SECONDS) as kit:
        kit.season(people=600)
        kit.serve()
        kit.set_wall(LAUNCH - 2 * SECONDS)
        kit.wait(lambda: len(sink.messages) > 60, 40, "sending has not begun")
        if victim == "everything":
            kit.kill_server()
            kit.serve()
        else:
            assert kit.kill("worker", "bulk") >= 2
            assert kit.kill(" beat ") == 1
        kit.wait(lambda: kit.scalar("select state from delivery_mailing") == "done", 90, "not finished")
        stands = kit.json("delivery", "1")
        assert stands["frozen"] == stands["sent"] + stands["unknown"] == 600
        assert stands["unknown"] <= CONNECTIONS
        got = Counter(sink.recipients)
        assert max(got.values()) == 1
        assert 600 - stands["unknown"] <= len(got) <= 600


def test_every_worker_takes_its_share_of_a_large_mailing(tmp_path: Path) -> None:
    with Sink(Behaviour(slow=0.005)) as sink, Installation(tmp_path, sink.url, wall=LAUNCH - 60 * SECONDS) as kit:
        kit.season(people=3000)
        kit.serve()
        kit.set_wall(LAUNCH - 2 * SECONDS)
        kit.wait(lambda: sink.open >= 2 * CONNECTIONS, 60, "one process sends alone")
        kit.wait(lambda: kit.scalar("select state from delivery_mailing") == "done", 90, "not finished")
        assert set(newsletters(sink).values()) == {1}
        assert len(newsletters(sink)) == 3000


def test_two_beats_release_once(tmp_path: Path) -> None:
    with Sink() as sink, Installation(tmp_path, sink.url, wall=LAUNCH - 60 * SECONDS) as kit:
        kit.season(people=5)
        kit.serve()
        kit.second_beat()
        kit.wait(lambda: len(kit.processes(" beat ")) >= 2, 20, "no second beat")
        kit.set_wall(LAUNCH - 6 * SECONDS)
        kit.wait(lambda: len(sink.messages) == 5, 40, "not out")
        kit.set_wall(LAUNCH + 60 * SECONDS)
        kit.wait(lambda: kit.scalar("select state from delivery_mailing") == "done", 30, "not finished")
        assert kit.scalar("select count(*) from release_release") == 1
        assert set(newsletters(sink).values()) == {1}


def test_down_for_an_hour_the_slot_leaves_late_and_once(tmp_path: Path) -> None:
    with Sink() as sink, Installation(tmp_path, sink.url, wall=LAUNCH - HOUR) as kit:
        kit.season(people=5)
        kit.set_wall(LAUNCH + HOUR)
        kit.serve()
        kit.wait(lambda: len(sink.messages) == 5, 40, "not out")
        assert kit.json("status")[0]["state"] == "released"


def test_down_for_a_month_nothing_leaves_and_staff_are_told(tmp_path: Path) -> None:
    with Sink() as sink, Installation(tmp_path, sink.url, wall=LAUNCH - HOUR) as kit:
        kit.season(people=5)
        kit.set_wall(LAUNCH + dt.timedelta(days=30))
        kit.serve()
        kit.wait(lambda: len(sink.messages) >= 3, 60, "staff were not told")
        assert {row["state"] for row in kit.json("status")} == {"held"}
        assert newsletters(sink) == Counter()


def test_a_clock_that_jumps_back_an_hour_delays_nothing_and_repeats_nothing(tmp_path: Path) -> None:
    second = LAUNCH + FORTNIGHT
    with Sink() as sink, Installation(tmp_path, sink.url, wall=LAUNCH - 60 * SECONDS) as kit:
        kit.season(people=5)
        kit.serve()
        kit.set_wall(LAUNCH - 2 * SECONDS)
        kit.wait(lambda: len(sink.messages) == 5, 40, "slot 1 is not out")
        kit.set_wall(second - 30 * SECONDS)
        kit.wait(lambda: (kit.scalar("select ticked_at from release_plan") or "") > "2020-02-05", 30, "no tick")
        kit.set_wall(second - 30 * SECONDS - HOUR)
        kit.wait(
            lambda: kit.scalar("select ticked_at from release_plan") < "2020-02-05 07:30", 30, "the step went unseen"
        )
        kit.set_wall(second - 4 * SECONDS)
        kit.wait(lambda: len(sink.messages) == 10, 30, "slot 2 is not out")
        assert set(newsletters(sink).values()) == {1}


def test_a_slot_moved_to_an_earlier_date_while_beat_sleeps_leaves_then(tmp_path: Path) -> None:
    with Sink() as sink, Installation(tmp_path, sink.url, wall=LAUNCH - dt.timedelta(days=5, seconds=60)) as kit:
        kit.season(people=5, slots=1)
        kit.serve()
        kit.set_wall(LAUNCH - dt.timedelta(days=5, seconds=12))
        kit.kit("postpone", "1", "2020-01-17", "--reason", "plus tôt")
        kit.wait(lambda: len(sink.messages) == 5, 40, "not out")
        released = dt.datetime.fromisoformat(kit.scalar("select released_at from release_release"))
        assert released.date() == dt.date(2020, 1, 17)


def test_the_calendar_of_2020_started_today_mails_nobody_and_says_what_to_do(tmp_path: Path) -> None:
    for name in ("fiches", "schedules"):
        shutil.copytree(ROOT / name, tmp_path / name)
    with Sink() as sink, Installation(tmp_path, sink.url) as kit:
        kit.serve()
        kit.wait(lambda: {row["state"] for row in kit.json("status")} == {"held"}, 30, "not held")
        assert kit.rows("select * from delivery_mailing") == []
        told = kit.kit("status")
        assert "retenu" in told.stdout
        assert "kit release" in told.stderr
        assert newsletters(sink) == Counter()


def test_a_dead_child_is_started_again(tmp_path: Path) -> None:
    with Sink() as sink, Installation(tmp_path, sink.url, wall=LAUNCH - HOUR) as kit:
        kit.season(people=1)
        kit.serve()
        for words in (("redis-server",), ("gunicorn",), ("worker", "transactional")):
            assert kit.kill(*words)
        kit.wait(lambda: kit.processes("redis-server") and kit.processes("gunicorn"), 20, "not started again")
        kit.set_wall(LAUNCH - 3 * SECONDS)
        kit.wait(lambda: len(sink.messages) == 1, 60, "not out")
        kit.wait(lambda: kit.get("/")[0] == 200, 20, "no site")


@pytest.mark.long
def test_a_sender_that_was_stopped_beyond_its_lease_sends_nothing_when_it_wakes(tmp_path: Path) -> None:
    with Sink(Behaviour(slow=0.02)) as sink, Installation(tmp_path, sink.url, wall=LAUNCH - 60 * SECONDS) as kit:
        kit.season(people=900)
        kit.serve()
        kit.set_wall(LAUNCH - 2 * SECONDS)
        kit.wait(lambda: len(sink.messages) > 40, 40, "sending has not begun")
        holders = {
            name.partition("-")[0] for (name,) in kit.rows("select holder from delivery_batch where state = 'leased'")
        }
        asleep = int(sorted(holders)[0])
        os.kill(asleep, signal.SIGSTOP)
        kit.wait(lambda: len(set(sink.recipients)) >= 898, 150, "nobody took over")
        os.kill(asleep, signal.SIGCONT)
        kit.wait(lambda: kit.scalar("select state from delivery_mailing") == "done", 60, "not finished")
        time.sleep(3)
        stands = kit.json("delivery", "1")
        assert stands["sent"] + stands["unknown"] == 900
        assert stands["unknown"] <= CONNECTIONS
        assert max(sink.counts().values()) == 1
