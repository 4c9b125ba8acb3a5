"""From the form to the mailbox and back, as each kind of reader goes: every page passed has no flaw, whoever looks at it."""

from __future__ import annotations

import datetime as dt
from email.message import EmailMessage
from email.utils import parseaddr

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from tests.browser.chromium import Look
from tests.browser.hands import Hands
from tests.browser.page import Page
from tests.browser.site import SEASON, Reader, Site

WAYS = {"mouse": Look(), "keyboard": Look(), "phone": Look(width=320), "no script": Look(javascript=False)}
PICTURED = ("mouse", "phone")
FORM = f"/{SEASON}/inscription/"
MONTH = dt.timedelta(days=30)
SECONDS_TO_FILL_A_FORM = 20
"""Whoever is faster is taken for a program."""


class Journey:
    """One reader's way through the site with one pair of hands. Each page is judged when it first shows."""

    def __init__(self, way: str, page: Page, reader: Reader) -> None:
        self.page, self.reader, self.site, self.way = page, reader, reader.site, way
        page.wear(WAYS[way])
        self.hands: Hands = page.keyboard() if way == "keyboard" else page.mouse()
        self._judged: list[str] = []

    def open(self, address: str) -> None:
        self.page.open(address)
        self._look()

    def press(self, css: str) -> None:
        self.hands.press(self.page.one(css))
        self._look()

    def sign_up(self) -> None:
        """Fill the whole form, as it asks for things, and send it."""
        self.open(FORM)
        self.hands.write(self.field("email"), self.reader.address)
        self.hands.write(self.field("name"), "Inès Dupré")
        self.hands.write(self.field("organisation"), "Commune de Ploërmel")
        for name in ("role", "territory", "department", "choice", "themes", "rhythm"):
            self.answer(name)
        self.site.let_pass(SECONDS_TO_FILL_A_FORM)
        self.press(self.submit("email"))
        assert "boîte" in self.page.heading.lower()

    def answer(self, name: str) -> None:
        """Choose the second answer of a list, of radio buttons or of boxes; the first may stand for none."""
        fields = self.page.all(f"main form [name={name}]")
        assert fields, name
        if fields[0].tag_name == "select":
            self.hands.pick(fields[0], fields[0].find_elements(By.TAG_NAME, "option")[1].text)
        else:
            self.hands.tick(fields[min(1, len(fields) - 1)])

    def confirm(self) -> None:
        """Open the next mail, and press the one button behind its first link."""
        self.open(self.first_link(self.reader.mail(), "/confirmation/"))
        self.press("main button")
        assert self.page.heading == "Votre inscription est confirmée"
        assert self.reader.status == "active"

    def first_link(self, mail: EmailMessage, path: str) -> str:
        found = self.page.links_of(mail)[0]
        assert found.startswith(self.page.base + path), found
        return found

    def link(self, mail: EmailMessage, path: str) -> str:
        """The mail's one link to ``path``."""
        found = {one.partition("#")[0] for one in self.page.links_of(mail) if one.startswith(self.page.base + path)}
        assert len(found) == 1, found
        return found.pop()

    def field(self, name: str) -> WebElement:
        return self.page.one(f"main form [name={name}]")

    def submit(self, name: str) -> str:
        """The button of the form that has the field ``name``."""
        return f"main form:has([name={name}]) button"

    def _look(self) -> None:
        if self.page.text in self._judged:
            return
        self._judged.append(self.page.text)
        if self.way in PICTURED:
            self.page.screenshot(f"{self.way} {len(self._judged):02} {self.page.heading}")
        flaws = self.page.flaws()
        assert flaws == [], "\n".join(flaws)


@pytest.mark.parametrize("way", WAYS)
def test_a_reader_signs_up_pauses_leaves_and_comes_back(page: Page, site: Site, way: str) -> None:
    journey = Journey(way, page, site.newcomer(way.replace(" ", "-")))
    journey.sign_up()
    assert journey.reader.status in {"", "pending"}
    journey.confirm()

    welcome = journey.reader.mail()
    journey.open(journey.link(welcome, "/preferences/"))
    last = page.all("[name=choice]")[-1].get_property("value")
    journey.hands.tick(page.one(f"[name=choice][value='{last}']"))
    journey.press(journey.submit("choice"))
    assert page.one(f"[name=choice][value='{last}']").is_selected()

    until = (site.now + MONTH).date()
    journey.hands.date(journey.field("until"), until)
    journey.press(journey.submit("until"))
    assert f"{until.day} février 2020" in page.text

    journey.open(journey.link(welcome, "/desabonnement/"))
    journey.press("main button")
    assert "vous ne recevrez plus ces courriels" in page.heading
    assert journey.reader.status == "ended"

    journey.sign_up()
    journey.confirm()
    journey.open(journey.link(journey.reader.mail(), "/preferences/"))
    assert f"{until.day} février 2020" not in page.text
    assert page.driver.get_cookies() == []


@pytest.mark.parametrize("way", WAYS)
def test_a_reader_changes_address_and_both_mailboxes_know(page: Page, site: Site, way: str) -> None:
    old, new = site.reader(), site.newcomer(f"{way.replace(' ', '-')}-ailleurs")
    journey = Journey(way, page, old)
    journey.open(journey.link(old.mail(), "/preferences/"))
    journey.hands.write(journey.field("email"), new.address)
    journey.press(journey.submit("email"))
    asked, told = new.mail(), old.mail()
    assert (parseaddr(asked["To"])[1], parseaddr(told["To"])[1]) == (new.address, old.address)
    assert (old.status, new.status) == ("active", "")
    journey.open(journey.first_link(asked, "/changement-adresse/"))
    journey.press("main button")
    assert (old.status, new.status) == ("", "active")


def test_somebody_who_is_known_sees_what_everybody_sees_and_is_told_by_mail(page: Page, site: Site) -> None:
    known = site.reader()
    known.mail()
    Journey("mouse", page, known).sign_up()
    shown = page.text
    told = known.mail()
    assert not [link for link in page.links_of(told) if "/confirmation/" in link]
    assert known.status == "active"
    Journey("mouse", page, site.newcomer("inconnue")).sign_up()
    assert page.text == shown


def test_what_the_form_refuses_is_said_beside_the_field_and_nothing_typed_is_lost(page: Page, site: Site) -> None:
    page.open(FORM)
    keyboard = page.keyboard()
    keyboard.write(page.one("main form [name=name]"), "Inès Dupré")
    keyboard.write(page.one("main form [name=email]"), "personne@localhost")
    site.let_pass(SECONDS_TO_FILL_A_FORM)
    keyboard.press(page.one("main form:has([name=email]) button"))
    field = page.one("main form [name=email]")
    assert page.driver.title.startswith("Erreur")
    assert field.get_attribute("aria-invalid") == "true"
    said = [
        page.driver.find_element(By.ID, one).text for one in (field.get_attribute("aria-describedby") or "").split()
    ]
    assert any(said)
    assert page.one("main form [name=name]").get_property("value") == "Inès Dupré"
    assert page.flaws() == []
