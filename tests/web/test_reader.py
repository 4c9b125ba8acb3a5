from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from lxml import html

from pipeline.audience import consent, evidence, moves, rights, suppression, tokens
from pipeline.audience.addresses import parse
from pipeline.audience.models import Consent, Event, Reason, SignUp, Status, Subscription, Suppression, Visit
from pipeline.audience.wishes import Wish
from pipeline.release import addresses
from tests.web import factories
from tests.web.conftest import Site

pytestmark = pytest.mark.django_db

NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)
PURPOSES: tuple[tokens.Purpose, ...] = ("unsubscribe", "preferences", "confirm", "canary", "renew")
PATHS: dict[tokens.Purpose, Callable[[str], str]] = {
    "unsubscribe": addresses.unsubscribe_path,
    "preferences": addresses.preferences_path,
    "confirm": addresses.confirm_path,
    "canary": addresses.canary_path,
    "move": addresses.move_path,
    "renew": addresses.renew_path,
}


@pytest.fixture
def reader() -> Subscription:
    """Somebody who gets everything."""
    asked = consent.subscribe(parse("ines@example.org"), factories.NAME, Wish("tout"), consent.Proof("essai"), now=NOW)
    return consent.confirm(factories.NAME, asked.person.public_id, now=NOW)


def link(purpose: tokens.Purpose, reader: Subscription, *, made: dt.datetime = NOW) -> str:
    return PATHS[purpose](tokens.make(purpose, reader.season, reader.person.public_id, now=made))


def expired(purpose: tokens.Purpose, reader: Subscription) -> str:
    return link(purpose, reader, made=NOW - tokens.LIFETIMES[purpose] - dt.timedelta(hours=2))


def sources(event: Event) -> list[str]:
    """Where the entries of this kind say they come from."""
    read = [evidence.read(one, one.person) for one in Consent.objects.filter(event=event).order_by("pk")]
    return [one.source for one in read if one is not None]


def has_left(reader: Subscription) -> bool:
    reader.refresh_from_db()
    return reader.status == Status.ENDED and Suppression.objects.filter(person=reader.person).exists()


@pytest.mark.parametrize("purpose", PURPOSES)
@pytest.mark.parametrize("method", ["get", "head"])
def test_opening_a_link_never_acts(
    client: Client, site: Site, reader: Subscription, purpose: tokens.Purpose, method: str
) -> None:
    before = list(Consent.objects.values())
    answer = getattr(client, method)(link(purpose, reader))
    assert answer.status_code == 200
    assert list(Consent.objects.values()) == before
    assert not has_left(reader)


def test_the_button_leaves_and_twice_answers_the_same(client: Client, site: Site, reader: Subscription) -> None:
    first = client.post(link("unsubscribe", reader))
    second = client.post(link("unsubscribe", reader))
    assert first.status_code == 200
    assert "vous ne recevrez plus ces courriels" in first.content.decode()
    assert (first.status_code, first.content) == (second.status_code, second.content)
    assert has_left(reader)
    assert sources(Event.WITHDRAWN) == ["page"]
    assert Consent.objects.filter(event=Event.WITHDRAWN).count() == 1


@pytest.mark.parametrize("secure", [False, True])
def test_a_mail_program_leaves_with_one_click_and_without_a_cookie(
    site: Site, reader: Subscription, secure: bool
) -> None:
    program = Client(enforce_csrf_checks=True)
    body = "List-Unsubscribe=One-Click"
    answer = program.post(link("unsubscribe", reader), body, "application/x-www-form-urlencoded", secure=secure)
    assert answer.status_code == 200  # RFC 8058: no redirect
    assert not answer.cookies
    assert has_left(reader)
    assert sources(Event.WITHDRAWN) == ["one-click"]


def test_a_mail_program_may_send_its_click_as_a_multipart_form(site: Site, reader: Subscription) -> None:
    Client(enforce_csrf_checks=True).post(link("unsubscribe", reader), {"List-Unsubscribe": "One-Click"})
    assert has_left(reader)


def test_a_link_to_leave_works_when_its_season_is_no_longer_shown(
    client: Client, site: Site, reader: Subscription
) -> None:
    site.pages.clear()
    assert client.get(link("unsubscribe", reader)).status_code == 200
    assert client.post(link("unsubscribe", reader)).status_code == 200
    assert client.get(link("preferences", reader)).status_code == 200
    assert has_left(reader)


