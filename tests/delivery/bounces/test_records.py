"""What follows: who is suppressed, who is unsubscribed, and who is not, on both databases."""

from __future__ import annotations

import datetime as dt
import threading
import time
from typing import Any

import pytest
from django.db import connections, transaction

from pipeline.audience import consent, moves, rights, selection, signals, tokens
from pipeline.audience.addresses import parse
from pipeline.audience.models import Consent, Event, Person, Reason, Status, Subscription, Suppression
from pipeline.audience.selection import Choices
from pipeline.audience.wishes import Wish
from pipeline.delivery import outbox
from pipeline.delivery.bounces import intake, records
from pipeline.delivery.bounces.verp import Maker, unsubscribe_address
from pipeline.delivery.models import Bounce, Mailing, Outgoing
from tests.audience.factories import NOW, PROOF, SEASON, later, said, subscribed
from tests.delivery.bounces import corpus
from tests.delivery.bounces.factories import DEAD, FULL, POLICY, READER, RETURN_PATH, posted, reader, sample
from tests.together import together

pytestmark = pytest.mark.usefixtures("database")


def written_to() -> set[str]:
    """Who would be on the next mailing's list."""
    active = selection.active(SEASON, Choices(("tout",)), cutoff=later(9999))
    return set(active.values_list("person__email", flat=True))


def test_a_dead_address_is_suppressed_at_once_and_the_subscription_stays() -> None:
    posting = posted(reader())
    assert posting.report(DEAD).new
    row = Bounce.objects.get()
    assert (row.mailing_id, row.position, row.person, row.kind, row.source, row.meaning, row.code, row.enhanced) == (
        posting.mailing.pk, 1, posting.person.pk, "hard", "dsn", "dead", 550, "5.1.1",
    )  # fmt: skip
    assert row.domain == "commune.example"
    assert Suppression.objects.get().reason == Reason.BOUNCED
    assert Subscription.objects.get().status == Status.ACTIVE
    assert written_to() == set()


def test_the_same_report_by_two_doors_counts_once() -> None:
    posting = posted(reader())
    assert posting.report(DEAD).new
    again = b"Received: by another host\r\nDelivered-To: x@y.example\r\n" + posting.mail(DEAD)
    assert not intake.take(again, [posting.verp.upper()], now=later(1)).new
    assert (Bounce.objects.count(), Suppression.objects.count()) == (1, 1)


def test_two_doors_at_the_same_instant_count_a_report_once() -> None:
    posting = posted(reader())
    assert sorted(together(lambda: posting.report(DEAD).new)) == [False, True]
    assert (Bounce.objects.count(), Suppression.objects.count()) == (1, 1)


def test_a_report_to_an_address_that_we_did_not_sign_changes_nothing() -> None:
    posting = posted(reader())
    forged = "rebonds+b-00000001000000010123456789abcdef0123@retour.example.org"
    for to in (RETURN_PATH, forged, READER, ""):
        # The mail that it returns bears our signature; its envelope does not.
        assert intake.take(posting.mail(DEAD), [to], now=NOW).kind == "ignored"
    assert (Bounce.objects.count(), Suppression.objects.count()) == (0, 0)


def test_a_report_on_a_message_that_does_not_exist_changes_nothing() -> None:
    posting = posted(reader())
    for mailing, position in ((posting.mailing.pk, 2), (posting.mailing.pk + 1, 1)):
        raw = corpus.filled(DEAD, verp=posting.verp, leave=posting.leave)
        taken = intake.take(raw, [Maker(RETURN_PATH).make(mailing, position)], now=NOW)
        assert taken.kind == "ignored"
    assert (Bounce.objects.count(), Suppression.objects.count()) == (0, 0)


def test_soft_failures_suppress_after_so_many_mailings_within_so_many_days(settings: Any) -> None:
    most, days = settings.KIT.soft_bounces
    person = reader()
    for number in range(most):
        at = NOW + dt.timedelta(days=number * (days - 1) / most)
        posting = posted(person, name=f"essai/{number}", at=at)
        assert written_to() == {READER}
        posting.report(FULL, now=at)
        posting.report(FULL, now=at, again="another report on the same message")
    assert written_to() == set()
    assert Suppression.objects.get().reason == Reason.BOUNCED


def test_soft_failures_far_apart_suppress_nobody(settings: Any) -> None:
    most, days = settings.KIT.soft_bounces
    person = reader()
    for number in range(most + 2):
        at = NOW + dt.timedelta(days=number * days / (most - 1))
        posted(person, name=f"essai/{number}", at=at).report(FULL, now=at)
    assert written_to() == {READER}


