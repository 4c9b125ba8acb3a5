"""Once to each, whatever dies: real lists, real journals, a real SMTP conversation."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from pipeline.audience import consent, moves, rights
from pipeline.audience.addresses import parse
from pipeline.audience.models import Person
from pipeline.delivery import fence, gate, journal, ledger, mailings, results, takeover
from pipeline.delivery.envelope import Outcome
from pipeline.delivery.models import Attempt, Batch, Mailing, Recipient
from tests.smtp_sink import Behaviour, Sink
from tests.stage import Stage, stage

pytestmark = pytest.mark.usefixtures("database")


def released(folder: Path, people: int, url: str = "") -> tuple[Stage, Mailing]:
    play = stage(folder, people=people, url=url)
    play.tick()
    return play, Mailing.objects.get()


def counts(mailing: Mailing) -> dict[str, int]:
    mailing.refresh_from_db()
    stands = ledger.tally(mailing)
    told = {name: getattr(stands, name) for name in stands.__slots__}
    assert told["frozen"] == sum(value for name, value in told.items() if name != "frozen")
    return {name: value for name, value in told.items() if value and name != "frozen"}


def test_everybody_active_at_the_cutoff_gets_it_once(tmp_path: Path) -> None:
    with Sink() as sink:
        play, mailing = released(tmp_path, 1200, sink.url)
        play.send()
        assert len(sink.messages) == 1200
        assert max(sink.counts().values()) == 1
        assert counts(mailing) == {"sent": 1200}
        assert Mailing.objects.get().state == "done"
        assert len({message["id"] for message in sink.messages}) == 1200


def test_a_list_is_frozen_whole_with_few_queries(tmp_path: Path, django_assert_max_num_queries) -> None:
    play = stage(tmp_path, people=2000)
    with django_assert_max_num_queries(90):
        play.tick()
    assert Recipient.objects.count() == 2000
    assert list(Recipient.objects.order_by("position").values_list("position", flat=True)) == list(range(1, 2001))


def test_who_subscribes_after_the_cutoff_is_not_on_the_list(tmp_path: Path) -> None:
    play, _ = released(tmp_path, 2)
    play.now += dt.timedelta(days=2)
    play.subscribe(5)
    play.send()
    assert len(list((tmp_path / "mailbox/new").iterdir())) == 2


def test_who_left_before_the_sending_is_not_written_to(tmp_path: Path) -> None:
    with Sink() as sink:
        play, mailing = released(tmp_path, 40, sink.url)
        target = Person.objects.get(email="p30@example.org")
        consent.unsubscribe("essai", target.public_id, now=play.now, source="essai")
        play.send()
        assert "p30@example.org" not in sink.recipients
        assert counts(mailing) == {"sent": 39, "suppressed": 1}


def test_who_is_erased_leaves_no_address_on_any_list_and_is_not_written_to(tmp_path: Path) -> None:
    play, mailing = released(tmp_path, 3)
    rights.erase("p2@example.org", now=play.now)
    assert sorted(Recipient.objects.values_list("address", flat=True)) == ["", "p1@example.org", "p3@example.org"]
    play.send()
    assert counts(mailing) == {"sent": 2, "suppressed": 1}


def test_who_leaves_between_two_messages_is_not_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    play, mailing = released(tmp_path, 20)
    victim = Person.objects.get(email="p3@example.org")
    original = gate.LeaseGate.told

    def leave(self, outcome) -> None:  # type: ignore[no-untyped-def]
        if outcome.key == 2:
            consent.unsubscribe("essai", victim.public_id, now=play.now, source="essai")
        original(self, outcome)

    monkeypatch.setattr(gate.LeaseGate, "told", leave)
    play.send()
    assert counts(mailing) == {"sent": 19, "suppressed": 1}


def test_deferred_people_are_tried_again_later_and_refused_ones_are_not(tmp_path: Path) -> None:
    how = Behaviour(refuse={"p2@example.org": "450 4.2.1 later", "p3@example.org": "550 5.1.1 no"})
    with Sink(how) as sink:
        play, mailing = released(tmp_path, 4, sink.url)
        play.send()
        assert counts(mailing) == {"sent": 2, "deferred": 1, "refused": 1}
        how.refuse.clear()
        play.send()
        assert counts(mailing)["deferred"] == 1
        play.now += dt.timedelta(minutes=20)
        play.send()
        assert counts(mailing) == {"sent": 3, "refused": 1}
        assert Mailing.objects.get().state == "done"


def test_after_72_hours_a_deferral_is_final(tmp_path: Path) -> None:
    with Sink(Behaviour(refuse={"p1@example.org": "451 4.3.0 never"})) as sink:
        play, mailing = released(tmp_path, 1, sink.url)
        for _ in range(16):
            play.send()
            play.now += dt.timedelta(hours=6)
        assert counts(mailing) == {"refused": 1}


def test_only_the_message_whose_reply_was_lost_is_unknown_and_a_person_may_resend_it(tmp_path: Path) -> None:
    with Sink(Behaviour(drop_before_dot_reply=(3,))) as sink:
        play, mailing = released(tmp_path, 10, sink.url)
        play.send()
        assert counts(mailing) == {"sent": 9, "unknown": 1}
        assert max(sink.counts().values()) == 1
        play.now += dt.timedelta(days=3)
        play.send()
        assert counts(mailing)["unknown"] == 1
        assert mailings.resend_unknown(mailing.name) == 1
        play.send()
        assert counts(mailing) == {"sent": 10}
        again = [message["id"] for message in sink.messages if message["to"] == sink.messages[2]["to"]]
        assert len(again) == 2
        assert len(set(again)) == 1


def test_an_uncertain_message_is_sent_again_to_where_its_person_has_moved_since(tmp_path: Path) -> None:
    with Sink(Behaviour(drop_before_dot_reply=(3,))) as sink:
        play, mailing = released(tmp_path, 5, sink.url)
        play.send()
        old = sink.messages[2]["to"]
        person = Person.objects.get(email=old)
        move = moves.ask("essai", person.public_id, parse("ailleurs@example.org"), now=play.now)
        assert move is not None
        moves.confirm(move.public_id, now=play.now)
        assert mailings.resend_unknown(mailing.name) == 1
        play.send()
        assert counts(mailing) == {"sent": 5}
        assert [message["to"] for message in sink.messages].count(old) == 1
        assert sink.messages[-1]["to"] == "ailleurs@example.org"


def test_three_unknown_in_a_row_stop_the_mailing(tmp_path: Path) -> None:
    with Sink(Behaviour(drop_before_dot_reply=(1, 2, 3, 4, 5, 6))) as sink:
        play, mailing = released(tmp_path, 300, sink.url)
        play.send()
        mailing.refresh_from_db()
        assert mailing.state == "paused"
        assert "kit resume" in mailing.reason
        assert len(sink.messages) < 300


def test_a_server_that_cannot_be_reached_loses_nothing(tmp_path: Path) -> None:
    with Sink() as sink:
        url, port = sink.url, sink.port
    play, mailing = released(tmp_path, 3, url)
    play.send()
    assert counts(mailing) == {"pending": 3}
    with Sink(port=port) as sink:
        play.now += dt.timedelta(minutes=2)
        play.send()
        assert counts(mailing) == {"sent": 3}


def test_paused_sends_nothing_and_resumed_sends_the_rest(tmp_path: Path) -> None:
    play, mailing = released(tmp_path, 5)
    assert mailings.pause(mailing.name, "un doute")
    play.send()
    assert counts(mailing) == {"pending": 5}
    assert mailings.resume(mailing.name)
    play.send()
    assert counts(mailing) == {"sent": 5}


def test_cancelled_accounts_for_everybody(tmp_path: Path) -> None:
    play, mailing = released(tmp_path, 700)
    assert mailings.cancel(mailing.name, "une erreur", now=play.now)
    play.send()
    assert counts(mailing) == {"cancelled": 700}


def test_a_copied_database_mails_nobody_until_armed(tmp_path: Path) -> None:
    play, mailing = released(tmp_path, 2)
    play.identity, play._desk = "une copie", None
    with pytest.raises(fence.NotArmed):
        play.send()
    assert counts(mailing) == {"pending": 2}
    fence.arm("une copie", now=play.now, who="équipe")
    play.send()
    assert counts(mailing) == {"sent": 2}


def test_a_copied_data_folder_is_another_installation(tmp_path: Path) -> None:
    import shutil

    (tmp_path / "a").mkdir()
    first = fence.identity(tmp_path / "a")
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    assert fence.identity(tmp_path / "a") == first
    assert fence.identity(tmp_path / "b") != first


# Takeovers


def dead_journal(folder: Path, batch: Batch, lines: str) -> str:
    """A journal left by a process that is gone."""
    code = f"""
        import os, sys
        from pathlib import Path
        from pipeline.delivery.journal import Journal
        from pipeline.delivery.envelope import Outcome
        j = Journal(Path({str(folder)!r}))
        j.lease({batch.pk}, {batch.lease + 1})
        {lines}
        print(j.name, flush=True)
        os._exit(9)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def leased(play: Stage, lines: str, *, reserved: int) -> Batch:
    batch = Batch.objects.get()
    name = dead_journal(play.desk.journals, batch, lines)
    lease = ledger.claim(name, now=play.now, reserve=1)
    assert lease is not None
    ledger.advance(lease, [], reserve_to=reserved, now=play.now)
    return Batch.objects.get()


