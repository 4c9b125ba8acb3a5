"""The page of one person: every part of it does what it says, once, and says so."""

from __future__ import annotations

import datetime as dt
import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from lxml import html

from pipeline import clock, limits
from pipeline.audience import consent, suppression, tokens
from pipeline.audience.addresses import parse
from pipeline.audience.models import CatchUp, Move, Person, SignUp, Status, Subscription
from pipeline.audience.wishes import Profile, Wish
from pipeline.delivery.models import Outgoing
from pipeline.release import addresses
from pipeline.season.season import Choice, Term
from tests.redis_server import redis_server
from tests.web import factories
from tests.web.conftest import Site

pytestmark = pytest.mark.django_db

NOW = dt.datetime(2020, 1, 10, 9, tzinfo=dt.UTC)


@pytest.fixture(autouse=True)
def _time() -> Iterator[None]:
    with clock.simulated(lambda: NOW):
        yield


@pytest.fixture
def site(site: Site) -> Site:
    season = factories.season(
        roles=(Term("elue", "élue ou élu"),),
        themes=(Term("eau", "Eau"), Term("air", "Air")),
        choices=(Choice("tout", "Toutes les fiches"), Choice("themes", "Mes thèmes", pick_themes=True)),
    )
    site.pages[factories.NAME] = replace(site.page, season=season)
    return site


@pytest.fixture
def reader() -> Subscription:
    return subscribed("ines@example.org")


def subscribed(address: str, season: str = factories.NAME) -> Subscription:
    told = Profile("Inès", "Mairie", "elue", "", "56")
    asked = consent.subscribe(parse(address), season, Wish("tout"), consent.Proof("essai"), now=NOW, profile=told)
    return consent.confirm(season, asked.person.public_id, now=NOW)


def path(reader: Subscription, *, made: dt.datetime = NOW) -> str:
    return addresses.preferences_path(tokens.make("preferences", reader.season, reader.person.public_id, now=made))


def act(client: Client, reader: Subscription, action: str, **written: Any) -> HttpResponse:
    """Press the button; follow where it leads."""
    shown: HttpResponse = client.post(path(reader), {"action": action, **written}, follow=True)
    reader.refresh_from_db()
    return shown


def said(answer: HttpResponse) -> str:
    """What the page says of what was just done."""
    (notice,) = html.fromstring(answer.content).xpath("//*[@role='status']")
    return str(notice.text_content())


def test_the_page_shows_what_holds(client: Client, site: Site, reader: Subscription) -> None:
    page = html.fromstring(client.get(path(reader)).content)
    assert page.xpath("//input[@type='radio'][@checked]/@value")[:2] == ["tout", "each"]
    assert page.xpath("//input[@name='name']/@value") == ["Inès"]
    assert page.xpath("//select/option[@selected]/@value") == ["elue", "56"]
    assert "ines@example.org" in page.text_content()


def test_every_form_names_one_action_and_none_is_left_out(client: Client, site: Site, reader: Subscription) -> None:
    page = html.fromstring(client.get(path(reader)).content)
    actions = [form.xpath(".//button[@name='action']/@value") for form in page.xpath("//main//form")]
    assert actions == [
        ["choices"],
        ["pause"],
        ["catch-up"],
        ["move"],
        ["profile"],
        ["download-csv", "download-json"],
        ["leave"],
    ]


def test_ids_are_unique(client: Client, site: Site, reader: Subscription) -> None:
    ids = html.fromstring(client.get(path(reader)).content).xpath("//@id")
    assert len(ids) == len(set(ids))


def test_choices_are_changed_and_shown_again(client: Client, site: Site, reader: Subscription) -> None:
    answer = act(client, reader, "choices", choice="themes", themes=["eau"], rhythm="monthly")
    assert said(answer) == "Votre choix est enregistré."
    assert Wish.of(reader) == Wish("themes", ("eau",), "monthly")
    checked = html.fromstring(answer.content).xpath("//input[@checked]/@value")
    assert checked[:3] == ["themes", "eau", "monthly"]


