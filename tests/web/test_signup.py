"""Signing up: what the form takes, what it says, and that it tells nobody anything."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from lxml import html

from pipeline import clock
from pipeline.audience import domains
from pipeline.audience.models import SignUp
from pipeline.season.season import Choice, Term
from pipeline.web.reader import gate
from pipeline.web.reader.information import INFORMATION_VERSION
from tests.web import factories
from tests.web.conftest import Site

pytestmark = pytest.mark.django_db

NOW = dt.datetime(2020, 1, 10, 9, tzinfo=dt.UTC)
HERE = f"/{factories.NAME}/inscription/"
FRAME = f"{HERE}cadre/"
LINK = f"/{factories.NAME}/lien/"


@pytest.fixture
def site(site: Site) -> Site:
    """The season, with everything that a form may ask."""
    season = factories.season(
        roles=(Term("elue", "élue ou élu"), Term("agent", "agent territorial")),
        territories=(Term("urbain", "Urbain"), Term("rural", "Rural")),
        themes=(Term("eau", "Eau"), Term("air", "Air")),
        choices=(Choice("tout", "Toutes les fiches"), Choice("themes", "Mes thèmes", pick_themes=True)),
    )
    site.pages[factories.NAME] = replace(site.page, season=season)
    return site


class Watch:
    """The time that the pages are told; a test moves it."""

    def __init__(self) -> None:
        self.now = NOW

    def later(self, **span: float) -> None:
        self.now += dt.timedelta(**span)


@pytest.fixture
def watch() -> Iterator[Watch]:
    made = Watch()
    with clock.simulated(lambda: made.now):
        yield made


def fields(answer: HttpResponse) -> dict[str, str]:
    """What a browser would send of the page's form, if nobody wrote anything."""
    form = html.fromstring(answer.content).xpath("//main//form")[0]
    return {name: value for name, value in form.form_values() if name is not None}


def press(client: Client, watch: Watch, path: str = HERE, /, *, wait: float = 10, **written: Any) -> HttpResponse:
    """Open the form, write, wait, press."""
    filled = {**fields(client.get(path)), "email": "ada@commune.example", **written}
    watch.later(seconds=wait)
    answer: HttpResponse = client.post(path, filled)
    return answer


def test_what_was_written_is_kept_for_the_workers_with_its_proof(client: Client, site: Site, watch: Watch) -> None:
    answer = press(
        client, watch, name="Ada Martin", organisation="Mairie de Béganne", role="elue", territory="rural",
        department="2A", choice="themes", themes=["eau", "air"], rhythm="monthly",
    )  # fmt: skip
    assert (answer.status_code, answer["Location"]) == (303, f"{HERE}merci/")
    row = SignUp.objects.get()
    assert (row.wants, row.season, row.mailbox) == ("subscribe", factories.NAME, "ada@commune.example")
    assert (row.name, row.organisation, row.role) == ("Ada Martin", "Mairie de Béganne", "elue")
    assert (row.territory, row.department) == ("rural", "2A")
    assert (row.choice, row.themes.split(), row.rhythm) == ("themes", ["air", "eau"], "monthly")
    assert (row.source, row.form, row.text_version) == ("formulaire", "inscription", INFORMATION_VERSION)
    assert (row.ip_truncated, row.at) == ("127.0.0.0", watch.now)


def test_an_address_alone_is_enough(client: Client, site: Site, watch: Watch) -> None:
    assert press(client, watch).status_code == 303
    row = SignUp.objects.get()
    assert (row.choice, row.rhythm, row.themes, row.name, row.role) == ("tout", "each", "", "", "")


def test_the_page_after_it_says_to_look_into_the_mailbox(client: Client, site: Site) -> None:
    page = html.fromstring(client.get(f"{HERE}merci/").content)
    assert "Regardez dans votre boîte de courriel" in page.xpath("string(//h1)")


def test_themes_count_only_where_the_choice_lets_people_pick(client: Client, site: Site, watch: Watch) -> None:
    press(client, watch, choice="tout", themes=["eau"])
    assert SignUp.objects.get().themes == ""