@pytest.mark.parametrize(
    "folder", ["desabonnement", "preferences", "confirmation", "l", "changement-adresse", "renouvellement"]
)
@pytest.mark.parametrize("token", ["x", "A" * 44, "é", "%00", "..", "a" * 4000])
@pytest.mark.parametrize("method", ["get", "post"])
def test_a_bad_link_says_so_and_changes_nothing(
    client: Client, site: Site, reader: Subscription, folder: str, token: str, method: str
) -> None:
    answer = getattr(client, method)(f"/{folder}/{token}/")
    assert answer.status_code == 404
    assert not has_left(reader)


def test_a_link_for_one_purpose_serves_no_other(client: Client, site: Site, reader: Subscription) -> None:
    token = tokens.make("preferences", reader.season, reader.person.public_id, now=NOW)
    answer = client.post(addresses.unsubscribe_path(token))
    assert answer.status_code == 404
    assert "Ce lien ne fonctionne pas" in answer.content.decode()
    assert not has_left(reader)


def test_a_signed_link_to_nobody_says_that_it_does_not_work(client: Client, site: Site) -> None:
    token = tokens.make("unsubscribe", factories.NAME, uuid.uuid4())
    assert client.post(addresses.unsubscribe_path(token)).status_code == 404


@pytest.mark.parametrize("purpose", PURPOSES)
def test_personal_pages_are_kept_by_no_cache_and_listed_nowhere(
    client: Client, site: Site, reader: Subscription, purpose: tokens.Purpose
) -> None:
    for answer in (client.get(link(purpose, reader)), client.get("/desabonnement/x/")):
        assert "no-store" in answer["Cache-Control"]
        assert "noindex" in answer["X-Robots-Tag"]


def test_confirming_starts_the_subscription_and_twice_is_once(client: Client, site: Site) -> None:
    asked = consent.subscribe(parse("ada@example.org"), factories.NAME, Wish("tout"), consent.Proof("essai"), now=NOW)
    for _ in range(2):
        answer = client.post(link("confirm", asked))
        assert "Votre inscription est confirmée" in answer.content.decode()
    asked.refresh_from_db()
    assert asked.status == Status.ACTIVE
    assert Consent.objects.filter(event=Event.CONFIRMED).count() == 1


def test_an_old_confirmation_brings_nobody_back(client: Client, site: Site, reader: Subscription) -> None:
    client.post(link("unsubscribe", reader))
    answer = client.post(link("confirm", reader))
    assert answer.status_code == 409
    assert has_left(reader)


@pytest.mark.parametrize("method", ["put", "delete", "patch"])
def test_other_methods_are_refused(client: Client, site: Site, reader: Subscription, method: str) -> None:
    assert getattr(client, method)(link("unsubscribe", reader)).status_code == 405
    assert not has_left(reader)


def test_one_click_asks_the_database_for_nothing_but_to_leave(site: Site, reader: Subscription) -> None:
    program = Client(enforce_csrf_checks=True)
    asked = consent.subscribe(parse("ada@example.org"), factories.NAME, Wish("tout"), consent.Proof("essai"), now=NOW)
    other = consent.confirm(factories.NAME, asked.person.public_id, now=NOW)
    suppression.suppress("nobody@example.org", Reason.MANUAL, now=NOW)  # there is a counter
    with CaptureQueriesContext(connection) as needed:
        consent.unsubscribe(factories.NAME, other.person.public_id, now=NOW, source="essai")
    with CaptureQueriesContext(connection) as done:
        program.post(link("unsubscribe", reader), {"List-Unsubscribe": "One-Click"})
    assert len(done) == len(needed)
    with CaptureQueriesContext(connection) as again:
        program.post(link("unsubscribe", reader), {"List-Unsubscribe": "One-Click"})
    assert len(again) < 8


