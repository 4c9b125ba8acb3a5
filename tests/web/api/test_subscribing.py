"""To subscribe, confirm and leave by the API, and what nobody learns by it."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest

from pipeline import clock, limits
from pipeline.audience import consent, domains
from pipeline.audience.models import DomainCheck, Person, SignUp, Status
from pipeline.audience.tokens import make
from pipeline.web.reader import gate
from pipeline.web.reader.information import INFORMATION_VERSION
from tests.correspondence.writing import link, standing
from tests.redis_server import redis_server
from tests.web.api.serving import Answer, Asker

SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
ADA, BOB = "ada@commune.example", "bob@commune.example"


@pytest.fixture
def counting(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A Redis in which limits are counted."""
    with redis_server() as url:
        settings.KIT = dataclasses.replace(settings.KIT, redis_url=url)
        monkeypatch.setattr(limits, "_rest", limits._Rest())
        yield


def seen(answer: Answer) -> tuple[int, dict[str, str], bytes]:
    """What a stranger sees of an answer, the time of day aside."""
    return answer.status, {name: value for name, value in answer.headers.items() if name != "Date"}, answer.body


def test_whoever_signs_up_is_asked_by_mail_and_confirms_by_its_token(asker: Asker) -> None:
    told = {"name": "Ada  Martin", "role": "elu", "department": "2A"}
    assert asker.subscribe(choice="themes", themes=["eau"], rhythm="monthly", profile=told).status == 202
    asker.office.answer()
    (mail,) = asker.office.mails(ADA)
    token = link(mail, "confirm", now=clock.now())
    assert asker.post("/confirmations", {"token": make("confirm", "essai", token.public_id, now=clock.now())}).json == {
        "status": "active",
        "season": "essai",
    }
    kept = standing(ADA)
    assert (kept.status, kept.choice, kept.themes, kept.rhythm) == ("active", "themes", " eau ", "monthly")
    assert (kept.person.name, kept.role, kept.department) == ("Ada Martin", "elu", "2A")
    asker.office.answer()
    assert asker.office.subjects(ADA)[-1].endswith("bienvenue")


def test_the_answer_is_the_same_whatever_is_known_of_the_address(asker: Asker) -> None:
    asker.office.confirmed(ADA)
    asker.office.sign_up(BOB)
    asker.office.answer()
    consent.unsubscribe("", asker.office.confirmed("eve@commune.example").public_id, now=clock.now(), source="essai")
    answers = [asker.subscribe(f"{name}@commune.example") for name in ("ada", "bob", "eve", "new")]
    assert [seen(one) for one in answers] == [seen(answers[0])] * 4
    assert answers[0].status == 202
    assert SignUp.objects.count() == 4


def test_what_was_shown_and_which_way_it_came_is_kept(asker: Asker) -> None:
    asker.subscribe()
    row = SignUp.objects.get()
    assert (row.form, row.source, row.text_version, row.ip_truncated) == (
        "api",
        "api",
        INFORMATION_VERSION,
        "127.0.0.0",
    )


def test_every_field_that_does_not_pass_is_told_at_once(asker: Asker) -> None:
    answer = asker.subscribe("ada@", choice="rien", themes=["feu"], profile={"name": "a\nb", "territory": "lune"})
    assert answer.status == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert list(answer.faults) == ["email", "choice", "themes", "profile.name", "profile.territory"]
    assert all(one["mend"] for one in answer.json["errors"])
    assert not SignUp.objects.exists()


@pytest.mark.parametrize(
    ("content", "field"),
    [
        ({"email": 1}, "email"),
        ({"email": "\ud800@commune.example"}, "email"),
        ({"choice": None}, "choice"),
        ({"themes": "eau"}, "themes"),
        ({"themes": [1]}, "themes.0"),
        ({"rhythm": "daily"}, "rhythm"),
        ({"profile": {"name": "x" * 201}}, "profile.name"),
        ({"profile": {"shoe_size": "42"}}, "profile.shoe_size"),
        ({"newsletter": "yes"}, "newsletter"),
        ({"information_version": "1999-01-01"}, "information_version"),
        ({"profile": {"department": "20"}}, "profile.department"),
    ],
)
@SQLITE
def test_a_value_of_another_form_is_told_in_french_beside_its_field(
    asker: Asker, content: dict[str, Any], field: str
) -> None:
    answer = asker.subscribe(**{"email": ADA, **content})
    assert answer.status == 422
    assert list(answer.faults) == [field]
    assert answer.faults[field].endswith(".")


@SQLITE
def test_a_missing_field_is_told(asker: Asker) -> None:
    answer = asker.post("/seasons/essai/subscriptions", {"email": ADA})
    assert answer.faults == {"choice": "Ce champ manque.", "information_version": "Ce champ manque."}


@SQLITE
def test_a_domain_that_takes_no_mail_is_told_as_the_dns_told_it(asker: Asker) -> None:
    DomainCheck.objects.create(domain="commune.example", verdict="none", at=clock.now())
    assert domains.known("commune.example", clock.now()) == "none"
    assert asker.subscribe().faults == {"email": "Le domaine « commune.example » ne reçoit pas de courriel."}