@pytest.mark.parametrize(
    ("written", "field", "said"),
    [
        ({"email": ""}, "email", "L’adresse est vide"),
        ({"email": "ada"}, "email", "@"),
        ({"email": "ada@exemple"}, "email", "domaine"),
        ({"email": "ada@commune.example\r\nBcc: tous@commune.example"}, "email", "invisible"),
        ({"choice": "inconnu"}, "choice", "Choisissez"),
        ({"choice": ""}, "choice", "Choisissez"),
        ({"choice": "themes"}, "themes", "au moins un thème"),
        ({"choice": "themes", "themes": ["feu"]}, "themes", "n’est pas proposé"),
        ({"rhythm": "daily"}, "rhythm", "rythme"),
        ({"role": "reine"}, "role", "n’est pas proposé"),
        ({"territory": "lune"}, "territory", "n’est pas proposé"),
        ({"department": "20"}, "department", "n’est pas proposé"),
        ({"name": "a" * 201}, "name", "201 caractères"),
        ({"organisation": "Mairie\x00"}, "organisation", "invisible"),
    ],
)
def test_an_error_stands_beside_its_field_and_nothing_is_lost(
    client: Client, site: Site, watch: Watch, written: dict[str, Any], field: str, said: str
) -> None:
    answer = press(client, watch, **{"name": "Ada", **written})
    assert answer.status_code == 422
    assert not SignUp.objects.exists()
    page = html.fromstring(answer.content.replace(b"\x00", b""))
    assert page.xpath("string(//title)").startswith("Erreur")
    (link,) = page.xpath(f"//div[@class='problems']//a[@href='#{field}']")
    assert said in link.text_content()
    control = page.get_element_by_id(field)
    described = control if control.get("aria-describedby") else control.xpath("ancestor::fieldset[1]")[0]
    (told,) = [one for one in described.get("aria-describedby").split() if one.startswith("erreur-")]
    assert said in page.get_element_by_id(told).text_content()
    kept = {"email": "ada@commune.example", "name": "Ada", **written}
    if not {"\x00", "\n"} & set("".join(map(str, kept.values()))):
        assert page.get_element_by_id("email").get("value") == kept["email"]
        assert page.get_element_by_id("name").get("value") == kept["name"]


def test_what_is_said_above_the_form_is_in_the_order_of_the_page(client: Client, site: Site, watch: Watch) -> None:
    wrong = {"email": "ada", "choice": "", "themes": ["feu"], "rhythm": "", "name": "a" * 201, "department": "20"}
    page = html.fromstring(press(client, watch, **wrong).content)
    links = page.xpath("//div[@class='problems']//a/@href")
    assert links == [f"#{name}" for name in wrong]
    assert sorted(map(page.get_element_by_id, wrong), key=list(page.iter()).index) == [
        page.get_element_by_id(name) for name in wrong
    ]


def test_more_themes_than_are_kept_are_refused_in_words(client: Client, site: Site, watch: Watch) -> None:
    many = tuple(Term(f"{'theme' * 15}-{number}", f"Thème {number}") for number in range(15))
    site.pages[factories.NAME] = replace(site.page, season=replace(site.page.season, themes=many))
    answer = press(client, watch, choice="themes", themes=[one.id for one in many])
    assert answer.status_code == 422
    assert "trop nombreux" in answer.content.decode()


def test_what_an_old_form_of_another_site_still_sends_keeps_nobody_out(
    client: Client, site: Site, watch: Watch
) -> None:
    plain = factories.season(roles=(), territories=(), themes=())
    site.pages[factories.NAME] = replace(site.page, season=plain)
    assert press(client, watch, themes=["eau"], role="elue", territory="rural").status_code == 303
    row = SignUp.objects.get()
    assert (row.themes, row.role, row.territory) == ("", "", "")


def test_fields_that_browsers_know_say_what_they_are(client: Client, site: Site) -> None:
    page = html.fromstring(client.get(HERE).content)
    known = {name: page.get_element_by_id(name).get("autocomplete") for name in ("email", "name", "organisation")}
    assert known == {"email": "email", "name": "name", "organisation": "organization"}


def test_everything_asked_is_the_seasons(client: Client, site: Site) -> None:
    plain = factories.season(roles=(), territories=(), themes=())
    site.pages[factories.NAME] = replace(site.page, season=plain)
    page = html.fromstring(client.get(HERE).content)
    assert page.xpath("//input[@type='radio'][@name='choice']/@value") == ["tout", "conseils", "final"]
    assert not page.xpath("//*[@name='themes' or @name='role' or @name='territory']")