@pytest.mark.parametrize(
    "written", [{}, {"choice": "inconnu", "rhythm": "each"}, {"choice": "tout\0", "rhythm": "each"}, {"choice": "themes", "rhythm": "each"}]
)  # fmt: skip
def test_choices_that_the_season_does_not_have_are_refused(
    client: Client, site: Site, reader: Subscription, written: dict[str, str]
) -> None:
    answer = act(client, reader, "choices", **written)
    assert answer.status_code == 422
    assert b"<title>Erreur" in answer.content
    assert Wish.of(reader) == Wish("tout")


def test_who_somebody_is_changes_without_their_choices(client: Client, site: Site, reader: Subscription) -> None:
    answer = act(client, reader, "profile", name="Inès Morel", organisation="", role="", department="75")
    assert "enregistré" in said(answer)
    person = Person.objects.get()
    assert (person.name, person.organisation, reader.role, reader.department) == ("Inès Morel", "", "", "75")
    assert Wish.of(reader) == Wish("tout")


def test_what_the_season_no_longer_asks_for_stays(client: Client, site: Site, reader: Subscription) -> None:
    site.pages[factories.NAME] = replace(site.page, season=replace(site.page.season, roles=()))
    act(client, reader, "profile", name="Inès", organisation="", department="75", role="reine")
    assert (reader.role, reader.department) == ("elue", "75")


class TestPausing:
    def test_a_pause_ends_at_midnight_where_the_season_is(
        self, client: Client, site: Site, reader: Subscription
    ) -> None:
        answer = act(client, reader, "pause", until="2020-07-01")
        assert "pause" in said(answer)
        assert "mercredi 1er juillet 2020" in answer.content.decode()
        held = suppression.pause(reader.person, factories.NAME, now=NOW)
        assert held is not None
        assert held.until == dt.datetime(2020, 6, 30, 22, tzinfo=dt.UTC)  # Paris, in summer

    def test_it_is_ended_by_a_press(self, client: Client, site: Site, reader: Subscription) -> None:
        act(client, reader, "pause", until="2020-07-01")
        assert "finie" in said(act(client, reader, "resume"))
        assert suppression.pause(reader.person, factories.NAME, now=NOW) is None

    def test_a_date_written_as_the_french_do_is_read(self, client: Client, site: Site, reader: Subscription) -> None:
        assert "pause" in said(act(client, reader, "pause", until="01/07/2020"))

    @pytest.mark.parametrize(
        "until", ["", "demain", "2020-01-10", "2019-12-31", "2021-02-01", "0001-01-01", "9999-12-31"]
    )
    def test_a_date_that_will_not_do_is_said_so(
        self, client: Client, site: Site, reader: Subscription, until: str
    ) -> None:
        answer = act(client, reader, "pause", until=until)
        assert answer.status_code == 422
        assert "un an au plus" in answer.content.decode()
        assert suppression.pause(reader.person, factories.NAME, now=NOW) is None