def test_refusals_that_are_about_us_suppress_nobody_however_many() -> None:
    person = reader()
    for number in range(12):
        posted(person, name=f"essai/{number}").report(POLICY)
    assert Bounce.objects.filter(kind="soft", meaning="blocked").count() == 12
    assert written_to() == {READER}


def test_a_failure_from_before_the_mailbox_was_proven_again_changes_nothing() -> None:
    person = reader()
    early = posted(person, name="essai/1")
    late = posted(person, name="essai/2")
    early.report(DEAD, now=later(1))
    consent.resubscribe(SEASON, person.public_id, Wish("tout"), PROOF, now=later(4))
    assert written_to() == {READER}
    late.report(DEAD, now=later(5))
    assert written_to() == {READER}
    posted(person, name="essai/3", at=later(6)).report(DEAD, now=later(7))
    assert written_to() == set()


@pytest.mark.parametrize("report", [DEAD, FULL], ids=["dead", "full"])
def test_what_comes_back_from_an_old_address_says_nothing_of_the_new_one(report: corpus.Sample, settings: Any) -> None:
    person = reader()
    late = [posted(person, name=f"essai/{number}") for number in range(settings.KIT.soft_bounces[0])]
    Mailing.objects.update(state="done")
    move = moves.ask(SEASON, person.public_id, parse("ailleurs@commune.example"), now=later(1))
    assert move is not None
    moves.confirm(move.public_id, now=later(2))
    for one in late:
        one.report(report, now=later(3))
    assert written_to() == {"ailleurs@commune.example"}
    fresh = posted(Person.objects.get(), name="essai/neuf", at=later(4))
    told = fresh.mail(DEAD).replace(READER.encode(), b"ailleurs@commune.example")
    assert intake.take(told, [fresh.verp], now=later(5)).kind == "hard"
    assert written_to() == set()


def test_whoever_signs_up_again_and_confirms_is_written_to_again() -> None:
    posting = posted(reader())
    posting.report(DEAD)
    consent.subscribe(parse(READER), SEASON, Wish("tout"), PROOF, now=later(1))
    assert written_to() == set()
    consent.confirm(SEASON, posting.person.public_id, now=later(2))
    assert written_to() == {READER}


@pytest.mark.parametrize("one", corpus.COMPLAINTS[:4], ids=lambda one: one.name)
def test_a_complaint_unsubscribes(one: corpus.Sample) -> None:
    posting = posted(reader())
    assert intake.take(posting.mail(one), ["plaintes@retour.example.org"], now=NOW).kind == "complaint"
    row = Bounce.objects.get()
    assert (row.kind, row.source, row.mailing_id, row.position) == ("complaint", "arf", posting.mailing.pk, 1)
    assert Suppression.objects.get().reason == Reason.COMPLAINT
    assert Subscription.objects.get().status == Status.ENDED
    assert said(Consent.objects.get(event=Event.WITHDRAWN)).source == "plainte"


def test_a_complaint_that_kept_only_the_unsubscribe_link_still_unsubscribes() -> None:
    posting = posted(reader())
    raw = posting.mail(sample("yahoo")).replace(posting.verp.encode(), b"redacted@example.org")
    assert intake.take(raw, ["plaintes@retour.example.org"], now=NOW).kind == "complaint"
    row = Bounce.objects.get()
    assert (row.mailing_id, row.person) == (None, posting.person.pk)
    assert Subscription.objects.get().status == Status.ENDED


def test_a_forged_complaint_unsubscribes_nobody() -> None:
    posted(reader())
    raw = corpus.filled(sample("yahoo"))
    assert intake.take(raw, ["plaintes@retour.example.org"], now=NOW).kind == "ignored"
    assert (Bounce.objects.count(), Suppression.objects.count()) == (0, 0)


def test_a_mail_that_unsubscribes_leaves_its_season_and_no_other() -> None:
    person = reader()
    subscribed(READER, season="autre")
    posting = posted(person)
    taken = intake.take(posting.mail(sample("a farewell")), [unsubscribe_address(RETURN_PATH)], now=NOW)
    assert (taken.kind, taken.new) == ("unsubscribe", True)
    assert dict(Subscription.objects.values_list("season", "status")) == {SEASON: "ended", "autre": "active"}
    assert said(Consent.objects.get(event=Event.WITHDRAWN)).source == "mail de désinscription"


def test_absences_challenges_delays_and_other_mails_change_nothing() -> None:
    posting = posted(reader())
    for one in corpus.ALL:
        if one.kind == "ignored":
            assert not posting.report(one).new
    assert (Bounce.objects.count(), Suppression.objects.count()) == (0, 0)
    assert written_to() == {READER}