def test_a_domain_that_takes_no_mail_is_said_so(client: Client, site: Site, watch: Watch) -> None:
    domains.remember("commune.example", "none", NOW)
    assert "ne reçoit pas de courriel" in press(client, watch).content.decode()
    assert not SignUp.objects.exists()


def test_an_operator_may_refuse_addresses_that_are_thrown_away(
    client: Client, site: Site, watch: Watch, settings: Any
) -> None:
    settings.KIT = replace(settings.KIT, disposable_addresses="refuse")
    assert "jetable" in press(client, watch, email="ada@yopmail.com").content.decode()
    settings.KIT = replace(settings.KIT, disposable_addresses="flag")
    assert press(client, watch, email="ada@yopmail.com").status_code == 303


class TestASlipInTheAddress:
    WRITTEN = "ada@gmial.com"

    def test_is_asked_about_and_taken_where_the_person_says_so(self, client: Client, site: Site, watch: Watch) -> None:
        asked = press(client, watch, email=self.WRITTEN)
        assert asked.status_code == 200
        assert "Vouliez-vous dire ada@gmail.com" in asked.content.decode().replace("\u202f", " ")
        assert not SignUp.objects.exists()
        answer = client.post(HERE, {**fields(asked), "correction": "ada@gmail.com"})
        assert answer.status_code == 303
        assert SignUp.objects.get().mailbox == "ada@gmail.com"

    def test_is_never_forced(self, client: Client, site: Site, watch: Watch) -> None:
        asked = press(client, watch, email=self.WRITTEN)
        assert client.post(HERE, fields(asked)).status_code == 303
        assert SignUp.objects.get().mailbox == self.WRITTEN

    def test_is_asked_about_where_its_domain_takes_no_mail(self, client: Client, site: Site, watch: Watch) -> None:
        domains.remember("gmial.com", "none", NOW)
        asked = press(client, watch, email=self.WRITTEN)
        assert asked.status_code == 422
        assert client.post(HERE, {**fields(asked), "correction": "ada@gmail.com"}).status_code == 303
        assert SignUp.objects.get().mailbox == "ada@gmail.com"

    def test_is_asked_again_of_another_address(self, client: Client, site: Site, watch: Watch) -> None:
        asked = press(client, watch, email=self.WRITTEN)
        again = client.post(HERE, {**fields(asked), "email": "ada@gmial.com".replace("ada", "ines")})
        assert "ines@gmail.com" in again.content.decode()
        assert not SignUp.objects.exists()

    def test_an_answer_is_not_lost_to_another_error(self, client: Client, site: Site, watch: Watch) -> None:
        asked = press(client, watch, email=self.WRITTEN)
        wrong = client.post(HERE, {**fields(asked), "correction": "ada@gmail.com", "role": "reine"})
        assert client.post(HERE, {**fields(wrong), "role": ""}).status_code == 303
        assert SignUp.objects.get().mailbox == "ada@gmail.com"


