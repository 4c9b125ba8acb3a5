"""Odd and hostile texts in every field of the form: each is taken and shown as the text it is, or refused for a reason."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest
from django.http import HttpResponse
from django.test import Client
from lxml import html

from pipeline import clock
from pipeline.audience.models import SignUp
from pipeline.season.season import Choice, Term
from pipeline.web.reader import gate
from tests.databases import database, descriptions  # noqa: F401 - fixtures
from tests.hostile_strings import BY_KIND, CASES
from tests.web import factories
from tests.web.conftest import Site

HERE = f"/{factories.NAME}/inscription/"
NOW = dt.datetime(2020, 1, 10, 9, tzinfo=dt.UTC)
LINES = ("name", "organisation")
CHOSEN = ("choice", "rhythm", "role", "territory", "department", "themes")


@pytest.fixture
def site(site: Site) -> Site:
    season = factories.season(
        roles=(Term("elue", "élue ou élu"),),
        themes=(Term("eau", "Eau"),),
        choices=(Choice("tout", "Toutes les fiches"), Choice("themes", "Mes thèmes", pick_themes=True)),
    )
    site.pages[factories.NAME] = replace(site.page, season=season)
    return site


def post(client: Client, **written: str | bytes) -> HttpResponse:
    """As a browser would encode it, and as none would: halves of pairs and bytes that are no UTF-8 pass."""
    moment = gate.stamp(f"{factories.NAME}/inscription", now=NOW - dt.timedelta(seconds=30))
    pairs = {gate.TRAP: moment, **written}
    body = "&".join(f"{name}={quote(_bytes(value), safe='')}" for name, value in pairs.items())
    with clock.simulated(lambda: NOW):
        answer: HttpResponse = client.post(HERE, body, "application/x-www-form-urlencoded")
    return answer


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode("utf-8", "surrogatepass")


def tags(page: Any) -> list[tuple[str, list[str]]]:
    """What a page is made of, without its texts and values, and without what is said of errors."""
    for told in page.xpath("//*[@class='error' or @class='problems']"):
        told.getparent().remove(told)
    return [
        (one.tag, sorted(set(one.keys()) - {"aria-invalid", "aria-describedby"}))
        for one in page.iter(html.etree.Element)
    ]  # type: ignore[attr-defined]


def test_there_are_at_least_five_hundred() -> None:
    assert len({case.text for case in CASES}) >= 500
    assert {case.accepted for case in CASES} == {True, False}


@pytest.mark.parametrize("kind", BY_KIND)
@pytest.mark.django_db
def test_every_text_is_judged_as_the_rules_say_and_shown_as_text(client: Client, site: Site, kind: str) -> None:
    """Each in all fields at once, so that the form comes back with what was written in it."""
    plain = tags(html.fromstring(post(client, email="x", name="Ada", organisation="Mairie", choice="?").content))
    wrong = []
    for case in BY_KIND[kind]:
        answer = post(client, email=case.text, **dict.fromkeys((*LINES, *CHOSEN), case.text))
        page = html.fromstring(answer.content.replace(b"\x00", b""))
        refused = {link.get("href").removeprefix("#") for link in page.xpath("//*[@class='problems']//a")}
        expected = {"choice", "rhythm"} | (set() if case.address else {"email"})
        expected |= set() if case.accepted else set(LINES)
        expected |= {"themes"} | ({"role", "territory", "department"} if case.text else set())
        shown = page.get_element_by_id("name").get("value")
        if answer.status_code != 422 or refused != expected or tags(page) != plain:
            wrong.append((case, answer.status_code, refused ^ expected))
        elif case.accepted and "\r" not in case.text and shown != case.text:
            wrong.append((case, "shown", shown))
    assert wrong == []


def test_every_database_keeps_it(database: str) -> None:  # noqa: F811
    kept = [case.kept for case in CASES if case.accepted]
    SignUp.objects.bulk_create(
        SignUp(
            season="essai", mailbox="ada@commune.example", key="ada@commune.example", name=text, source="essai", at=NOW
        )
        for text in kept
    )
    assert list(SignUp.objects.order_by("pk").values_list("name", flat=True)) == kept


@pytest.mark.parametrize("raw", [b"\xff", b"Ada\xc3", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"B\xe9ganne"])
@pytest.mark.django_db
def test_bytes_that_are_no_text_are_refused(client: Client, site: Site, raw: bytes) -> None:
    answer = post(client, email="ada@commune.example", choice="tout", rhythm="each", name=raw)
    assert answer.status_code == 422
    assert 'href="#name"' in answer.content.decode()
