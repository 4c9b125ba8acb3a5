"""Mails to one person: each goes once, waits where it has to, and is never given up for somebody else's fault."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from pipeline.delivery import outbox, sender
from pipeline.delivery.letters import Stationery
from pipeline.delivery.models import Outgoing
from tests.keys import write_key
from tests.smtp_sink import Behaviour, Sink
from tests.stage import Stage, stage

pytestmark = pytest.mark.usefixtures("database")

CONTENT = b"From: kit@essai.org\r\nTo: a@example.org\r\nSubject: s\r\n\r\nBonjour\r\n"
HOUR = dt.timedelta(hours=1)


def queue(play: Stage, count: int = 1) -> None:
    for number in range(count):
        outbox.put(
            f"essai/{number}", sender="kit@essai.org", recipient=f"a{number}@example.org", content=CONTENT, now=play.now
        )


def post(play: Stage) -> int:
    return outbox.run(play.desk, seconds=20)


def states() -> list[str]:
    return list(Outgoing.objects.order_by("pk").values_list("state", flat=True))


def test_a_mail_that_is_queued_twice_goes_once(tmp_path: Path) -> None:
    with Sink() as sink:
        play = stage(tmp_path, url=sink.url)
        queue(play, 3)
        queue(play, 3)
        assert post(play) == 3
        assert sorted(sink.recipients) == ["a0@example.org", "a1@example.org", "a2@example.org"]
        assert states() == ["sent"] * 3


def test_a_mail_whose_answer_is_lost_is_unknown_and_goes_no_more(tmp_path: Path) -> None:
    with Sink(Behaviour(drop_before_dot_reply=(1,))) as sink:
        play = stage(tmp_path, url=sink.url)
        queue(play)
        post(play)
        play.now += HOUR
        assert post(play) == 0
        assert len(sink.messages) == 1
        assert states() == ["unknown"]


def test_mails_that_cannot_be_signed_wait_for_a_mend_and_none_is_uncertain(tmp_path: Path) -> None:
    keys = tmp_path / "dkim"
    keys.mkdir()
    key = write_key(keys / "r.pem", "rsa", mode=0o644)
    with Sink() as sink:
        play = stage(tmp_path, url=sink.url)
        play.stationery = Stationery(dkim_dir=keys)
        queue(play, 2)
        post(play)
        assert states() == ["queued", "queued"]
        assert "r.pem" in Outgoing.objects.earliest("pk").answer
        key.chmod(0o600)
        play.now += HOUR
        assert post(play) == 2
        assert len(sink.messages) == 2


def test_an_outage_of_days_gives_nobody_up(tmp_path: Path) -> None:
    how = Behaviour(refuse={"a0@example.org": "451 4.3.0 later"})
    play = stage(tmp_path, url="smtp://127.0.0.1:1/")
    queue(play)
    Outgoing.objects.update(attempts=500)
    post(play)
    play.now += 45 * HOUR
    with Sink(how) as sink:
        play.url, play._desk = sink.url, None
        post(play)
        assert states() == ["queued"]
        how.refuse.clear()
        play.now += 12 * HOUR
        post(play)
        assert states() == ["sent"]


def test_after_72_hours_a_deferral_is_final(tmp_path: Path) -> None:
    with Sink(Behaviour(refuse={"a0@example.org": "451 4.3.0 never"})) as sink:
        play = stage(tmp_path, url=sink.url)
        queue(play)
        for _ in range(16):
            post(play)
            play.now += 6 * HOUR
        assert states() == ["refused"]
        assert Outgoing.objects.get().answer.startswith("abandonné après 72")


def test_a_mail_queued_before_the_clock_was_put_back_does_not_wait_for_it(tmp_path: Path) -> None:
    with Sink() as sink:
        play = stage(tmp_path, url=sink.url)
        queue(play)
        play.now -= HOUR
        assert outbox.waiting(play.now) == 1
        assert post(play) == 1


def test_a_process_that_stops_begins_nothing(tmp_path: Path) -> None:
    with Sink() as sink:
        play = stage(tmp_path, url=sink.url)
        queue(play)
        sender.stopping.set()
        try:
            assert post(play) == 0
        finally:
            sender.stopping.clear()
        assert states() == ["queued"]
        assert sink.messages == []
