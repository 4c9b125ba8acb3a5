"""What stops a mailing, what lets it go on, and what its people's servers have to do with it."""

from __future__ import annotations

import datetime as dt
import email
import email.policy
from pathlib import Path

import dkim
import pytest

from pipeline.audience.models import Suppression
from pipeline.delivery import gate, ledger, mailings
from pipeline.delivery.bounces import verp
from pipeline.delivery.dkim import load
from pipeline.delivery.envelope import Envelope
from pipeline.delivery.ledger import Row
from pipeline.delivery.letters import Letters, Stationery
from pipeline.delivery.models import Attempt, Batch, Bounce, Mailing, Outgoing, Recipient
from pipeline.release import notices
from tests.delivery import lists
from tests.keys import write_keys
from tests.smtp_sink import Behaviour, Sink
from tests.stage import Stage, stage

pytestmark = pytest.mark.usefixtures("database")
CONNECTIONS = 4


def released(folder: Path, people: int, url: str = "", **how: object) -> tuple[Stage, Mailing]:
    play = stage(folder, people=people, url=url)
    for name, value in how.items():
        setattr(play, name, value)
    play.tick()
    return play, Mailing.objects.get()


def first_on_the_list(mailing: Mailing, count: int) -> list[str]:
    return list(
        Recipient.objects.filter(mailing=mailing).order_by("position").values_list("address", flat=True)[:count]
    )


def counts(mailing: Mailing) -> dict[str, int]:
    stands = ledger.tally(mailing)
    return {name: value for name in stands.__slots__ if (value := getattr(stands, name)) and name != "frozen"}


@pytest.mark.parametrize("control", ["pause", "cancel"])
def test_after_a_stop_is_acknowledged_each_connection_finishes_one_message_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, control: str
) -> None:
    at_stop: list[int] = []
    original = gate.LeaseGate.told

    with Sink() as sink:
        play, mailing = released(tmp_path, 200, f"{sink.url}?connections={CONNECTIONS}")

        def stop(self, outcome) -> None:  # type: ignore[no-untyped-def]
            original(self, outcome)
            if outcome.key == 40:
                if control == "pause":
                    mailings.pause(mailing.name, "un doute")
                else:
                    mailings.cancel(mailing.name, "une erreur", now=play.now)
                at_stop.append(len(sink.messages))

        monkeypatch.setattr(gate.LeaseGate, "told", stop)
        play.send()
        accepted = len(sink.messages)
        assert at_stop
        assert accepted - at_stop[0] <= CONNECTIONS
        left = "pending" if control == "pause" else "cancelled"
        assert counts(mailing) == {"sent": accepted, left: 200 - accepted}
        if control == "pause":
            mailings.resume(mailing.name)
            play.send()
            assert counts(mailing) == {"sent": 200}
            assert max(sink.counts().values()) == 1


def test_a_refused_content_stops_the_mailing_at_once_and_staff_are_called_once(tmp_path: Path) -> None:
    how = Behaviour()
    with Sink(how) as sink:
        play, mailing = released(tmp_path, 100, f"{sink.url}?connections=1")
        (fifth,) = first_on_the_list(mailing, 5)[4:]
        how.dot[fifth] = "554 5.7.1 message refused as spam"
        play.send()
        mailing.refresh_from_db()
        assert (mailing.state, mailing.alarms) == ("paused", 1)
        assert "kit resume" in mailing.reason
        assert counts(mailing)["refused"] == 1
        assert len(sink.messages) <= 6
        for _ in range(2):
            notices.stopped(mailings.stopped(), staff=["equipe@essai.org"], now=play.now)
        (told,) = Outgoing.objects.filter(key__startswith="stopped/")
        mail = email.message_from_bytes(bytes(told.content), policy=email.policy.default)
        assert "attend une personne" in mail.get_content()


def test_what_a_person_has_accepted_does_not_stop_the_mailing_again(tmp_path: Path) -> None:
    how = Behaviour()
    with Sink(how) as sink:
        play, mailing = released(tmp_path, 200, sink.url)
        how.refuse |= dict.fromkeys(first_on_the_list(mailing, 60), "550 5.2.1 mailbox disabled")
        play.send()
        mailing.refresh_from_db()
        if mailing.state == "sending":
            pytest.fail("a tenth and more of refusals must stop it")
        assert mailings.resume(mailing.name)
        play.send()
        mailing.refresh_from_db()
        assert mailing.state == "done"
        assert counts(mailing) == {"sent": 140, "refused": 60}


