"""What visits of links are taken for."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest

from pipeline.audience import consent, visits
from pipeline.audience.models import Visit
from pipeline.audience.visits import Request
from tests.audience.factories import NOW, SEASON, asked, later

How, Verdict = Visit.How, Visit.Verdict
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
PERSON = Request("GET", "192.0.2.7", FIREFOX, "fr-FR,fr;q=0.8")


@pytest.mark.parametrize(
    ("request_", "how", "verdict"),
    [
        (PERSON, How.OPENED, Verdict.PERSON),
        (PERSON, How.PRESSED, Verdict.PERSON),
        (PERSON, How.CANARY, Verdict.MACHINE),
        (Request("HEAD", "192.0.2.7", FIREFOX, "fr"), How.OPENED, Verdict.MACHINE),
        (Request("GET", "192.0.2.7", FIREFOX, "fr", "prefetch;prerender"), How.OPENED, Verdict.MACHINE),
        (Request("GET", "192.0.2.7", "BarracudaCentral/1.0", "fr"), How.OPENED, Verdict.MACHINE),
        (Request("POST", "192.0.2.7", "python-requests/2.32", "fr"), How.PRESSED, Verdict.MACHINE),
        (Request("GET", "192.0.2.7", "", "fr"), How.OPENED, Verdict.UNCERTAIN),
        (Request("GET", "192.0.2.7", FIREFOX), How.OPENED, Verdict.UNCERTAIN),
    ],
)
def test_a_visit_is_judged_by_what_it_tells(request_: Request, how: How, verdict: Verdict) -> None:
    judged, why = visits.judge(request_, how, None)
    assert judged == verdict
    assert why


def note(how: How, request: Request = PERSON, *, seconds: float = 0) -> Visit:
    person = asked().person
    made = visits.note(SEASON, person.public_id, "confirm", how, request, now=NOW + dt.timedelta(seconds=seconds))
    assert made is not None
    return made


@pytest.mark.parametrize(("seconds", "verdict"), [(60, Verdict.MACHINE), (61, Verdict.PERSON)])
@pytest.mark.django_db
def test_what_the_canarys_network_opens_within_a_minute_is_a_machine(seconds: float, verdict: Verdict) -> None:
    note(How.CANARY)
    assert note(How.OPENED, seconds=seconds).verdict == verdict


@pytest.mark.django_db
def test_another_network_is_not_the_canarys() -> None:
    note(How.CANARY)
    assert note(How.OPENED, Request("GET", "198.51.100.7", FIREFOX, "fr"), seconds=5).verdict == Verdict.PERSON


@pytest.mark.django_db
def test_who_presses_behind_a_gateway_that_opened_the_canary_is_uncertain() -> None:
    note(How.CANARY)
    assert note(How.PRESSED, seconds=20).verdict == Verdict.UNCERTAIN


@pytest.mark.django_db
def test_a_canary_after_the_page_changes_what_was_thought_of_the_opening_and_not_of_the_press() -> None:
    early, opened, pressed = note(How.OPENED), note(How.OPENED, seconds=100), note(How.PRESSED, seconds=101)
    note(How.CANARY, seconds=110)
    for one in (early, opened, pressed):
        one.refresh_from_db()
    assert [one.verdict for one in (early, opened, pressed)] == [Verdict.PERSON, Verdict.MACHINE, Verdict.PERSON]
    assert "lien caché" in opened.why


@pytest.mark.django_db
def test_only_the_network_of_a_visit_is_kept() -> None:
    assert note(How.OPENED).ip_truncated == "192.0.2.0"


@pytest.mark.django_db
def test_links_that_are_opened_without_end_fill_nothing_and_a_press_still_counts() -> None:
    person = asked().person
    for _ in range(visits.A_DAY + 5):
        visits.note(SEASON, person.public_id, "confirm", How.OPENED, PERSON, now=NOW)
    assert Visit.objects.count() == visits.A_DAY
    assert visits.note(SEASON, person.public_id, "confirm", How.PRESSED, PERSON, now=NOW) is not None
    assert visits.note(SEASON, person.public_id, "confirm", How.OPENED, PERSON, now=later(25)) is not None


@pytest.mark.django_db
def test_nothing_is_kept_of_the_erased_and_nobody_is_not_a_person() -> None:
    person = asked().person
    person.erased_at = NOW
    person.save()
    assert visits.note(SEASON, person.public_id, "confirm", How.OPENED, PERSON, now=NOW) is None
    with pytest.raises(consent.UnknownPersonError):
        visits.note(SEASON, uuid.uuid4(), "confirm", How.OPENED, PERSON, now=NOW)
