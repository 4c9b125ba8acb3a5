"""The pages that anybody reads, as people look at them."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from selenium.webdriver.common.by import By

from tests.browser.chromium import Look
from tests.browser.page import Page
from tests.browser.site import SEASON

LOOKS = {
    "wide": (Look(), Look(dark=True)),
    "narrow": (Look(width=320),),
}
NOT_PAGES = (".ics", ".xml", "/mail.html")


def walk(page: Page) -> Iterator[str]:
    """Open the home page and every page that the links of pages lead to; yield each one's path while it is shown."""
    waiting, seen = ["/"], {"/"}
    while waiting:
        page.open(waiting.pop(0))
        yield str(page)
        for link in page.driver.find_elements(By.CSS_SELECTOR, "a[href]:not([download])"):
            address = urlsplit(str(link.get_property("href")))
            if f"{address.scheme}://{address.netloc}" != page.base or address.path in seen:
                continue
            seen.add(address.path)
            if not address.path.endswith(NOT_PAGES):
                waiting.append(address.path)


@pytest.mark.parametrize(
    "looks",
    [
        pytest.param(LOOKS["wide"], id="wide"),
        pytest.param(
            LOOKS["narrow"],
            id="narrow",
            marks=pytest.mark.xfail(
                strict=True, raises=AssertionError, reason="a wide table's frame cannot be scrolled from the keyboard"
            ),
        ),
    ],
)
def test_every_page_that_links_lead_to_can_be_used_by_everybody(page: Page, looks: tuple[Look, ...]) -> None:
    flaws, paths = [], []
    for path in walk(page):
        paths.append(path)
        for look in looks:
            page.wear(look)
            flaws += page.flaws()
    assert {"/", f"/{SEASON}/envois/lancement/", "/mentions-legales/"} <= set(paths)
    assert sum("/fiches/" in path for path in paths) == 5
    assert flaws == [], "\n".join(flaws)


@pytest.mark.parametrize("looks", LOOKS.values(), ids=LOOKS)
def test_the_page_of_a_wrong_address_can_be_used_by_everybody(page: Page, looks: tuple[Look, ...]) -> None:
    page.open("/nulle-part/")
    assert page.heading == "Page introuvable"
    for look in looks:
        page.wear(look)
        assert page.flaws() == []


@pytest.mark.parametrize("width", [1280, 320])
@pytest.mark.parametrize("path", ["/", f"/{SEASON}/fiches/revitalisation-commerces/"])
def test_the_keyboard_goes_through_a_page_and_shows_where_it_is(page: Page, path: str, width: int) -> None:
    page.wear(Look(width=width))
    page.open(path)
    stops = page.keyboard().stops()
    assert 'href="#contenu"' in stops[0]
    assert "/accessibilite/" in "".join(stops[-3:])


def test_the_first_stop_skips_what_every_page_has(page: Page) -> None:
    page.open("/")
    keyboard = page.keyboard()
    keyboard.jump(page.driver.find_element(By.CSS_SELECTOR, "a[href='#contenu']"))
    keyboard.step()
    content = page.driver.find_elements(By.CSS_SELECTOR, "main *")
    assert page.driver.switch_to.active_element in content
