"""Whoever signs up gets one mail, whoever floods gets none, and what a mail says is known to its mailbox alone."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.audience import consent, domains, quotas, rights, suppression
from pipeline.audience.addresses import parse
from pipeline.audience.models import MailboxUse, Person, Reason, SignUp, Status, Subscription
from pipeline.audience.wishes import Wish
from pipeline.correspondence import answering, confirming, reception
from pipeline.delivery.models import Outgoing
from tests.correspondence.writing import PROOF, link, markup, office, standing, text
from tests.together import apart

ADA = "ada@commune.example"
pytestmark = pytest.mark.usefixtures("database")


def test_a_sign_up_is_answered_by_one_mail_whose_link_confirms_it(tmp_path: Path) -> None:
    desk = office(tmp_path)
    desk.sign_up(ADA, Wish("tout", rhythm="monthly"), name="Ada", role="elue")
    assert (SignUp.objects.count(), Person.objects.count(), Outgoing.objects.count()) == (1, 0, 0)
    assert desk.answer() == 1
    assert SignUp.objects.count() == 0
    assert standing(ADA).status == Status.PENDING
    (mail,) = desk.mails(ADA)
    named = link(mail, "confirm", now=desk.stage.now)
    assert (named.season, named.public_id) == ("essai", Person.objects.get(key=ADA).public_id)
    confirming.confirm(named.season, named.public_id, now=desk.stage.now)
    kept = standing(ADA)
    assert (kept.status, kept.rhythm, kept.role, kept.person.name) == (Status.ACTIVE, "monthly", "elue", "Ada")


def test_the_hidden_link_is_in_the_markup_alone(tmp_path: Path) -> None:
    desk = office(tmp_path)
    desk.sign_up(ADA)
    desk.answer()
    (mail,) = desk.mails(ADA)
    assert link(mail, "canary", now=desk.stage.now, part="html").public_id == Person.objects.get(key=ADA).public_id
    assert "/l/" not in text(mail)


def test_a_confirmed_reader_is_welcomed_once_with_the_last_release_and_the_calendar(tmp_path: Path) -> None:
    desk = office(tmp_path)
    desk.stage.tick()
    person = desk.confirmed(ADA)
    confirming.confirm("essai", person.public_id, now=desk.stage.now)
    desk.answer()
    _, welcome = desk.mails(ADA)
    assert "bienvenue" in str(welcome["Subject"])
    assert "Comment faire la chose numéro 1" in text(welcome)
    assert "mercredi 5 février 2020" in text(welcome).replace("\N{NO-BREAK SPACE}", " ")
    assert "#rattrapage" in markup(welcome)
    assert link(welcome, "unsubscribe", now=desk.stage.now).public_id == person.public_id


def test_nothing_of_what_is_to_come_is_in_a_welcome(tmp_path: Path) -> None:
    desk = office(tmp_path)
    desk.confirmed(ADA)
    _, welcome = desk.mails(ADA)
    assert "/fiches/" not in markup(welcome)


def test_a_known_reader_gets_a_mail_with_the_same_subject_and_stays_as_they_are(tmp_path: Path) -> None:
    desk = office(tmp_path)
    desk.confirmed(ADA)
    desk.later(days=3)
    desk.sign_up(ADA, Wish("fin"))
    desk.answer()
    first, _, again = desk.mails(ADA)
    assert str(again["Subject"]) == str(first["Subject"])
    assert link(again, "preferences", now=desk.stage.now).public_id == Person.objects.get(key=ADA).public_id
    assert "/confirmation/" not in text(again)
    assert (standing(ADA).status, standing(ADA).choice) == (Status.ACTIVE, "tout")


def test_whoever_left_may_come_back_by_confirming(tmp_path: Path) -> None:
    desk = office(tmp_path)
    person = desk.confirmed(ADA)
    consent.unsubscribe("essai", person.public_id, now=desk.stage.now, source="page")
    desk.later(days=2)
    desk.sign_up(ADA)
    desk.answer()
    assert len(desk.mails(ADA)) == 3
    confirming.confirm("essai", person.public_id, now=desk.stage.now)
    assert standing(ADA).status == Status.ACTIVE
    assert not person.suppressions.filter(lifted_at__isnull=True).exists()


def test_an_erased_reader_may_sign_up_as_somebody_new(tmp_path: Path) -> None:
    desk = office(tmp_path)
    old = desk.confirmed(ADA)
    rights.erase(ADA, now=desk.stage.now)
    desk.later(days=2)
    new = desk.confirmed(ADA)
    assert new.pk != old.pk
    assert standing(ADA).status == Status.ACTIVE


def test_a_mailbox_gets_three_mails_a_day_however_its_address_is_written(tmp_path: Path) -> None:
    desk = office(tmp_path)
    for spelling in (
        "ada.l@gmail.com",
        "adal+a@gmail.com",
        "a.d.a.l@googlemail.com",
        "adal+b@gmail.com",
        "ADAL@gmail.com",
    ):
        desk.sign_up(spelling)
    desk.answer()
    assert len(desk.mails()) == quotas.A_DAY
    assert SignUp.objects.count() == 0
    desk.later(days=1, seconds=1)
    desk.sign_up("adal+c@gmail.com")
    desk.answer()
    assert len(desk.mails()) == quotas.A_DAY + 1


def test_a_mailbox_gets_ten_mails_a_month_until_it_answers(tmp_path: Path) -> None:
    desk = office(tmp_path)
    for _ in range(12):
        desk.sign_up(ADA)
        desk.answer()
        desk.later(days=1, minutes=1)
    assert len(desk.mails(ADA)) == quotas.A_MONTH
    confirming.confirm("essai", Person.objects.get(key=ADA).public_id, now=desk.stage.now)
    assert not MailboxUse.objects.exists()


def test_staff_s_refusal_and_a_domain_without_mail_are_respected_in_silence(tmp_path: Path) -> None:
    desk = office(tmp_path)
    suppression.suppress(ADA, Reason.MANUAL, now=desk.stage.now)
    domains.remember("sans-mail.example", "none", desk.stage.now)
    desk.sign_up(ADA)
    desk.sign_up("ines@sans-mail.example")
    away = replace(desk.stage.press, here=False)
    assert answering.answer(away, now=desk.stage.now) == 2
    desk.answer()
    assert (desk.mails(), SignUp.objects.count(), Subscription.objects.count()) == ([], 0, 0)


def test_a_fresh_link_goes_to_whoever_is_known_and_to_nobody_else(tmp_path: Path) -> None:
    desk = office(tmp_path)
    person = desk.confirmed(ADA)
    for address in (ADA, "inconnu@commune.example"):
        reception.ask_link(desk.season, parse(address), PROOF, now=desk.stage.now)
    assert desk.answer() == 2
    assert link(desk.mails(ADA)[-1], "preferences", now=desk.stage.now).public_id == person.public_id
    assert desk.mails("inconnu@commune.example") == []


def test_a_welcome_does_not_leave_once_the_reader_has_left(tmp_path: Path) -> None:
    desk = office(tmp_path)
    desk.sign_up(ADA)
    desk.answer()
    person = Person.objects.get(key=ADA)
    confirming.confirm("essai", person.public_id, now=desk.stage.now)
    answering.answer(desk.stage.press, now=desk.stage.now)
    consent.unsubscribe("essai", person.public_id, now=desk.stage.now, source="page")
    desk.answer()
    assert len(desk.mails(ADA)) == 1
    welcome = Outgoing.objects.get(key__startswith="welcome/")
    assert (welcome.state, welcome.answer) == ("refused", "désinscription avant l’envoi")


def test_the_confirmation_leaves_before_the_newsletter(tmp_path: Path) -> None:
    desk = office(tmp_path)
    for number in range(3):
        desk.confirmed(f"l{number}@commune.example")
    desk.later(minutes=1)
    desk.stage.tick()
    desk.sign_up("dernier@commune.example")
    desk.answer()
    assert "confirmez" in desk.subjects()[-1]
    desk.stage.send()
    assert desk.subjects()[-3:] == ["Carnet d’essai\N{NO-BREAK SPACE}: c’est parti"] * 3


def test_a_season_that_nobody_answers_for_lets_sign_ups_wait(tmp_path: Path) -> None:
    desk = office(tmp_path)
    desk.sign_up(ADA)
    from pipeline.release.models import SeasonState

    SeasonState.objects.update(active=False)
    assert desk.answer() == 0
    SeasonState.objects.update(active=True)
    assert desk.answer() == 1
    assert len(desk.mails(ADA)) == 1


def test_what_cannot_be_answered_keeps_nobody_else_waiting(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    desk = office(tmp_path)
    for address in (ADA, "ines@commune.example", "lea@commune.example"):
        desk.sign_up(address)
    first, second, _ = SignUp.objects.order_by("pk")
    SignUp.objects.filter(pk=first.pk).update(season="finie")
    SignUp.objects.filter(pk=second.pk).update(mailbox="sans-arobase\r\n")
    assert answering.answer(desk.stage.press, now=desk.stage.now, most=2) == 1
    desk.answer()
    assert [str(one["X-Original-To"]) for one in desk.mails()] == ["lea@commune.example"]
    assert list(SignUp.objects.order_by("pk")) == [first, second]
    assert "1 sign-up(s) wait for seasons" in caplog.text
    assert f"sign-up {second.pk} cannot be answered" in caplog.text


def test_two_workers_answer_each_once(tmp_path: Path, database: str) -> None:
    from tests.together import together

    desk = office(tmp_path)
    for number in range(6):
        desk.sign_up(f"l{number}@commune.example")
    press, now = desk.stage.press, desk.stage.now
    together(lambda: answering.answer(press, now=now), 2)
    desk.answer()
    assert sorted(str(one["X-Original-To"]) for one in desk.mails()) == [f"l{n}@commune.example" for n in range(6)]
    assert Outgoing.objects.count() == 6


def test_the_letter_of_a_minute_is_compiled_once_and_dated_in_it(tmp_path: Path) -> None:
    desk = office(tmp_path)
    desk.sign_up(ADA)
    desk.answer()
    desk.later(minutes=5)
    desk.sign_up("ines@commune.example")
    desk.answer()
    dates = [one["Date"].datetime for one in desk.mails()]
    assert dates[1] - dates[0] == dt.timedelta(minutes=5)


def test_what_was_asked_before_they_left_is_not_answered_after(tmp_path: Path) -> None:
    desk = office(tmp_path)
    person = desk.confirmed(ADA)
    before = len(desk.mails(ADA))
    reception.ask_link(desk.season, parse(ADA), PROOF, now=desk.stage.now)
    answering.answer(desk.stage.press, now=desk.stage.now)
    desk.sign_up(ADA)
    desk.later(seconds=1)
    consent.unsubscribe("essai", person.public_id, now=desk.stage.now, source="page")
    assert desk.answer() == 1
    assert (len(desk.mails(ADA)), standing(ADA).status) == (before, Status.ENDED)
    desk.later(seconds=1)
    reception.ask_link(desk.season, parse(ADA), PROOF, now=desk.stage.now)
    desk.answer()
    assert len(desk.mails(ADA)) == before + 1


def test_a_season_that_nobody_can_sign_up_to_keeps_no_other_waiting(tmp_path: Path) -> None:
    desk = office(tmp_path)
    for name in ("a", "b", "c"):
        row = SignUp(season="fermee", mailbox=f"{name}@commune.example", key=f"{name}@commune.example")
        row.choice, row.at = "tout", desk.stage.now
        row.save()
    desk.sign_up(ADA)
    assert answering.answer(desk.stage.press, now=desk.stage.now, most=2) == 1
    assert SignUp.objects.count() == 3
    assert standing(ADA).status == Status.PENDING


def test_an_erasure_and_an_answer_at_once_end_without_waiting_for_each_other(tmp_path: Path) -> None:
    desk = office(tmp_path)
    press, now = desk.stage.press, desk.stage.now
    for number in range(5):
        address = f"ada{number}@commune.example"
        person = desk.confirmed(address)
        desk.sign_up(address)
        raised = apart(
            lambda: answering.answer(press, now=now),
            lambda: rights.erase_person(person.public_id, now=now),  # noqa: B023 - run before the next round
        )
        assert raised == [None, None]