class TestChangingTheAddress:
    def test_the_new_mailbox_is_asked_and_nothing_changes_yet(
        self, client: Client, site: Site, reader: Subscription
    ) -> None:
        answer = act(client, reader, "move", email="ines@commune.example")
        assert "Regardez dans la nouvelle boîte" in said(answer)
        assert "ines@commune.example attend d’être confirmé" in answer.content.decode()
        assert Move.objects.get().mailbox == "ines@commune.example"
        assert set(Outgoing.objects.values_list("recipient", flat=True)) == {"ines@commune.example", "ines@example.org"}
        assert Person.objects.get().email == "ines@example.org"

    def test_what_was_asked_is_called_off_as_the_mail_to_the_old_mailbox_promises(
        self, client: Client, site: Site, reader: Subscription
    ) -> None:
        act(client, reader, "move", email="ines@commune.example")
        link = addresses.move_path(tokens.make("move", factories.NAME, Move.objects.get().public_id, now=NOW))
        assert "Le changement d’adresse est annulé" in said(act(client, reader, "stay"))
        assert client.post(link).status_code == 404
        assert (Move.objects.count(), Person.objects.get().email) == (0, "ines@example.org")
        assert "attend d’être confirmé" not in client.get(path(reader)).content.decode()

    def test_whether_somebody_has_it_is_not_told(self, client: Client, site: Site, reader: Subscription) -> None:
        subscribed("ada@example.org")
        known = act(client, reader, "move", email="ada@example.org").content
        Move.objects.all().delete()
        unknown = act(client, reader, "move", email="eve@example.org").content
        assert known.replace(b"ada@", b"eve@") == unknown

    def test_a_slip_is_asked_about(self, client: Client, site: Site, reader: Subscription) -> None:
        answer = act(client, reader, "move", email="ines@gmial.com")
        assert "ines@gmail.com" in answer.content.decode()
        assert not Move.objects.exists()
        act(client, reader, "move", email="ines@gmial.com", asked="ines@gmial.com", correction="ines@gmail.com")
        assert Move.objects.get().mailbox == "ines@gmail.com"

    def test_one_link_does_not_write_to_many_mailboxes(
        self, client: Client, site: Site, reader: Subscription, settings: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(limits, "_rest", limits._Rest())
        with redis_server() as url:
            settings.KIT = replace(settings.KIT, redis_url=url)
            statuses = [act(client, reader, "move", email=f"p{n}@commune.example").status_code for n in range(7)]
        assert statuses == [200] * 5 + [429] * 2


class TestCatchingUp:
    def test_the_season_from_its_start_is_asked_for_and_stopped(
        self, client: Client, site: Site, reader: Subscription
    ) -> None:
        answer = act(client, reader, "catch-up", rhythm="fortnightly")
        assert "C’est noté" in said(answer)
        running = CatchUp.objects.get()
        assert (running.rhythm, running.ended_at) == ("fortnightly", None)
        assert running.next_at > NOW
        assert "toutes les deux semaines" in answer.content.decode()
        assert "arrêté" in said(act(client, reader, "stop-catching-up"))
        assert CatchUp.objects.get().end == "stopped"

    def test_a_rhythm_that_there_is_not_is_refused(self, client: Client, site: Site, reader: Subscription) -> None:
        assert act(client, reader, "catch-up", rhythm="daily").status_code == 422
        assert not CatchUp.objects.exists()

    def test_the_link_of_the_welcome_leads_to_it(self, client: Client, site: Site, reader: Subscription) -> None:
        anchor = addresses.catch_up_path("x").partition("#")[2]
        page = html.fromstring(client.get(path(reader)).content)
        assert page.get_element_by_id(anchor).xpath(".//button[@value='catch-up']")


class TestWhatIsKept:
    def test_all_of_it_is_downloaded(self, client: Client, site: Site, reader: Subscription) -> None:
        answer = act(client, reader, "download-json")
        assert answer["Content-Type"] == "application/json"
        assert "attachment" in answer["Content-Disposition"]
        assert "no-store" in answer["Cache-Control"]
        assert "ines@example.org" in json.dumps(json.loads(answer.content), ensure_ascii=False)
        tables = zipfile.ZipFile(io.BytesIO(act(client, reader, "download-csv").content))
        assert any(b"ines@example.org" in tables.read(name) for name in tables.namelist())

    def test_it_is_erased_on_a_page_of_its_own(self, client: Client, site: Site, reader: Subscription) -> None:
        page = html.fromstring(client.get(path(reader)).content)
        (erasure,) = page.xpath("//a[contains(@href, '/effacement/')]/@href")
        assert "ne peut pas être annulé" in client.get(erasure).content.decode()
        assert Person.objects.get().email
        for _ in range(2):
            assert "Tout est effacé" in client.post(erasure).content.decode()
        assert Person.objects.get().email == ""
        shown = client.get(path(reader))
        assert shown.status_code == 200
        assert "Vous ne recevez pas ces courriels" in shown.content.decode()
        assert "download" not in shown.content.decode()

    def test_who_has_left_still_gets_at_what_is_kept(self, client: Client, site: Site, reader: Subscription) -> None:
        act(client, reader, "leave")
        assert "download-json" in client.get(path(reader)).content.decode()
        assert act(client, reader, "download-json").status_code == 200


class TestLeaving:
    def test_leaves_this_list(self, client: Client, site: Site, reader: Subscription) -> None:
        other = subscribed("ines@example.org", "autre-2021")
        assert "vous ne recevrez plus ces courriels" in act(client, reader, "leave").content.decode()
        other.refresh_from_db()
        assert (reader.status, other.status) == (Status.ENDED, Status.ACTIVE)

    def test_leaves_every_list_where_there_are_several(self, client: Client, site: Site, reader: Subscription) -> None:
        assert "leave-all" not in client.get(path(reader)).content.decode()
        other = subscribed("ines@example.org", "autre-2021")
        assert "leave-all" in client.get(path(reader)).content.decode()
        act(client, reader, "leave-all")
        other.refresh_from_db()
        assert (reader.status, other.status) == (Status.ENDED, Status.ENDED)

    @pytest.mark.parametrize(
        ("action", "written"),
        [
            ("choices", {"choice": "themes", "themes": "eau", "rhythm": "each"}),
            ("profile", {}),
            ("pause", {"until": "2020-07-01"}),
            ("resume", {}),
            ("move", {"email": "ines@commune.example"}),
            ("catch-up", {"rhythm": "weekly"}),
        ],
    )
    def test_nothing_more_is_done_for_who_has_left(
        self, client: Client, site: Site, reader: Subscription, action: str, written: dict[str, str]
    ) -> None:
        act(client, reader, "leave")
        answer = act(client, reader, action, **written)
        assert answer.status_code == 409
        assert "Vous ne recevez pas ces courriels" in answer.content.decode()
        assert not Move.objects.exists()
        assert not CatchUp.objects.exists()


class TestAnExpiredLink:
    OLD = NOW - dt.timedelta(days=190)

    def test_opens_nothing_and_sends_a_new_one_to_the_mailbox(
        self, client: Client, site: Site, reader: Subscription
    ) -> None:
        old = path(reader, made=self.OLD)
        shown = client.get(old)
        assert shown.status_code == 410
        assert "ines@" not in shown.content.decode()
        assert client.post(old, {"action": "leave"}).status_code == 200
        row = SignUp.objects.get()
        assert (row.wants, row.mailbox) == ("link", "ines@example.org")
        reader.refresh_from_db()
        assert reader.status == Status.ACTIVE

    def test_erases_nothing(self, client: Client, site: Site, reader: Subscription) -> None:
        client.post(f"{path(reader, made=self.OLD)}effacement/")
        assert Person.objects.get().email == "ines@example.org"


def test_a_button_that_there_is_not_changes_nothing(client: Client, site: Site, reader: Subscription) -> None:
    answer = act(client, reader, "sudo")
    assert answer.status_code == 422
    assert "Rien n’a été changé" in answer.content.decode()


def test_what_the_page_says_was_done_is_one_of_its_own_sentences(
    client: Client, site: Site, reader: Subscription
) -> None:
    answer = client.get(f"{path(reader)}?fait=<b>piraté</b>")
    assert "piraté" not in answer.content.decode()


def test_one_leaves_when_the_season_is_no_longer_shown(client: Client, site: Site, reader: Subscription) -> None:
    site.pages.clear()
    assert client.get(path(reader)).status_code == 200
    assert act(client, reader, "pause", until="2020-07-01").status_code == 409
    act(client, reader, "leave")
    assert reader.status == Status.ENDED
