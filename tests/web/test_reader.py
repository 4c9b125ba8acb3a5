from __future__ import annotations

import datetime as dt
import uuid

import pytest
from django.test import Client
from lxml import html

from pipeline.audience import consent, tokens
from pipeline.audience.addresses import parse
from pipeline.audience.models import Consent, Event, Status, Subscription, Suppression
from pipeline.audience.wishes import Wish
from pipeline.release import addresses
from tests.web import factories
from tests.web.conftest import Site

pytestmark = pytest.mark.django_db

NOW = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)


@pytest.fixture
def reader() -> Subscription:
    """Somebody who gets everything."""
    asked = consent.subscribe(parse("ines@example.org"), factories.NAME, Wish("tout"), consent.Proof("essai"), now=NOW)
    return consent.confirm(factories.NAME, asked.person.public_id, now=NOW)


def link(purpose: tokens.Purpose, reader: Subscription) -> str:
    path = {
        "unsubscribe": addresses.unsubscribe_path,
        "preferences": addresses.preferences_path,
        "confirm": addresses.confirm_path,
    }[purpose]
    return path(tokens.make(purpose, reader.season, reader.person.public_id))


def has_left(reader: Subscription) -> bool:
    reader.refresh_from_db()
    return reader.status == Status.ENDED and Suppression.objects.filter(person=reader.person).exists()


@pytest.mark.parametrize("purpose", ["unsubscribe", "preferences", "confirm"])
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
    assert Consent.objects.get(event=Event.WITHDRAWN).source == "one-click"


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


@pytest.mark.parametrize("folder", ["desabonnement", "preferences", "confirmation"])
@pytest.mark.parametrize("token", ["x", "A" * 44, "é", "%00", "..", "a" * 4000])
@pytest.mark.parametrize("method", ["get", "post"])
def test_a_bad_link_says_so_and_changes_nothing(
    client: Client, site: Site, reader: Subscription, folder: str, token: str, method: str
) -> None:
    answer = getattr(client, method)(f"/{folder}/{token}/")
    assert answer.status_code == 404
    assert not has_left(reader)


def test_a_link_for_one_purpose_serves_no_other(client: Client, site: Site, reader: Subscription) -> None:
    token = tokens.make("preferences", reader.season, reader.person.public_id)
    answer = client.post(addresses.unsubscribe_path(token))
    assert answer.status_code == 404
    assert "Ce lien ne fonctionne pas" in answer.content.decode()
    assert not has_left(reader)


def test_a_signed_link_to_nobody_says_that_it_does_not_work(client: Client, site: Site) -> None:
    token = tokens.make("unsubscribe", factories.NAME, uuid.uuid4())
    assert client.post(addresses.unsubscribe_path(token)).status_code == 404


@pytest.mark.parametrize("purpose", ["unsubscribe", "preferences", "confirm"])
def test_personal_pages_are_kept_by_no_cache_and_listed_nowhere(
    client: Client, site: Site, reader: Subscription, purpose: tokens.Purpose
) -> None:
    for answer in (client.get(link(purpose, reader)), client.get("/desabonnement/x/")):
        assert "no-store" in answer["Cache-Control"]
        assert "noindex" in answer["X-Robots-Tag"]


def test_the_preferences_show_the_choice_in_force(client: Client, site: Site, reader: Subscription) -> None:
    page = html.fromstring(client.get(link("preferences", reader)).content)
    assert page.xpath("//input[@type='radio'][@checked]/@value") == ["tout"]


def test_a_choice_is_changed_and_said_so(client: Client, site: Site, reader: Subscription) -> None:
    answer = client.post(link("preferences", reader), {"choice": "final"})
    assert "Votre choix est enregistré." in answer.content.decode()
    page = html.fromstring(answer.content)
    assert page.xpath("//input[@type='radio'][@checked]/@value") == ["final"]
    reader.refresh_from_db()
    assert reader.choice == "final"


@pytest.mark.parametrize("data", [{}, {"choice": ""}, {"choice": "inconnu"}, {"choice": "tout\0"}])
def test_a_choice_that_the_season_does_not_have_is_refused(
    client: Client, site: Site, reader: Subscription, data: dict[str, str]
) -> None:
    answer = client.post(link("preferences", reader), data)
    assert answer.status_code == 422
    assert "Cochez un des choix" in answer.content.decode()
    reader.refresh_from_db()
    assert reader.choice == "tout"


def test_one_leaves_from_the_preferences_too(client: Client, site: Site, reader: Subscription) -> None:
    assert client.post(link("preferences", reader), {"leave": "1"}).status_code == 200
    assert has_left(reader)
    assert "Vous ne recevez pas ces courriels" in client.get(link("preferences", reader)).content.decode()
    assert client.post(link("preferences", reader), {"choice": "final"}).status_code == 409


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


@pytest.mark.parametrize("purpose", ["preferences", "confirm"])
def test_other_forms_are_taken_only_from_our_own_page(
    site: Site, reader: Subscription, purpose: tokens.Purpose
) -> None:
    answer = Client(enforce_csrf_checks=True).post(link(purpose, reader), {"choice": "final"})
    assert answer.status_code == 403
    assert "Ce formulaire a expiré" in answer.content.decode()
    reader.refresh_from_db()
    assert reader.choice == "tout"


def test_a_form_sent_from_our_own_page_passes(site: Site, reader: Subscription) -> None:
    browser = Client(enforce_csrf_checks=True)
    page = html.fromstring(browser.get(link("preferences", reader)).content)
    token = page.xpath("//input[@name='csrfmiddlewaretoken']/@value")[0]
    answer = browser.post(link("preferences", reader), {"choice": "final", "csrfmiddlewaretoken": token})
    assert answer.status_code == 200


@pytest.mark.parametrize("method", ["put", "delete", "patch"])
def test_other_methods_are_refused(client: Client, site: Site, reader: Subscription, method: str) -> None:
    assert getattr(client, method)(link("unsubscribe", reader)).status_code == 405
    assert not has_left(reader)