def test_a_dead_sender_leaves_what_its_journal_settles_and_one_uncertain(tmp_path: Path) -> None:
    play, mailing = released(tmp_path, 10)
    lines = "j.intent(1); j.outcome(Outcome(1, 'sent', 250, '2.0.0', 'ok', 'dot')); j.intent(2)"
    leased(play, lines, reserved=8)
    assert takeover.reclaim(play.desk.journals, now=play.now) == [mailing.pk]
    assert counts(mailing) == {"sent": 1, "unknown": 1, "pending": 8}
    play.send()
    assert counts(mailing) == {"sent": 9, "unknown": 1}
    assert len(list((tmp_path / "mailbox/new").iterdir())) == 8


def test_without_its_journal_everything_reserved_is_uncertain_and_nothing_else(tmp_path: Path) -> None:
    play, mailing = released(tmp_path, 10)
    leased(play, "", reserved=4)
    for path in play.desk.journals.glob("*.journal"):
        path.unlink()
    Batch.objects.update(boot="un autre démarrage")
    takeover.reclaim(play.desk.journals, now=play.now + dt.timedelta(seconds=20))
    assert counts(mailing) == {"pending": 10}
    takeover.reclaim(play.desk.journals, now=play.now + dt.timedelta(minutes=3))
    assert counts(mailing) == {"unknown": 4, "pending": 6}