def test_who_left_by_mistake_gets_back_what_they_had(client: Client, site: Site, reader: Subscription) -> None:
    consent.change(factories.NAME, reader.person.public_id, Wish("conseils", rhythm="monthly"), now=NOW)
    page = html.fromstring(client.post(link("unsubscribe", reader)).content)
    (button,) = page.xpath("//main//form[@method='post']//button")
    answer = client.post(link("unsubscribe", reader), {button.get("name"): button.get("value")})
    assert "vous recevez de nouveau ces courriels" in answer.content.decode()
    reader.refresh_from_db()
    assert (reader.status, reader.choice, reader.rhythm) == (Status.ACTIVE, "conseils", "monthly")
    assert not Suppression.objects.filter(lifted_at__isnull=True).exists()
    assert sources(Event.GRANTED)[-1] == "désinscription annulée"


def test_whoever_was_passed_an_old_mail_on_brings_nobody_back(client: Client, site: Site, reader: Subscription) -> None:
    long_ago = NOW - dt.timedelta(hours=2)
    consent.unsubscribe(factories.NAME, reader.person.public_id, now=long_ago, source="page")
    assert "réinscrire" not in client.post(link("unsubscribe", reader)).content.decode()
    answer = client.post(link("unsubscribe", reader), {"action": "resubscribe"})
    assert answer.status_code == 409
    assert has_left(reader)


def test_a_mail_programs_click_never_brings_back(client: Client, site: Site, reader: Subscription) -> None:
    client.post(link("unsubscribe", reader), {"List-Unsubscribe": "One-Click", "action": "resubscribe"})
    assert has_left(reader)


class TestConfirming:
    @pytest.fixture
    def asked(self) -> Subscription:
        proof = consent.Proof("essai")
        return consent.subscribe(parse("ada@example.org"), factories.NAME, Wish("tout"), proof, now=NOW)

    def test_a_press_always_works_and_what_it_was_taken_for_is_kept(
        self, client: Client, site: Site, asked: Subscription
    ) -> None:
        scanner = {"user-agent": "BarracudaCentral/1.0"}
        client.get(link("canary", asked), headers=scanner)
        client.get(link("confirm", asked), headers=scanner)
        client.head(link("confirm", asked))
        client.post(link("confirm", asked), headers=scanner)
        asked.refresh_from_db()
        assert asked.status == Status.ACTIVE
        seen = [(one.purpose, one.how, one.verdict) for one in Visit.objects.order_by("pk")]
        assert seen == [
            ("canary", "canary", "machine"),
            ("confirm", "opened", "machine"),
            ("confirm", "opened", "machine"),
            ("confirm", "pressed", "machine"),
        ]
        assert all(one.why for one in Visit.objects.all())

    def test_a_person_is_taken_for_one(self, client: Client, site: Site, asked: Subscription) -> None:
        browser = {"user-agent": "Mozilla/5.0 Firefox/128.0", "accept-language": "fr", "x-forwarded-for": "192.0.2.77"}
        client.post(link("confirm", asked), headers=browser)
        visit = Visit.objects.get()
        assert (visit.verdict, visit.ip_truncated, visit.season) == ("person", "192.0.2.0", factories.NAME)

    def test_the_hidden_link_says_that_it_is_for_nobody(self, client: Client, site: Site, asked: Subscription) -> None:
        for path in (link("canary", asked), expired("canary", asked)):
            answer = client.get(path)
            assert answer.status_code == 200
            assert "Ce lien n’est pas destiné aux personnes" in answer.content.decode()
        asked.refresh_from_db()
        assert asked.status == Status.PENDING

    def test_an_expired_link_leads_back_to_the_form(self, client: Client, site: Site, asked: Subscription) -> None:
        for answer in (client.get(expired("confirm", asked)), client.post(expired("confirm", asked))):
            assert answer.status_code == 410
            assert html.fromstring(answer.content).xpath(f"//main//a[@href='/{factories.NAME}/inscription/']")
        asked.refresh_from_db()
        assert asked.status == Status.PENDING

    def test_what_is_shown_after_it_leads_to_the_preferences(
        self, client: Client, site: Site, asked: Subscription
    ) -> None:
        page = html.fromstring(client.post(link("confirm", asked)).content)
        (path,) = page.xpath("//main//a[starts-with(@href, '/preferences/')]/@href")
        assert client.get(path).status_code == 200