class TestThePrograms:
    def test_that_fill_in_what_nobody_sees_are_thanked_for_nothing(
        self, client: Client, site: Site, watch: Watch
    ) -> None:
        answer = press(client, watch, **{gate.HONEYPOT: "https://spam.example"})
        assert (answer.status_code, answer["Location"]) == (303, f"{HERE}merci/")
        assert not SignUp.objects.exists()

    @pytest.mark.parametrize(("wait", "said"), [(2, "très rapide"), (25 * 3600, "plus d’un jour")])
    def test_who_is_too_fast_or_late_presses_once_more(
        self, client: Client, site: Site, watch: Watch, wait: float, said: str
    ) -> None:
        answer = press(client, watch, wait=wait, name="Ada", choice="themes", themes=["air"], department="75")
        assert answer.status_code == 200
        assert said in answer.content.decode()
        assert not SignUp.objects.exists()
        watch.later(seconds=4)
        assert client.post(HERE, fields(answer)).status_code == 303
        row = SignUp.objects.get()
        assert (row.name, row.themes.strip(), row.department) == ("Ada", "air", "75")

    def test_who_was_too_fast_waits_no_longer_than_the_first_time(
        self, client: Client, site: Site, watch: Watch
    ) -> None:
        answer = press(client, watch, wait=2)
        watch.later(seconds=1)
        assert client.post(HERE, fields(answer)).status_code == 303

    @pytest.mark.parametrize("moment", ["", "1578646800", "1578646800:AAAA", "x:y:z", "é"])
    def test_a_form_that_is_not_ours_is_shown_to_be_pressed_here(
        self, client: Client, site: Site, watch: Watch, moment: str
    ) -> None:
        answer = client.post(HERE, {"email": "ada@commune.example", gate.TRAP: moment})
        assert answer.status_code == 200
        assert "rien n’est encore enregistré" in answer.content.decode()
        assert not SignUp.objects.exists()
        filled = fields(answer)
        assert filled["email"] == "ada@commune.example"
        watch.later(seconds=4)
        assert client.post(HERE, filled).status_code == 303
        assert SignUp.objects.get().mailbox == "ada@commune.example"

    def test_the_time_of_one_form_is_none_for_another(self, client: Client, site: Site, watch: Watch) -> None:
        moment = fields(client.get(LINK))[gate.TRAP]
        watch.later(seconds=10)
        client.post(HERE, {**fields(client.get(HERE)), "email": "ada@commune.example", gate.TRAP: moment})
        assert not SignUp.objects.exists()


def test_a_fresh_link_is_asked_for_by_address(client: Client, site: Site, watch: Watch) -> None:
    answer = press(client, watch, LINK)
    assert (answer.status_code, answer["Location"]) == (303, f"{LINK}merci/")
    row = SignUp.objects.get()
    assert (row.wants, row.mailbox, row.form) == ("link", "ada@commune.example", "lien")


def test_the_frame_stays_in_its_frame(client: Client, site: Site, watch: Watch) -> None:
    shown = client.get(FRAME)
    assert html.fromstring(shown.content).xpath("//main//form/@action") == [FRAME]
    assert press(client, watch, FRAME)["Location"] == f"{FRAME}merci/"
    assert SignUp.objects.get().form == "cadre"
    page = html.fromstring(shown.content)
    assert all(one.get("target") == "_blank" for one in page.xpath("//a[starts-with(@href, '/')]"))


@pytest.mark.parametrize(
    ("embedders", "ancestors"),
    [(("*",), "*"), (("https://www.commune.fr", "https://*.reseau.fr"),) * 2, ((), "'none'")],
)
def test_only_the_frame_may_be_framed_and_only_where_the_operator_says(
    client: Client, site: Site, settings: Any, embedders: tuple[str, ...], ancestors: Any
) -> None:
    expected = ancestors if isinstance(ancestors, str) else " ".join(ancestors)
    settings.KIT = replace(settings.KIT, embedders=embedders)
    for path in (FRAME, f"{FRAME}merci/"):
        answer = client.get(path)
        assert answer["Content-Security-Policy"].endswith(f"frame-ancestors {expected}")
        assert ("X-Frame-Options" in answer) == (not embedders)
    assert client.get(HERE)["X-Frame-Options"] == "DENY"


def test_the_home_asks_for_an_address_and_goes_on_in_the_form(client: Client, site: Site) -> None:
    page = html.fromstring(client.get(f"/{factories.NAME}/").content)
    (form,) = page.xpath("//form")
    assert (form.get("method"), form.get("action")) == ("post", HERE)
    answer = client.post(form.get("action"), {"email": "ada@commune.example"})
    assert fields(answer)["email"] == "ada@commune.example"


def test_nobody_signs_up_while_the_publisher_is_an_example(client: Client, site: Site, settings: Any) -> None:
    settings.KIT = replace(settings.KIT, smtp_url="smtps://relais.example.org")
    season = replace(site.page.season, publisher=factories.publisher(example=True))
    site.pages[factories.NAME] = replace(site.page, season=season)
    for answer in (client.get(HERE), client.post(HERE, {"email": "ada@commune.example"}), client.get(FRAME)):
        assert "ne sont pas encore ouvertes" in answer.content.decode()
    assert not SignUp.objects.exists()


def test_a_season_that_does_not_run_has_no_form(client: Client, site: Site) -> None:
    for path in ("/inconnue/inscription/", "/inconnue/lien/", "/inconnue/inscription/code/"):
        assert client.get(path).status_code == 404