def test_a_late_holder_writes_nothing(tmp_path: Path) -> None:
    play, _ = released(tmp_path, 3)
    lease = ledger.claim("quelqu’un", now=play.now, reserve=1)
    assert lease is not None
    row = ledger.rows(lease, now=play.now)[0]
    Batch.objects.update(lease=99)
    late = [results.of_outcome(row, Outcome(1, "sent", 250, "", ""), now=play.now)]
    for write in (
        lambda: ledger.advance(lease, late, reserve_to=3, now=play.now),
        lambda: ledger.release(lease, late),
    ):
        with pytest.raises(ledger.LeaseLost):
            write()
    assert not Attempt.objects.exists()


def test_two_claimers_get_different_batches(tmp_path: Path) -> None:
    play, _ = released(tmp_path, 2000)
    first, second = (ledger.claim(name, now=play.now, reserve=1) for name in ("a", "b"))
    assert first is not None
    assert second is not None
    assert first.batch != second.batch
    assert ledger.claim("c", now=play.now, reserve=1) is None


def test_a_torn_line_counts_as_an_intent(tmp_path: Path) -> None:
    made = journal.Journal(tmp_path)
    made.lease(1, 1)
    made.intent(7)
    made.path.write_bytes(made.path.read_bytes() + b'o 1 1 7 ["sent", 25')
    record = journal.read(tmp_path, made.name, 1, 1)
    assert record is not None
    assert record.entries == {7: None}
    made.close()


def test_a_journal_of_another_boot_says_nothing(tmp_path: Path) -> None:
    made = journal.Journal(tmp_path)
    made.path.write_bytes(b"kit-journal 1 another-boot\no 1 1 7 []\n")
    assert journal.read(tmp_path, made.name, 1, 1) is None
    made.close()


def test_a_journal_with_lines_that_are_none_says_nothing(tmp_path: Path) -> None:
    made = journal.Journal(tmp_path)
    made.lease(1, 1)
    made.intent(7)
    made.path.write_bytes(made.path.read_bytes() + b"o 1 1o 1 1 8 []\n")
    assert journal.read(tmp_path, made.name, 1, 1) is None
    made.close()


def test_of_a_cancelled_mailing_nothing_is_sent_again(tmp_path: Path) -> None:
    with Sink(Behaviour(drop_before_dot_reply=(1,))) as sink:
        play, mailing = released(tmp_path, 3, f"{sink.url}?connections=1")
        play.send()
        mailings.resend_unknown(mailing.name)
        Mailing.objects.update(state="sending")
        assert mailings.cancel(mailing.name, "un doute", now=play.now)
        assert mailings.resend_unknown(mailing.name) == 0
        assert counts(mailing) == {"sent": 2, "cancelled": 1}


def test_what_is_sent_again_and_lost_again_is_news(tmp_path: Path) -> None:
    with Sink(Behaviour(drop_before_dot_reply=(1, 2, 4, 5))) as sink:
        play, mailing = released(tmp_path, 3, f"{sink.url}?connections=1")
        play.send()
        mailing.refresh_from_db()
        assert (mailing.state, counts(mailing)) == ("paused", {"unknown": 2, "pending": 1})
        assert mailings.resume(mailing.name)
        play.send()
        assert mailings.resend_unknown(mailing.name) == 2
        play.send()
        mailing.refresh_from_db()
        assert (mailing.state, mailing.alarms) == ("paused", 2)
