"""The code that webmasters copy works on a site of theirs: another origin, without a token, without a script."""

from __future__ import annotations

import contextlib
import http.server
from collections.abc import Iterator

import pytest

from tests.browser.chromium import Look
from tests.browser.page import Page
from tests.browser.site import SEASON, Site
from tests.serving import Threaded

CODE = f"/{SEASON}/inscription/code/"
WAIT = 20
"""Seconds that a person takes to fill in a form, at least."""


@contextlib.contextmanager
def elsewhere(code: str) -> Iterator[str]:
    """A page of another site that holds the code; its address."""
    body = f'<!doctype html><html lang="fr"><meta charset="utf-8"><title>La commune</title><main>{code}</main>'

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    with Threaded(server):
        yield f"http://127.0.0.1:{server.server_port}/"


def copied(page: Page, field: str) -> str:
    page.open(CODE)
    return str(page.one(f"#{field}").get_property("value"))


@pytest.mark.parametrize("javascript", [True, False])
def test_the_copied_form_leads_to_ours_and_is_pressed_there(page: Page, site: Site, javascript: bool) -> None:
    reader = site.newcomer(f"copie-{javascript}".lower())
    with elsewhere(copied(page, "code-formulaire")) as address:
        page.wear(Look(javascript=javascript))
        page.open(address)
        page.mouse().write(page.one("[name=email]"), reader.address)
        page.mouse().press(page.one("button"))
    assert page.driver.current_url == f"{page.base}/{SEASON}/inscription/"
    assert "rien n’est encore enregistré" in page.text
    assert page.flaws() == []
    assert reader.status == ""
    site.let_pass(WAIT)
    page.mouse().press(page.one("main form:has([name=email]) button"))
    assert "boîte" in page.heading
    assert f"{page.base}/confirmation/" in page.links_of(reader.mail())[0]


@pytest.mark.parametrize("javascript", [True, False])
def test_the_copied_frame_signs_up_without_leaving_the_site(page: Page, site: Site, javascript: bool) -> None:
    reader = site.newcomer(f"cadre-{javascript}".lower())
    with elsewhere(copied(page, "code-cadre")) as address:
        page.wear(Look(width=320, javascript=javascript))
        page.open(address)
        page.driver.switch_to.frame(0)
        page.mouse().write(page.one("[name=email]"), reader.address)
        site.let_pass(WAIT)
        page.mouse().press(page.one("main form:has([name=email]) button"))
        assert "boîte" in page.heading
        page.driver.switch_to.default_content()
        assert page.driver.current_url == address
    assert f"{page.base}/confirmation/" in page.links_of(reader.mail())[0]


def test_nobody_else_is_shown_in_a_frame(page: Page, site: Site) -> None:
    with elsewhere(f'<iframe src="{page.base}/{SEASON}/inscription/" title="x"></iframe>') as address:
        page.open(address)
        page.driver.switch_to.frame(0)
        assert page.all("form") == []
        page.driver.switch_to.default_content()