def test_a_dead_address_is_written_to_no_more(tmp_path: Path) -> None:
    how = Behaviour(refuse={"p2@example.org": "550 5.1.1 no such user", "p3@example.org": "552 5.2.2 mailbox full"})
    with Sink(how) as sink:
        play, mailing = released(tmp_path, 4, sink.url)
        play.send()
        assert counts(mailing) == {"sent": 2, "refused": 2}
        assert dict(Attempt.objects.filter(kind="refused").values_list("position", "meaning")) == {2: "dead", 3: "full"}
        assert list(Suppression.objects.values_list("key", "reason")) == [("p2@example.org", "bounced")]
        assert sorted(Bounce.objects.values_list("kind", flat=True)) == ["hard", "soft"]


def test_a_provider_is_written_to_at_its_pace_and_the_others_do_not_wait(tmp_path: Path) -> None:
    play = stage(tmp_path, people=20)
    play.throttles = "example.org=5"
    play.tick()
    mailing = Mailing.objects.get()
    assert Batch.objects.get().destination == "example.org"
    box = tmp_path / "mailbox/new"
    for expected in (5, 10, 15, 20):
        play.send()
        assert len(list(box.iterdir())) == expected
        play.now += dt.timedelta(seconds=1)
    assert counts(mailing) == {"sent": 20}


def test_every_message_has_a_return_path_of_its_own_and_a_way_to_leave_by_mail(tmp_path: Path) -> None:
    with Sink() as sink:
        stationery = Stationery("rebonds@retour.essai.org")
        play, mailing = released(tmp_path, 5, sink.url, stationery=stationery)
        play.send()
        assert {verp.read(message["from"]) for message in sink.messages} == {
            verp.Origin(mailing.pk, position) for position in range(1, 6)
        }
        mail = email.message_from_bytes(sink.messages[0]["content"], policy=email.policy.default)
        web, by_mail = (way.strip("<> ") for way in str(mail["List-Unsubscribe"]).split(","))
        assert web.startswith("https://")
        assert by_mail.startswith("mailto:rebonds+")
        assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_every_message_is_signed_with_both_algorithms(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    keys = write_keys(tmp_path / "keys")
    records = {
        f"{key.selector}._domainkey.essai.org.".encode(): f"v=DKIM1; k={key.algorithm}; p={key.public}".encode()
        for key in load(keys, "essai.org").keys
    }
    with Sink() as sink:
        play, _ = released(tmp_path, 3, sink.url, stationery=Stationery("", keys))
        play.send()
        assert len(sink.messages) == 3
        for message in sink.messages:
            for index in (0, 1):
                assert dkim.DKIM(message["content"]).verify(index, dnsfunc=lambda name, timeout=5: records[name])


def test_a_text_that_cannot_be_read_stops_its_mailing_and_none_of_the_others(tmp_path: Path) -> None:
    old = lists.mailing(2, name="essai/ancien")
    play = stage(tmp_path, people=3)
    play.tick()
    play.send()
    assert counts(Mailing.objects.exclude(pk=old.pk).get()) == {"sent": 3}
    old.refresh_from_db()
    assert (old.state, old.alarms) == ("paused", 1)
    assert "kit cancel" in old.reason
    assert counts(old) == {"pending": 2}


def test_an_error_of_the_program_stops_its_mailing_and_calls_a_person(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    play, mailing = released(tmp_path, 5)
    original = Letters.envelope

    def broken(self: Letters, row: Row) -> Envelope:
        if row.position == 3:
            raise RuntimeError("une erreur")
        return original(self, row)

    with monkeypatch.context() as broke:
        broke.setattr(Letters, "envelope", broken)
        with pytest.raises(RuntimeError):
            play.send()
        play.send()
    mailing.refresh_from_db()
    assert (mailing.state, mailing.alarms) == ("paused", 1)
    assert counts(mailing) == {"sent": 2, "pending": 3}
    mailings.resume(mailing.name)
    play.send()
    assert counts(mailing) == {"sent": 5}
    assert len(list((tmp_path / "mailbox/new").iterdir())) == 5


def test_a_server_that_waiting_does_not_mend_calls_a_person(tmp_path: Path) -> None:
    with Sink(Behaviour(users={"nom": "mot"})) as sink:
        play, mailing = released(tmp_path, 3, f"smtp://nom:faux@127.0.0.1:{sink.port}/")
        play.send()
        mailing.refresh_from_db()
        assert (mailing.state, mailing.alarms) == ("paused", 1)
        assert "refuse l’identifiant" in mailing.reason
        play.url, play._desk = f"smtp://nom:mot@127.0.0.1:{sink.port}/", None
        assert mailings.resume(mailing.name)
        play.send()
        assert counts(mailing) == {"sent": 3}