class TestMoving:
    def test_the_new_mailbox_confirms_by_a_press(self, client: Client, site: Site, reader: Subscription) -> None:
        move = moves.ask(factories.NAME, reader.person.public_id, parse("ines@commune.example"), now=NOW)
        assert move is not None
        path = addresses.move_path(tokens.make("move", factories.NAME, move.public_id, now=NOW))
        assert client.get(path).status_code == 200
        reader.person.refresh_from_db()
        assert reader.person.email == "ines@example.org"
        for _ in range(2):
            assert "Votre adresse est changée" in client.post(path).content.decode()
        reader.person.refresh_from_db()
        assert reader.person.email == "ines@commune.example"

    def test_a_change_that_was_dropped_or_expired_changes_nothing(
        self, client: Client, site: Site, reader: Subscription
    ) -> None:
        move = moves.ask(factories.NAME, reader.person.public_id, parse("ines@commune.example"), now=NOW)
        assert move is not None
        old = tokens.make("move", factories.NAME, move.public_id, now=NOW - dt.timedelta(days=3))
        assert client.post(addresses.move_path(old)).status_code == 410
        moves.ask(factories.NAME, reader.person.public_id, parse("ines@autre.example"), now=NOW)
        dropped = tokens.make("move", factories.NAME, move.public_id, now=NOW)
        assert client.post(addresses.move_path(dropped)).status_code == 404
        reader.person.refresh_from_db()
        assert reader.person.email == "ines@example.org"


class TestRenewing:
    @pytest.fixture(autouse=True)
    def _asked(self, reader: Subscription) -> None:
        Subscription.objects.update(renewal_at=NOW)

    def test_a_press_keeps(self, client: Client, site: Site, reader: Subscription) -> None:
        assert "rien ne change" in client.post(link("renew", reader), {"action": "keep"}).content.decode()
        reader.refresh_from_db()
        assert (reader.status, reader.renewal_at) == (Status.ACTIVE, None)
        assert Consent.objects.filter(event=Event.RENEWED).count() == 1

    def test_another_leaves(self, client: Client, site: Site, reader: Subscription) -> None:
        client.post(link("renew", reader), {"action": "leave"})
        assert has_left(reader)
        assert client.post(link("renew", reader), {"action": "keep"}).status_code == 409

    def test_an_expired_link_leads_to_the_form(self, client: Client, site: Site, reader: Subscription) -> None:
        answer = client.post(expired("renew", reader), {"action": "keep"})
        assert answer.status_code == 410
        assert f"/{factories.NAME}/inscription/" in answer.content.decode()


def test_no_page_of_a_reader_sets_a_cookie(site: Site, reader: Subscription) -> None:
    browser = Client(enforce_csrf_checks=True)
    season = f"/{factories.NAME}"
    move = moves.ask(factories.NAME, reader.person.public_id, parse("ines@commune.example"), now=NOW)
    assert move is not None
    paths = [
        "/", f"{season}/", f"{season}/inscription/", f"{season}/inscription/merci/", f"{season}/inscription/cadre/",
        f"{season}/inscription/cadre/merci/", f"{season}/inscription/code/", f"{season}/lien/", f"{season}/lien/merci/",
        "/vie-privee/", addresses.move_path(tokens.make("move", factories.NAME, move.public_id, now=NOW)),
        *(link(purpose, reader) for purpose in PURPOSES if purpose != "unsubscribe"), expired("preferences", reader),
        f"{link('preferences', reader)}effacement/", link("unsubscribe", reader), "/l/x/",
    ]  # fmt: skip
    for path in paths:
        for answer in (browser.get(path), browser.post(path, {"email": "ada@example.org"})):
            assert answer.status_code < 500
            assert "Set-Cookie" not in answer
            assert not answer.cookies
    assert not browser.cookies


def test_the_links_of_an_erased_person_lead_nowhere_and_bring_nobody_back(
    client: Client, site: Site, reader: Subscription
) -> None:
    rights.erase_person(reader.person.public_id, now=NOW)
    for purpose in ("confirm", "renew"):
        assert client.post(link(purpose, reader)).status_code == 409
    assert client.post(link("unsubscribe", reader), {"action": "resubscribe"}).status_code == 409
    assert client.get(link("canary", reader)).status_code == 200
    assert not Visit.objects.exists()
    assert not SignUp.objects.exists()
    assert not Subscription.objects.filter(status=Status.ACTIVE).exists()
