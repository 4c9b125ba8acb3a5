from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest
from django.conf import settings
from django.test import Client
from django.urls import resolve

from pipeline.release import addresses
from tests.web import factories
from tests.web.conftest import KIT, Site

ATOM = "{http://www.w3.org/2005/Atom}"
PICTURE = addresses.image_path(factories.PICTURE, "image/png")


def test_a_file_of_the_kit_is_downloaded_whole(client: Client, site: Site) -> None:
    answer = client.get(addresses.kit_path(factories.NAME, "kit.pdf"))
    assert answer.content == KIT
    assert answer["Content-Type"] == "application/pdf"
    assert answer["Content-Disposition"] == f'attachment; filename="{factories.NAME}-kit.pdf"'
    assert answer["ETag"] == f'"{hashlib.sha256(KIT).hexdigest()}"'
    assert "sandbox" in answer["Content-Security-Policy"]
    assert answer["X-Content-Type-Options"] == "nosniff"


def test_a_file_that_the_reader_has_is_not_sent_again(client: Client, site: Site) -> None:
    path = addresses.kit_path(factories.NAME, "kit.pdf")
    assert client.get(path, HTTP_IF_NONE_MATCH=client.get(path)["ETag"]).status_code == 304


@pytest.mark.parametrize("name", ["kit.epub", "kit.exe", "..%2f..%2fsettings.py", "%00", "KIT.PDF"])
def test_what_is_not_in_the_kit_is_not_found(client: Client, site: Site, name: str) -> None:
    assert client.get(f"/{factories.NAME}/kit/{name}").status_code == 404


def test_a_picture_is_kept_for_good(client: Client, site: Site) -> None:
    answer = client.get(PICTURE)
    assert answer["Content-Type"] == "image/png"
    assert "immutable" in answer["Cache-Control"]
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert client.get(PICTURE, HTTP_IF_NONE_MATCH=answer["ETag"]).status_code == 304


def test_a_picture_drawn_as_svg_runs_nothing(client: Client, site: Site) -> None:
    site.images[factories.PICTURE] = ("image/svg+xml", b"<svg/>")
    policy = client.get(addresses.image_path(factories.PICTURE, "image/svg+xml"))["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy


def test_a_picture_that_no_release_shows_is_not_found_and_not_remembered_as_missing(client: Client, site: Site) -> None:
    site.images.clear()
    answer = client.get(PICTURE)
    assert answer.status_code == 404
    assert answer["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "path",
    [PICTURE.replace(".png", ".svg"), PICTURE.replace(".png", ""), PICTURE.upper(), "/images/ab.png", PICTURE + "/"],
)
def test_a_picture_has_one_address(client: Client, site: Site, path: str) -> None:
    assert client.get(path).status_code == 404


def test_the_calendar_is_a_calendar(client: Client, site: Site) -> None:
    answer = client.get(addresses.calendar_path(factories.NAME))
    assert answer["Content-Type"] == "text/calendar; charset=utf-8"
    assert answer.content.startswith(b"BEGIN:VCALENDAR")


def test_the_mail_is_shown_as_it_left_and_runs_nothing(client: Client, site: Site) -> None:
    answer = client.get(f"/{factories.NAME}/envois/lancement/mail.html")
    assert answer.content.decode() == factories.release().html
    policy = answer["Content-Security-Policy"]
    assert "sandbox" in policy
    assert "script" not in policy
    assert "frame-ancestors 'none'" in policy


def test_robots_stay_away_from_personal_links(client: Client) -> None:
    answer = client.get("/robots.txt")
    assert answer["Content-Type"].startswith("text/plain")
    assert b"Disallow: /desabonnement/" in answer.content


def feed(client: Client) -> ET.Element:
    answer = client.get(addresses.feed_path(factories.NAME))
    assert answer["Content-Type"] == "application/atom+xml; charset=utf-8"
    return ET.fromstring(answer.content)


def test_the_feed_has_an_entry_for_each_released_fiche(client: Client, site: Site) -> None:
    entries = feed(client).findall(f"{ATOM}entry")
    assert [entry.findtext(f"{ATOM}id") for entry in entries] == [
        f"tag:kit.example.org,2020:{factories.NAME}/fiches/{slug}" for slug in ("jumelle", "toits")
    ]
    assert entries[1].findtext(f"{ATOM}updated") == "2020-01-22T08:00:03+00:00"


def test_the_links_of_the_feed_are_absolute(client: Client, site: Site) -> None:
    links = [link.get("href", "") for link in feed(client).iter(f"{ATOM}link")]
    assert settings.KIT.base_url + addresses.fiche_path(factories.NAME, "toits") in links
    assert all(link.startswith(settings.KIT.base_url + "/") for link in links)


def test_a_correction_moves_the_date_of_its_entry_and_keeps_its_name(client: Client, site: Site) -> None:
    before = feed(client)
    fixed = factories.public_fiche(factories.corrected(factories.fiche()))
    site.pages[factories.NAME] = replace(site.page, fiches=(fixed, *site.page.fiches[1:]))
    after = feed(client)
    ids = [{e.findtext(f"{ATOM}id") for e in one.findall(f"{ATOM}entry")} for one in (before, after)]
    assert ids[0] == ids[1]
    assert after.findtext(f"{ATOM}updated") == "2020-05-04T09:00:00+02:00"


def test_a_correction_before_the_release_does_not_date_it_back(client: Client, site: Site) -> None:
    early = replace(
        factories.corrected(factories.fiche()),
        corrections=(replace(factories.corrected(factories.fiche()).corrections[0], date=dt.date(2019, 1, 1)),),
    )
    site.pages[factories.NAME] = replace(site.page, fiches=(factories.public_fiche(early),))
    assert feed(client).findtext(f"{ATOM}updated") == "2020-01-22T08:00:03+00:00"


def test_a_feed_without_entries_is_the_same_each_time(client: Client, site: Site) -> None:
    site.pages[factories.NAME] = replace(site.page, fiches=())
    assert feed(client).findtext(f"{ATOM}updated") == "2020-01-22T09:00:00+01:00"


@pytest.mark.parametrize(
    "path",
    [
        addresses.season_path("a"),
        addresses.fiche_path("a", "b"),
        addresses.release_path("a", "b"),
        addresses.kit_path("a", "kit.pdf"),
        addresses.calendar_path("a"),
        addresses.feed_path("a"),
        addresses.image_path("0" * 64, "image/svg+xml"),
        addresses.unsubscribe_path("t"),
        addresses.preferences_path("t"),
        addresses.confirm_path("t"),
    ],
)
def test_every_address_that_mails_and_kits_carry_leads_to_a_view(path: str) -> None:
    assert resolve(path).func
