from __future__ import annotations

from collections.abc import Iterator

import pytest
from selenium.webdriver import Chrome

from tests.browser import axe
from tests.browser.chromium import chromium
from tests.browser.page import Page
from tests.browser.site import Site, launched
from tests.packages import needs


@pytest.fixture(scope="session")
def _programs() -> None:
    """Whatever is missing is said before anything starts."""
    needs("chromium", "chromedriver")
    axe.source()


@pytest.fixture(scope="session")
def site(_programs: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One for all: a test leaves the season as it is, and uses a reader of its own."""
    with launched(tmp_path_factory.mktemp("site")) as site:
        yield site


@pytest.fixture(scope="module")
def driver(_programs: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    with chromium(tmp_path_factory.mktemp("profile")) as driver:
        yield driver


@pytest.fixture
def page(driver: Chrome, site: Site) -> Page:
    """A browser that remembers nothing of other tests."""
    driver.delete_all_cookies()
    return Page(driver, site.base)
