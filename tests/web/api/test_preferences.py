"""What a person does with their preferences' token."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from pipeline import clock
from pipeline.audience import consent, rights, suppression
from pipeline.audience.models import Consent, Event, Person, Status
from tests.correspondence.writing import standing
from tests.web.api.serving import Answer, Asker

ADA = "ada@commune.example"
TODAY = clock.now().date()


@pytest.fixture
def ada(asker: Asker) -> Asker:
    """Ada, who is subscribed, and asks with her token."""
    asker.office.confirmed(ADA)
    asker.headers = asker.bearer(ADA)
    return asker


def change(asker: Asker, **content: Any) -> Answer:
    return asker.post("/preferences", content, method="PATCH")


def test_the_preferences_are_read(ada: Asker) -> None:
    answer = ada.get("/preferences")
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert answer.json.pop("since")
    assert {name: value for name, value in answer.json.items() if name != "since"} == {
        "season": "essai",
        "title": "Carnet d’essai",
        "email": ADA,
        "status": "active",
        "choice": "tout",
        "themes": [],
        "rhythm": "each",
        "profile": {"name": "", "organisation": "", "role": "", "territory": "", "department": ""},
        "paused_until": None,
    }


def test_without_a_token_of_ours_nothing_is_told(ada: Asker) -> None:
    for given in ("", "Bearer", "Bearer ", "Basic YTpi", "Bearer a.b.c", "Bearer é"):
        ada.headers = {"Authorization": given} if given else {}
        for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/data")):
            answer = ada.send(method, f"/preferences{path}")
            assert answer.status == 401
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert standing(ADA).status == Status.ACTIVE


def test_a_token_of_another_purpose_or_too_old_opens_nothing(ada: Asker) -> None:
    for token in (ada.token("unsubscribe"), ada.token("confirm"), ada.token("preferences", days_old=181)):
        ada.headers = {"Authorization": f"Bearer {token}"}
        answer = ada.get("/preferences")
        assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, 'Bearer error="invalid_token"')


def test_only_what_is_named_changes(ada: Asker) -> None:
    assert change(ada, profile={"name": "Ada", "role": "elu"}).status == 200
    assert change(ada, rhythm="monthly", profile={"organisation": "Commune"}).status == 200
    told = change(ada, choice="themes", themes=["eau"]).json
    assert (told["choice"], told["themes"], told["rhythm"]) == ("themes", ["eau"], "monthly")
    assert told["profile"] == {
        "name": "Ada",
        "organisation": "Commune",
        "role": "elu",
        "territory": "",
        "department": "",
    }
    assert told == ada.get("/preferences").json
    assert Consent.objects.filter(event=Event.CHANGED).count() == 2
    assert change(ada, choice="fin").json["themes"] == []


def test_all_of_it_changes_or_nothing(ada: Asker) -> None:
    before = ada.get("/preferences").json
    answer = change(ada, choice="themes", profile={"name": "Ada", "role": "roi"}, rhythm="monthly")
    assert answer.status == 422
    assert list(answer.faults) == ["themes", "profile.role"]
    answer = change(ada, rhythm="monthly", profile={"name": "Ada"}, paused_until="2019-01-01")
    assert (answer.status, list(answer.faults)) == (422, ["paused_until"])
    assert ada.get("/preferences").json == before


def test_a_term_that_the_season_dropped_is_in_nobodys_way(ada: Asker) -> None:
    change(ada, profile={"role": "elu"})
    path = ada.office.stage.folder / "schedules/essai.yaml"
    path.write_text(path.read_text().replace("{elu: Élue ou élu, agent: Agent}", "{agent: Agent}"))
    ada.office.stage.apply()
    assert change(ada, profile={"name": "Ada"}).json["profile"]["role"] == "elu"
    assert change(ada, profile={"role": ""}).json["profile"]["role"] == ""


def test_a_pause_begins_is_shown_and_ends(ada: Asker) -> None:
    day = (TODAY + dt.timedelta(days=30)).isoformat()
    assert change(ada, paused_until=day).json["paused_until"] == day
    held = suppression.pause(Person.objects.get(key=ADA), "essai", now=clock.now())
    assert held is not None
    assert held.until is not None
    assert held.until.astimezone(ada.office.season.zone).time() == dt.time()
    assert change(ada, rhythm="monthly").json["paused_until"] == day
    assert change(ada, paused_until=None).json["paused_until"] is None
    assert ada.get("/preferences").json["paused_until"] is None


def test_a_pause_ends_in_the_future_within_a_year(ada: Asker) -> None:
    for day in ("2019-01-01", "2999-01-01", "0001-01-01", "9999-12-31", TODAY.isoformat()):
        answer = change(ada, paused_until=day)
        assert (answer.status, list(answer.faults)) == (422, ["paused_until"])


def test_what_is_no_day_is_told_how_to_write_one(ada: Asker) -> None:
    fault = {"field": "paused_until", "message": "Une date est attendue.", "mend": "Écrivez-la AAAA-MM-JJ."}
    for day in ("2030-02-30", "20300101", "1900000000", 1900000000, "2030-01-01T00:00", "٢٠٣٠-٠١-٠١", True):
        assert change(ada, paused_until=day).json["errors"] == [fault]


def test_what_is_not_confirmed_cannot_pause(asker: Asker) -> None:
    asker.office.sign_up(ADA)
    asker.office.answer()
    asker.headers = asker.bearer(ADA)
    assert asker.get("/preferences").json["status"] == "pending"
    assert change(asker, paused_until=(TODAY + dt.timedelta(days=9)).isoformat()).status == 409
    assert change(asker, choice="fin").json["choice"] == "fin"


def test_whoever_leaves_is_gone_and_may_leave_again(ada: Asker) -> None:
    assert [ada.send("DELETE", "/preferences").status for _ in range(2)] == [204, 204]
    assert standing(ADA).status == Status.ENDED
    assert ada.get("/preferences").status == 410
    assert change(ada, rhythm="monthly").status == 410


def test_everything_that_is_held_is_told_until_it_is_erased(ada: Asker) -> None:
    answer = ada.get("/preferences/data")
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert answer.json["person"][0]["email"] == ADA
    assert set(answer.json) == {"about", *answer.json["about"]}
    person = Person.objects.get(key=ADA)
    rights.erase_person(person.public_id, now=clock.now())
    assert ada.get("/preferences/data").status == 410
    assert ada.get("/preferences").status == 410
    assert ada.send("DELETE", "/preferences").status == 204


def test_somebody_elses_preferences_stay_as_they_are(ada: Asker) -> None:
    ada.office.confirmed("bob@commune.example")
    change(ada, rhythm="monthly")
    assert standing("bob@commune.example").rhythm == "each"
    consent.unsubscribe("essai", Person.objects.get(key=ADA).public_id, now=clock.now(), source="essai")
    ada.headers = ada.bearer("bob@commune.example")
    assert ada.get("/preferences").json["email"] == "bob@commune.example"