@SQLITE
def test_addresses_that_the_operator_refuses_are_refused(asker: Asker, settings: Any) -> None:
    settings.KIT = dataclasses.replace(settings.KIT, role_addresses="refuse")
    assert list(asker.subscribe("mairie@commune.example").faults) == ["email"]


@SQLITE
def test_a_season_that_does_not_run_is_not_there(asker: Asker) -> None:
    asked = {"email": ADA, "choice": "tout", "information_version": INFORMATION_VERSION}
    assert asker.post("/seasons/autre/subscriptions", asked).status == 404
    assert asker.get("/seasons/autre").status == 404


@SQLITE
def test_nobody_can_sign_up_while_nobody_answers_for_the_mails(asker: Asker, settings: Any) -> None:
    settings.KIT = dataclasses.replace(settings.KIT, smtp_url="smtp://relay.example.org")
    path = asker.office.stage.folder / "schedules/essai.yaml"
    path.write_text(path.read_text().replace("  list_id:", "  example: true\n  list_id:"))
    asker.office.stage.apply()
    assert asker.get("/seasons/essai").json["open"] is False
    assert asker.subscribe().status == 409


@SQLITE
def test_too_many_from_one_network_have_to_wait_and_are_told_how_long(asker: Asker, counting: None) -> None:
    answers = [asker.subscribe(f"p{number}@commune.example") for number in range(gate.NETWORK.most + 1)]
    assert {one.status for one in answers[:-1]} == {202}
    assert answers[-1].status == 429
    assert 0 < int(answers[-1].headers["Retry-After"]) <= gate.NETWORK.seconds
    assert SignUp.objects.count() == gate.NETWORK.most


@SQLITE
def test_a_mailbox_that_is_typed_over_and_over_is_left_alone_without_a_word(asker: Asker, counting: None) -> None:
    answers = [asker.subscribe() for _ in range(gate.MAILBOX.most + 2)]
    assert [seen(one) for one in answers] == [seen(answers[0])] * len(answers)
    assert SignUp.objects.count() == gate.MAILBOX.most


def test_a_confirmation_sent_twice_is_one(asker: Asker) -> None:
    asker.office.sign_up(ADA)
    asker.office.answer()
    token = asker.token("confirm")
    assert [asker.post("/confirmations", {"token": token}).status for _ in range(2)] == [200, 200]
    assert SignUp.objects.filter(wants=SignUp.Wants.WELCOME).count() == 1


def test_a_token_of_another_purpose_or_none_of_ours_is_not_found(asker: Asker) -> None:
    asker.office.sign_up(ADA)
    asker.office.answer()
    for token in (asker.token("preferences"), "x" * 500, "é", "\0"):
        assert asker.post("/confirmations", {"token": token}).status == 404
        assert asker.post("/unsubscriptions", {"token": token}).status == 404
    assert standing(ADA).status == Status.PENDING


def test_an_old_confirmation_is_gone_and_so_is_one_after_leaving(asker: Asker) -> None:
    person = asker.office.confirmed(ADA)
    assert asker.post("/confirmations", {"token": asker.token("confirm", days_old=8)}).status == 410
    consent.unsubscribe("essai", person.public_id, now=clock.now(), source="essai")
    assert asker.post("/confirmations", {"token": asker.token("confirm")}).status == 410
    assert standing(ADA).status == Status.ENDED


def test_leaving_works_for_ever_and_twice_is_once(asker: Asker) -> None:
    asker.office.confirmed(ADA)
    token = asker.token("unsubscribe", days_old=3650)
    answers = [asker.post("/unsubscriptions", {"token": token}) for _ in range(2)]
    assert [(one.status, one.body) for one in answers] == [(204, b"")] * 2
    assert standing(ADA).status == Status.ENDED


def test_somebody_who_is_gone_may_leave_once_more(asker: Asker) -> None:
    asker.office.sign_up(ADA)
    asker.office.answer()
    token = asker.token("unsubscribe")
    person = Person.objects.get(key=ADA)
    person.consents.all().let_go(person)
    person.subscriptions.all().delete()
    person.delete()
    assert asker.post("/unsubscriptions", {"token": token}).status == 204


@SQLITE
def test_a_season_says_all_that_a_form_needs(asker: Asker) -> None:
    (season,) = asker.get("/seasons").json["seasons"]
    assert season == asker.get("/seasons/essai").json
    assert [one["id"] for one in season["choices"] if one["pick_themes"]] == ["themes"]
    assert [one["id"] for one in season["roles"]] == ["elu", "agent"]
    assert season["themes"] == [{"id": "eau", "label": "Eau"}]
    assert season["information"]["version"] == INFORMATION_VERSION
    assert "donnees@essai.org" in season["information"]["html"]
    assert dt.date.fromisoformat(season["next"]["date"]) > clock.now().date()
    assert season["next"]["titles"] == ["Chose 1"]
    assert season["open"] is True


@SQLITE
def test_a_season_that_has_not_changed_is_not_sent_again(asker: Asker) -> None:
    first = asker.get("/seasons/essai")
    assert first.headers["Cache-Control"] == "public, no-cache"
    again = asker.get("/seasons/essai", If_None_Match=first.headers["ETag"])
    assert (again.status, again.body) == (304, b"")
