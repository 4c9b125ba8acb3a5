"""The form floods nobody, tells nobody what is known, and is not stopped by a Redis that is away."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from pipeline import clock, limits
from pipeline.audience import consent, rights, suppression
from pipeline.audience.addresses import parse
from pipeline.audience.models import Reason, SignUp
from pipeline.audience.wishes import Wish
from pipeline.web.reader import gate
from tests.redis_server import redis_server
from tests.web import factories
from tests.web.conftest import Site

pytestmark = pytest.mark.django_db

NOW = dt.datetime(2020, 1, 10, 9, tzinfo=dt.UTC)
HERE = f"/{factories.NAME}/inscription/"
LINK = f"/{factories.NAME}/lien/"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with redis_server() as url:
        yield url


@pytest.fixture
def _redis(server: str, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.KIT = replace(settings.KIT, redis_url=server)
    monkeypatch.setattr(limits, "_rest", limits._Rest())
    limits._limiter(server).storage.reset()


@pytest.fixture(autouse=True)
def _time() -> Iterator[None]:
    with clock.simulated(lambda: NOW):
        yield


def sign_up(client: Client, address: str, ip: str = "192.0.2.1", path: str = HERE) -> HttpResponse:
    form = f"{factories.NAME}/{'lien' if path == LINK else 'inscription'}"
    written = {
        gate.TRAP: gate.stamp(form, now=NOW - dt.timedelta(seconds=30)),
        "email": address,
        "choice": "tout",
        "rhythm": "each",
        "name": "Ada",
    }
    answer: HttpResponse = client.post(path, written, headers={"x-forwarded-for": ip})
    return answer


@pytest.mark.usefixtures("_redis")
class TestLimits:
    def test_a_network_that_asks_too_often_is_told_when_to_come_back(self, client: Client, site: Site) -> None:
        statuses = [sign_up(client, f"p{n}@gmail.com", f"192.0.2.{n}").status_code for n in range(31)]
        assert statuses == [303] * 30 + [429]
        refused = sign_up(client, "ada@gmail.com")
        assert 0 < int(refused["Retry-After"]) <= 600
        assert 'value="Ada"' in refused.content.decode()  # nothing of what was written is lost
        assert "dans 10 minutes" in refused.content.decode().replace("\N{NO-BREAK SPACE}", " ")
        assert sign_up(client, "ada@gmail.com", "198.51.100.1").status_code == 303

    def test_one_mailbox_is_written_for_only_so_often_and_nobody_is_told(self, client: Client, site: Site) -> None:
        spellings = [
            "ada.martin@gmail.com",
            "adamartin@gmail.com",
            "Ada.Martin+kit@gmail.com",
            "a.d.a.martin@googlemail.com",
        ]
        answers = [sign_up(client, spellings[n % 4], f"198.51.{n}.1") for n in range(9)]
        assert {(one.status_code, one["Location"]) for one in answers} == {(303, f"{HERE}merci/")}
        assert SignUp.objects.count() == gate.MAILBOX.most

    def test_links_and_sign_ups_count_for_the_same_mailbox(self, client: Client, site: Site) -> None:
        for n in range(4):
            sign_up(client, "ada@commune.example", f"198.51.{n}.1")
            sign_up(client, "ada@commune.example", f"198.51.{n}.1", LINK)
        assert SignUp.objects.count() == gate.MAILBOX.most

    @pytest.mark.parametrize(("domain", "statuses"), [("commune.example", {303, 429}), ("gmail.com", {303})])
    def test_a_mailbox_behind_every_address_of_a_domain_is_not_flooded(
        self, client: Client, site: Site, monkeypatch: pytest.MonkeyPatch, domain: str, statuses: set[int]
    ) -> None:
        monkeypatch.setattr(gate, "DOMAIN", replace(gate.DOMAIN, most=4))
        answers = [sign_up(client, f"p{n}@{domain}", f"198.51.{n}.1") for n in range(6)]
        assert {one.status_code for one in answers} == statuses
        assert SignUp.objects.count() == (4 if 429 in statuses else 6)

    def test_a_form_that_the_world_presses_at_once_waits(
        self, client: Client, site: Site, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(gate, "FORM", replace(gate.FORM, most=2))
        answers = [sign_up(client, f"p{n}@gmail.com", f"198.51.{n}.1").status_code for n in range(3)]
        assert answers == [303, 303, 429]


def test_a_redis_that_is_away_keeps_nobody_from_signing_up(
    client: Client, site: Site, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.KIT = replace(settings.KIT, redis_url="redis://127.0.0.1:1/0")
    monkeypatch.setattr(limits, "_rest", limits._Rest())
    assert [sign_up(client, f"p{n}@gmail.com").status_code for n in range(40)] == [303] * 40
    assert SignUp.objects.count() == 40


KNOWN = ("unknown", "pending", "active", "left", "refused", "bounced", "erased")


@pytest.fixture
def addresses_known() -> dict[str, str]:
    """One address for everything that may be known of one; they are of one length, since bodies are compared."""
    found = {how: f"{how:x<8}@example.org" for how in KNOWN}
    people = {}
    for how in ("pending", "active", "left", "bounced", "erased"):
        asked = consent.subscribe(parse(found[how]), factories.NAME, Wish("tout"), consent.Proof("essai"), now=NOW)
        people[how] = asked.person
        if how != "pending":
            consent.confirm(factories.NAME, asked.person.public_id, now=NOW)
    consent.unsubscribe(factories.NAME, people["left"].public_id, now=NOW, source="essai")
    suppression.suppress(parse(found["refused"]).key, Reason.MANUAL, now=NOW)
    suppression.suppress(parse(found["bounced"]).key, Reason.BOUNCED, now=NOW)
    rights.erase_person(people["erased"].public_id, now=NOW)
    return found


@pytest.mark.usefixtures("_redis")
@pytest.mark.parametrize("path", [HERE, LINK])
def test_no_answer_tells_what_is_known_of_an_address(
    client: Client, site: Site, addresses_known: dict[str, str], path: str
) -> None:
    seen = set()
    for number, address in enumerate(addresses_known.values()):
        with CaptureQueriesContext(connection) as queries:
            answer = sign_up(client, address, f"198.51.{number}.1", path)
            after = client.get(answer["Location"])
        said = [query["sql"].split(" ")[0] for query in queries.captured_queries]
        seen.add(
            (answer.status_code, str(answer.headers), after.status_code, str(after.headers), after.content, tuple(said))
        )
    assert len(seen) == 1
    assert SignUp.objects.count() == len(KNOWN)


def test_an_error_shows_the_same_form_whatever_is_known(
    client: Client, site: Site, addresses_known: dict[str, str]
) -> None:
    bodies = set()
    moment = gate.stamp(f"{factories.NAME}/inscription", now=NOW - dt.timedelta(seconds=30))
    for address in addresses_known.values():
        answer = client.post(HERE, {gate.TRAP: moment, "email": address})  # no choice
        assert answer.status_code == 422
        bodies.add(answer.content.replace(address.encode(), b"?"))
    assert len(bodies) == 1
