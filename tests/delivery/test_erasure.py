"""Who is erased: nothing that sending keeps bears the address any more, and nothing is written to it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from pipeline.audience import rights
from pipeline.audience.models import Person
from pipeline.delivery import ledger, outbox
from pipeline.delivery.models import Attempt, Bounce, Mailing, Outgoing, Recipient
from pipeline.delivery.repair import LATELY, repair
from pipeline.release import notices
from tests.delivery import lists
from tests.smtp_sink import Behaviour, Sink
from tests.stage import Stage, stage

pytestmark = pytest.mark.usefixtures("database")

GONE = "p2@example.org"
WORDS = {"p1@example.org": "550 5.2.1 <p1@example.org> no", GONE: f"550 5.2.1 <{GONE}> no, {GONE}"}


def held() -> str:
    """Everything in the tables that keep what was sent."""
    return str([list(model.objects.values()) for model in (Recipient, Attempt, Bounce, Outgoing)])


def put(play: Stage, key: str, recipient: str = GONE) -> bool:
    content = f"From: kit@essai.org\r\nTo: {recipient}\r\nSubject: Bonjour\r\n\r\nBonjour.\r\n".encode()
    return outbox.put(key, sender="kit@essai.org", recipient=recipient, content=content, now=play.now)


def test_the_words_of_servers_that_hold_the_address_go_with_it(tmp_path: Path) -> None:
    with Sink(Behaviour(refuse=WORDS)) as sink:
        play = stage(tmp_path, people=3, url=sink.url)
        play.tick()
        play.send()
    assert GONE in Attempt.objects.get(position=2).text
    rights.erase(GONE, now=play.now)
    assert GONE not in held()
    assert "p1@example.org" in Attempt.objects.get(position=1).text
    mailing = Mailing.objects.get()
    assert (ledger.tally(mailing).refused, ledger.tally(mailing).sent) == (2, 1)


def test_every_attempt_on_every_mailing_is_emptied() -> None:
    Person.objects.create(pk=2, email=GONE, key=GONE, created_at=lists.NOW)
    for name in ("essai/1", "essai/2"):
        made = lists.mailing(3, name=name)
        lists.tried(made, [1, 2], "deferred", "refused", text=f"<{GONE}> later")
    rights.erase(GONE, now=lists.NOW)
    assert set(Attempt.objects.filter(position=2).values_list("text", flat=True)) == {""}
    assert Attempt.objects.filter(position=1, text="").count() == 0


def test_an_answer_that_was_under_way_is_emptied_by_the_repair_loop() -> None:
    Person.objects.create(pk=2, email=GONE, key=GONE, created_at=lists.NOW)
    made = lists.mailing(3)
    rights.erase(GONE, now=lists.NOW)
    lists.tried(made, [1, 2, 3], "refused", text=f"<{GONE}> no")
    lists.count(made)
    repair(now=lists.NOW + LATELY - dt.timedelta(seconds=1))
    texts = dict(Attempt.objects.values_list("position", "text"))
    assert (texts[1], texts[2]) == (f"<{GONE}> no", "")


def test_a_mail_that_waits_for_an_erased_person_is_not_sent_any_more(tmp_path: Path) -> None:
    with Sink() as sink:
        play = stage(tmp_path, people=3, url=sink.url)
        put(play, "welcome:2", GONE.upper())
        put(play, "welcome:3", "p3@example.org")
        rights.erase(GONE, now=play.now)
        outbox.run(play.desk, seconds=5)
        assert sink.recipients == ["p3@example.org"]
    gone = Outgoing.objects.get(key="welcome:2")
    assert (gone.state, gone.recipient, bytes(gone.content)) == ("refused", "", b"")
    assert not put(play, "welcome:2")


def test_a_mail_that_was_sent_or_refused_keeps_neither_address_nor_content(tmp_path: Path) -> None:
    with Sink(Behaviour(refuse=WORDS)) as sink:
        play = stage(tmp_path, people=3, url=sink.url)
        for address in (GONE, "p1@example.org", "p3@example.org"):
            put(play, f"welcome:{address[1]}", address)
        outbox.run(play.desk, seconds=5)
    assert GONE in Outgoing.objects.get(key="welcome:2").answer
    rights.erase(GONE, now=play.now)
    assert GONE not in held()
    assert dict(Outgoing.objects.values_list("recipient", "state")) == {
        "": "refused", "p1@example.org": "refused", "p3@example.org": "sent",
    }  # fmt: skip
    assert b"Bonjour" in bytes(Outgoing.objects.get(recipient="p3@example.org").content)


def test_a_mail_that_has_been_taken_up_is_kept_back_before_its_first_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Sink() as sink:
        play = stage(tmp_path, people=3, url=sink.url)
        put(play, "welcome:2")
        claim = outbox._claim

        def erased_meanwhile(now: dt.datetime) -> Outgoing | None:
            mail = claim(now)
            if mail is not None:
                rights.erase(GONE, now=now)
            return mail

        monkeypatch.setattr(outbox, "_claim", erased_meanwhile)
        outbox.run(play.desk, seconds=5)
        assert sink.recipients == []
    assert GONE not in held()
    assert Outgoing.objects.get().state == "unknown"


def test_a_notice_to_staff_is_known_by_no_address(tmp_path: Path) -> None:
    play = stage(tmp_path, people=3)
    made = lists.mailing(3)
    for _ in range(2):
        notices.stopped([made], staff=[GONE, "p3@example.org"], now=play.now)
    assert Outgoing.objects.count() == 2
    assert GONE not in str(list(Outgoing.objects.values_list("key", flat=True)))
