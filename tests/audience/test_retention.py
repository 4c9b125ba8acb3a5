"""How long things are kept, and who is asked whether they still want them."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterator

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from pipeline.audience import consent, moves, retention, rights, sealing, selection, signals, suppression
from pipeline.audience.addresses import parse
from pipeline.audience.fingerprints import fingerprint
from pipeline.audience.models import (
    Consent,
    DomainCheck,
    MailboxUse,
    Move,
    Person,
    Reason,
    SignUp,
    Status,
    Subscription,
    Suppression,
    Visit,
)
from pipeline.audience.retention import Purged, lapse, months_before, purge, to_renew
from pipeline.audience.verifying import verify
from pipeline.audience.wishes import Wish
from pipeline.delivery import outbox
from pipeline.delivery.models import Outgoing
from tests.audience.factories import NOW, PROOF, SEASON, asked, said, subscribed
from tests.delivery import lists

ADA = "ada@commune.example"
OTHER = "autre-2032"


def days(count: float) -> dt.datetime:
    return NOW + dt.timedelta(days=count)


@pytest.fixture(autouse=True)
def _rooms(database: str) -> Iterator[None]:
    """On both databases; whatever a test does, the ledger is sound before and after."""
    yield
    sealing.seal(now=days(2000))
    assert verify().faults == ()


def test_a_sign_up_that_nobody_confirmed_is_gone_after_thirty_days_with_its_letters() -> None:
    person = asked(ADA).person
    kept = subscribed("bob@commune.example")
    moves.ask(SEASON, person.public_id, parse("ada@encore.example"), now=NOW)
    outbox.put("confirmation:1", sender="kit@essai.org", recipient=ADA, content=b"Bonjour Ada", now=NOW)
    sealing.seal(now=days(1))
    assert purge(days(29.9)) == Purged(0, 0, 0, True)
    assert Person.objects.count() == 2
    assert purge(days(30.1)).people == 1
    assert list(Person.objects.all()) == [kept]
    (entry,) = Consent.objects.filter(person=None)
    assert (entry.season, entry.event, said_of_nobody(entry)) == (SEASON, "granted", None)
    mail = Outgoing.objects.get()
    assert (mail.recipient, bytes(mail.content), mail.state) == ("", b"", "refused")
    assert not Move.objects.exists()
    assert "ada" not in str([list(model.objects.values()) for model in (Person, Subscription, Suppression, SignUp)])
    assert purge(days(31)) == Purged(0, 0, 0, True)


def said_of_nobody(entry: Consent) -> object:
    return said(entry) if entry.person else None


def test_who_asks_again_waits_thirty_days_more() -> None:
    asked(ADA)
    consent.subscribe(parse(ADA), SEASON, Wish("tout"), PROOF, now=days(20))
    assert purge(days(49)).people == 0
    assert purge(days(51)).people == 1
    assert asked(ADA).status == Status.PENDING


def test_who_left_before_they_confirmed_is_gone_too_and_still_not_written_to() -> None:
    person = asked(ADA).person
    consent.unsubscribe(SEASON, person.public_id, now=days(1), source="one-click")
    assert purge(days(30)).people == 0
    assert purge(days(32)).people == 1
    kept = Suppression.objects.get()
    assert (kept.person, kept.key, kept.lifted_at) == (None, fingerprint(ADA), None)
    again = asked(ADA).person
    assert not selection.may_write(again.pk, SEASON, now=days(40))


def test_who_confirmed_another_season_loses_only_the_sign_up() -> None:
    person = subscribed(ADA)
    asked(ADA, OTHER)
    assert purge(days(31)) == Purged(0, 0, 0, True)
    assert [(one.season, one.status) for one in person.subscriptions.all()] == [(SEASON, "active")]
    last = person.consents.order_by("-id")[0]
    assert (last.season, last.event, said(last).source) == (OTHER, "withdrawn", "jamais confirmée")
    assert selection.may_write(person.pk, SEASON, now=days(32))


def test_who_left_long_ago_stays_as_the_proof_of_what_they_got() -> None:
    person = subscribed(ADA)
    consent.unsubscribe(SEASON, person.public_id, now=days(1), source="page")
    assert purge(days(500)).people == 0
    assert rights.held(person.public_id)["consents"]


def test_who_stands_on_a_list_is_emptied_like_an_erasure_but_not_kept_from_coming_back() -> None:
    person = asked(ADA).person
    Person.objects.filter(pk=person.pk).update(name="Ada", organisation="Foix")
    made = lists.mailing(1)
    made.recipient_set.update(person=person.pk, address=ADA)
    sealing.seal(now=days(1))
    assert purge(days(31)).people == 1
    person.refresh_from_db()
    assert (person.email, person.name, person.organisation, person.erased_at) == ("", "", "", days(31))
    assert made.recipient_set.get().address == ""
    assert person.subscriptions.get().status == Status.ENDED
    assert not Suppression.objects.exists()
    back = subscribed(ADA)
    assert back.pk != person.pk
    assert selection.may_write(back.pk, SEASON, now=days(32))


def test_a_purge_stops_in_time_and_goes_on_at_the_next_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "_TOGETHER", 1)
    for number in range(7):
        asked(f"p{number}@commune.example")
    gone = 0
    for left in range(6, -1, -1):
        done = purge(days(31), seconds=0)
        gone += done.people
        assert not done.finished
        assert Person.objects.count() == left
    assert gone == 7
    assert purge(days(31), seconds=0).finished


def test_two_purges_at_once_remove_each_person_once() -> None:
    for number in range(25):
        asked(f"p{number}@commune.example")
    begin, gone = threading.Barrier(2), []

    def run() -> None:
        begin.wait(timeout=10)
        try:
            gone.append(purge(days(31), seconds=30).people)
        finally:
            connection.close()

    both = [threading.Thread(target=run) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join(timeout=60)
    assert (len(gone), sum(gone), Person.objects.count()) == (2, 25, 0)
    assert Consent.objects.filter(person=None).count() == 25


def test_a_sign_up_that_nobody_answers_is_told_and_kept_for_thirty_days(caplog: pytest.LogCaptureFixture) -> None:
    SignUp.objects.create(season=SEASON, mailbox=ADA, key=ADA, source="formulaire", at=NOW)
    assert purge(days(0.9)).unanswered == 0
    assert caplog.text == ""
    assert purge(days(29.9)) == Purged(0, 0, 1, True)
    assert "1 sign-up(s) unanswered" in caplog.text
    assert ADA not in caplog.text
    assert SignUp.objects.count() == 1
    assert purge(days(30.1)) == Purged(0, 1, 1, True)
    assert not SignUp.objects.exists()


def test_traces_go_when_they_are_old_enough_and_not_before() -> None:
    person = subscribed(ADA)
    how = {"season": SEASON, "purpose": "confirm", "how": "opened", "verdict": "person", "why": "x"}
    wanted = {
        MailboxUse: ({"mailbox": "x"}, "at", 30),
        Visit: ({"person": person, **how}, "at", 396),
        DomainCheck: ({"verdict": "mail"}, "at", 90),
        Move: ({"person": person, "season": SEASON, "mailbox": "x@y.example", "key": "x@y.example"}, "asked_at", 30),
    }
    now = days(1000)
    for model, (values, at, most) in wanted.items():
        for number, age in enumerate((most - 0.1, most + 0.1)):
            told = {"domain": f"{number}.example"} if model is DomainCheck else {}
            model.objects.create(**values, **told, **{at: now - dt.timedelta(days=age)})
    Move.objects.create(**wanted[Move][0], asked_at=days(1), done_at=now - dt.timedelta(days=180))
    Move.objects.create(**wanted[Move][0], asked_at=days(1), done_at=now - dt.timedelta(days=182))
    assert purge(now) == Purged(0, 5, 0, True)
    assert [model.objects.count() for model in wanted] == [1, 1, 1, 2]
    assert purge(now) == Purged(0, 0, 0, True)


def renewable(now: dt.datetime, months: int = 24) -> list[str]:
    return [one.person.email for one in to_renew(now, months, 10, seasons=(SEASON,))]


def test_who_has_said_nothing_for_two_years_is_to_be_asked_the_oldest_first() -> None:
    subscribed(ADA)
    bob = subscribed("bob@commune.example")
    eve = subscribed("eve@commune.example")
    asked("ida@commune.example")
    consent.change(SEASON, bob.public_id, Wish("autre"), now=days(10))
    consent.change(SEASON, eve.public_id, Wish("autre"), now=days(300))
    two_years = dt.datetime(2033, 3, 3, 8, 0, tzinfo=dt.UTC)
    assert renewable(two_years) == []
    assert renewable(two_years + dt.timedelta(seconds=1)) == [ADA]
    assert renewable(two_years + dt.timedelta(days=11)) == [ADA, bob.email]
    assert to_renew(two_years + dt.timedelta(days=11), 24, 1, seasons=(SEASON,))[0].person.email == ADA
    assert renewable(two_years + dt.timedelta(days=400), 0) == []


def test_nobody_is_asked_who_was_asked_already_or_may_not_be_written_to() -> None:
    people = [subscribed(f"p{number}@commune.example") for number in range(6)]
    now = days(1000)
    Subscription.objects.filter(person=people[0]).update(renewal_at=days(990))
    consent.pause(SEASON, people[1].public_id, days(1001), now=days(999))
    suppression.suppress_dead([people[2]], now=days(5))
    suppression.suppress(people[3].key, Reason.MANUAL, now=days(5))
    Suppression.objects.filter(reason=Reason.MANUAL).update(person=None)
    consent.unsubscribe(SEASON, people[4].public_id, now=days(5), source="page")
    assert renewable(now) == ["p5@commune.example"]
    # A pause is a word, too: that person is asked two years after it.
    assert renewable(days(1002)) == ["p5@commune.example"]
    assert renewable(days(1800)) == ["p5@commune.example", "p1@commune.example"]


def test_who_does_not_answer_in_sixty_days_is_no_longer_subscribed_but_free_to_come_back() -> None:
    person, other, silent = (subscribed(f"{name}@commune.example") for name in ("ada", "bob", "eve"))
    Subscription.objects.exclude(person=silent).update(renewal_at=days(800))
    consent.renew(SEASON, other.public_id, now=days(820))
    heard: list[str] = []

    def listen(why: str, **_: object) -> None:
        heard.append(why)

    signals.ended.connect(listen)
    try:
        assert lapse(days(860)) == 0
        assert lapse(days(861.1)) == 1
        assert lapse(days(862)) == 0
    finally:
        signals.ended.disconnect(listen)
    assert heard == ["lapsed"]
    assert dict(Subscription.objects.values_list("person__email", "status")) == {
        person.email: "ended", other.email: "active", silent.email: "active",
    }  # fmt: skip
    last = person.consents.order_by("-id")[0]
    assert (last.event, said(last).source) == ("withdrawn", "sans réponse")
    assert not Suppression.objects.exists()
    asked(person.email)
    consent.confirm(SEASON, person.public_id, now=days(870))
    assert selection.may_write(person.pk, SEASON, now=days(871))


def test_two_lapses_at_once_end_each_subscription_once() -> None:
    for number in range(15):
        subscribed(f"p{number}@commune.example")
    Subscription.objects.update(renewal_at=days(10))
    begin, ended = threading.Barrier(2), []

    def run() -> None:
        begin.wait(timeout=10)
        try:
            ended.append(lapse(days(100), seconds=30))
        finally:
            connection.close()

    both = [threading.Thread(target=run) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join(timeout=60)
    assert (len(ended), sum(ended)) == (2, 15)
    assert Consent.objects.filter(event="withdrawn").count() == 15


@given(st.datetimes(dt.datetime(2000, 1, 1), dt.datetime(2100, 1, 1), timezones=st.just(dt.UTC)), st.integers(1, 200))  # noqa: DTZ001
def test_months_before_is_the_same_day_or_the_last_of_a_shorter_month(now: dt.datetime, months: int) -> None:
    before = months_before(now, months)
    assert (now.year * 12 + now.month) - (before.year * 12 + before.month) == months
    assert before.time() == now.time()
    assert before.day == now.day or (before.day < now.day and (before + dt.timedelta(days=1)).day == 1)


def test_a_request_that_still_waits_outlives_the_sign_up_before_it(database: str) -> None:
    asked(ADA)
    SignUp.objects.create(season=SEASON, mailbox=ADA, key=ADA, choice="tout", source="formulaire", at=days(31))
    assert purge(days(31)).people == 1
    assert SignUp.objects.get().key == ADA
    person = asked(ADA).person
    rights.erase_person(person.public_id, now=days(32))
    assert not SignUp.objects.exists()


def test_people_erased_before_they_confirmed_keep_no_purge_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "_TOGETHER", 1)
    for number in range(3):
        rights.erase_person(asked(f"p{number}@commune.example").person.public_id, now=NOW)
    asked(ADA)
    assert purge(days(31), seconds=0).people == 1


@pytest.mark.parametrize("sign_of_life", ["pause", "move", "catch-up"])
def test_who_was_asked_and_did_something_else_with_it_does_not_lapse(sign_of_life: str) -> None:
    person = subscribed(ADA)
    Subscription.objects.update(renewal_at=days(800))
    if sign_of_life == "pause":
        consent.pause(SEASON, person.public_id, days(1000), now=days(801))
    elif sign_of_life == "move":
        move = moves.ask(SEASON, person.public_id, parse("ada@encore.example"), now=days(801))
        assert move is not None
        moves.confirm(move.public_id, now=days(801))
    else:
        consent.catch_up(SEASON, person.public_id, "weekly", first=days(802), now=days(801))
    assert lapse(days(900)) == 0
    assert Subscription.objects.get().status == Status.ACTIVE
    assert to_renew(days(900), 24, 10) == []
