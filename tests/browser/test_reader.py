"""The pages behind the links of a mail: what they show, and what each kind of reader can do there."""

from __future__ import annotations

import pytest

from tests.browser.chromium import Look
from tests.browser.page import Page
from tests.browser.site import Reader, Site

LOOKS = (Look(dark=True), Look(width=320, forced_colors=True))
"""Those of the journeys come on top."""


def flaws(page: Page) -> str:
    """Those of the page that is shown."""
    found = []
    for look in LOOKS:
        page.wear(look)
        found += page.flaws()
    page.wear(Look())
    return "\n".join(found)


def link(page: Page, reader: Reader, start: str) -> str:
    """The one link to the path ``start`` that the reader finds in their next mail."""
    links = {one for one in page.links_of(reader.mail()) if one.startswith(page.base + start)}
    assert len(links) == 1, links
    return links.pop()


@pytest.fixture
def reader(site: Site) -> Reader:
    return site.reader()


def test_leaving_can_be_done_by_everybody(page: Page, reader: Reader) -> None:
    page.open(link(page, reader, "/desabonnement/"))
    assert flaws(page) == ""
    page.mouse().press(page.one("main button"))
    assert "vous ne recevrez plus ces courriels" in page.heading
    assert flaws(page) == ""
    assert reader.status == "ended"


def test_preferences_can_be_changed_by_everybody(page: Page, reader: Reader) -> None:
    address = link(page, reader, "/preferences/")
    page.open(address)
    assert flaws(page) == ""
    page.mouse().tick(page.all("[name=choice]")[-1])
    page.mouse().press(page.one("form:has([name=choice]) button"))
    assert page.one("[role=status]").text == "Votre choix est enregistré."
    assert flaws(page) == ""
    page.open(address)
    assert page.all("[name=choice]")[-1].is_selected()


def test_confirming_can_be_done_by_everybody(page: Page, reader: Reader) -> None:
    page.open(reader.confirm_path())
    assert flaws(page) == ""
    page.mouse().press(page.one("main button"))
    assert page.heading == "Votre inscription est confirmée"
    assert flaws(page) == ""


def test_a_link_that_says_nothing_tells_everybody_what_to_do(page: Page) -> None:
    page.open("/preferences/faux/")
    assert page.heading == "Ce lien ne fonctionne pas"
    assert flaws(page) == ""


@pytest.mark.parametrize("width", [1280, 320])
def test_the_keyboard_alone_leaves(page: Page, reader: Reader, width: int) -> None:
    page.wear(Look(width=width))
    page.open(link(page, reader, "/desabonnement/"))
    page.keyboard().press(page.one("main button"))
    assert "vous ne recevrez plus ces courriels" in page.heading
    assert reader.status == "ended"


def test_the_keyboard_alone_changes_what_comes_and_then_leaves(page: Page, reader: Reader) -> None:
    page.open(link(page, reader, "/preferences/"))
    page.keyboard().tick(page.all("[name=choice]")[-1])
    page.keyboard().press(page.one("form:has([name=choice]) button"))
    assert page.all("[name=choice]")[-1].is_selected()
    page.keyboard().press(page.one("main button[value=leave]"))
    assert "vous ne recevrez plus ces courriels" in page.heading
    assert reader.status == "ended"


@pytest.mark.parametrize(
    ("start", "button"), [("/desabonnement/", "main button"), ("/preferences/", "main [value=leave]")]
)
def test_leaving_needs_no_script(page: Page, reader: Reader, start: str, button: str) -> None:
    page.wear(Look(javascript=False))
    page.open(link(page, reader, start))
    page.mouse().press(page.one(button))
    assert "vous ne recevrez plus ces courriels" in page.heading
    assert reader.status == "ended"