def test_a_confirmation_that_cannot_be_delivered_suppresses_its_address() -> None:
    asked = consent.subscribe(parse(READER), SEASON, Wish("tout"), PROOF, now=NOW).person
    outbox.put("confirmation:1", sender="", recipient=READER, content=b"", now=NOW)
    to = Maker(RETURN_PATH).post(Outgoing.objects.get().pk)
    assert intake.take(corpus.filled(DEAD, verp=to), [to], now=NOW).new
    assert (Bounce.objects.get().mailing_id, Bounce.objects.get().person) == (None, asked.pk)
    assert Suppression.objects.get().person == asked


def test_a_dead_address_of_nobody_is_known_when_it_signs_up() -> None:
    outbox.put("notice:1", sender="", recipient=READER, content=b"", now=NOW)
    to = Maker(RETURN_PATH).post(Outgoing.objects.get().pk)
    intake.take(corpus.filled(DEAD, verp=to), [to], now=NOW)
    consent.subscribe(parse(READER), SEASON, Wish("tout"), PROOF, now=later(1))
    assert Suppression.objects.filter(person=Person.objects.get(), reason=Reason.BOUNCED).exists()


def test_an_erased_person_leaves_no_words_that_hold_the_address() -> None:
    posting = posted(reader())
    posting.report(FULL)
    assert READER in Bounce.objects.get().text
    rights.erase(READER, now=later(1))
    posting.report(FULL, again="late", now=later(2))
    assert list(Bounce.objects.values_list("text", "domain")) == [("", "")] * 2
    assert not Suppression.objects.filter(reason=Reason.BOUNCED).exists()


def test_refusals_seen_while_sending_follow_the_same_rules(settings: Any) -> None:
    spared = ("blocked", "policy", "content", "greylist", "slow")
    meanings = ["dead", "full", "filtered", "busy", "", *spared]
    people = [reader(f"p{n}@commune.example") for n in range(len(meanings))]
    for number in range(settings.KIT.soft_bounces[0]):
        postings = [posted(one, name=f"essai/{number}", position=n) for n, one in enumerate(people, 1)]
        told = [
            (posting.position, posting.person.pk, meaning, 550, "5.0.0", "no")
            for posting, meaning in zip(postings, meanings, strict=True)
        ]
        with transaction.atomic():
            records.refused(postings[0].mailing.pk, told, now=NOW)
            records.refused(postings[0].mailing.pk, told, now=NOW)
        if number == 0:
            assert written_to() == {one.email for one in people[1:]}
    assert Bounce.objects.filter(source="smtp").count() == len(meanings) * settings.KIT.soft_bounces[0]
    assert written_to() == {one.email for one in people[-len(spared) :]}
    assert set(Bounce.objects.values_list("domain", flat=True)) == {"commune.example"}


def test_refusals_are_part_of_the_senders_transaction() -> None:
    posting = posted(reader())
    told = [(1, posting.person.pk, "dead", 550, "5.1.1", "no")]
    with pytest.raises(transaction.TransactionManagementError):
        records.refused(posting.mailing.pk, told, now=NOW)
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        records.refused(posting.mailing.pk, told, now=NOW)
        _ = 1 / 0
    assert (Bounce.objects.count(), Suppression.objects.count()) == (0, 0)


def test_a_token_of_another_season_or_person_is_not_taken_for_this_one() -> None:
    posting = posted(reader())
    other = subscribed("autre@commune.example", season="autre")
    raw = corpus.filled(sample("a farewell"), leave=tokens.make("unsubscribe", "autre", other.public_id))
    intake.take(raw, [unsubscribe_address(RETURN_PATH)], now=NOW)
    assert Subscription.objects.get(person=posting.person).status == Status.ACTIVE
    assert Subscription.objects.get(person=other).status == Status.ENDED


def test_a_person_may_be_erased_while_their_message_is_refused(database: str) -> None:
    """The sender waits for the row of the person before it takes a suppression's number, as whoever erases them does."""
    posting = posted(reader())
    refusal = records.Refusal(1, posting.person.pk, "dead", 550, "5.1.1", "no such user")
    failed: list[BaseException] = []

    def send() -> None:
        try:
            with transaction.atomic():
                records.refused(posting.mailing.pk, [refusal], now=NOW)
        except BaseException as error:
            failed.append(error)
        finally:
            connections.close_all()

    sender = threading.Thread(target=send)

    def meet(**_: object) -> None:
        sender.start()
        while database == "postgresql" and sender.is_alive() and not _somebody_waits():
            time.sleep(0.01)

    signals.erased.connect(meet)
    try:
        rights.erase(READER, now=NOW)
    finally:
        signals.erased.disconnect(meet)
        sender.join(20)
    assert failed == []
    assert [row.reason for row in Suppression.objects.all()] == [Reason.ERASED]


def _somebody_waits() -> bool:
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_locks WHERE NOT granted")
        return cursor.fetchone() is not None
