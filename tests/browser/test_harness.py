"""What the other tests look with sees what it is there to see."""

from __future__ import annotations

import datetime as dt
import http.server
from collections.abc import Iterator
from email.message import EmailMessage

import pytest
from selenium.common.exceptions import WebDriverException
from selenium.webdriver import Chrome

from tests.browser.axe import axe
from tests.browser.chromium import Look
from tests.browser.page import Page, sideways
from tests.serving import Threaded

STRICT = "default-src 'none'; style-src 'unsafe-inline'"
HTML = """<!doctype html><html lang="fr"><head><title>Essai</title><style>:focus-visible {{outline: 3px solid}}</style></head>
<body><main><h1>Essai</h1>{body}</main></body></html>"""


class Pages(Threaded):
    """Serves one page, `body`, under the Content-Security-Policy `policy`."""

    def __init__(self) -> None:
        self.body, self.policy = "", STRICT
        pages = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Security-Policy", pages.policy)
                self.end_headers()
                self.wfile.write(HTML.format(body=pages.body).encode())

            def log_message(self, *_: object) -> None: ...

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        super().__init__(server)
        self.base = f"http://127.0.0.1:{server.server_address[1]}"


@pytest.fixture(scope="module")
def pages() -> Iterator[Pages]:
    with Pages() as pages:
        yield pages


@pytest.fixture
def page(driver: Chrome, pages: Pages) -> Page:
    pages.policy = STRICT
    return Page(driver, pages.base)


def show(page: Page, pages: Pages, body: str) -> None:
    pages.body = body
    page.open("/")


@pytest.mark.parametrize("javascript", [True, False], ids=["script", "no script"])
def test_axe_finds_what_is_wrong_under_a_policy_that_forbids_scripts(
    page: Page, pages: Pages, javascript: bool
) -> None:
    page.wear(Look(javascript=javascript))
    show(page, pages, '<img src="x"><p style="color: #999">Trop pâle</p>')
    assert {one.rule for one in axe(page.driver, javascript=javascript)} == {"image-alt", "color-contrast"}
    show(page, pages, "<p>Rien à redire</p>")
    assert page.flaws() == []


def test_a_target_that_is_too_small_is_found(page: Page, pages: Pages) -> None:
    show(
        page,
        pages,
        '<button style="all: unset; font-size: 4px">a</button><button style="all: unset; font-size: 4px">b</button>',
    )
    assert {one.rule for one in axe(page.driver)} == {"target-size"}


def test_scripts_run_unless_they_are_off(page: Page, pages: Pages) -> None:
    pages.policy = ""
    body = "<p id=p>Sans</p><script>document.getElementById('p').textContent = 'Avec'</script><noscript><p>Rien</p></noscript>"
    for javascript, shown in ((True, "Avec"), (False, "Sans\nRien"), (True, "Avec")):
        page.wear(Look(javascript=javascript))
        show(page, pages, body)
        assert page.text.endswith(shown)


def test_a_page_that_is_too_wide_is_found(page: Page, pages: Pages) -> None:
    show(page, pages, '<p style="width: 400px; margin: 0">Large</p>')
    assert sideways(page.driver) == 0
    page.wear(Look(width=320))
    assert sideways(page.driver) > 0
    assert "scrolls sideways" in page.flaws()[0]


def test_a_look_is_what_the_site_is_asked_for(page: Page, pages: Pages) -> None:
    asked = {
        "prefers-color-scheme: dark": "dark",
        "forced-colors: active": "forced",
        "prefers-reduced-motion: no-preference": "moving",
    }
    styles = "".join(f"@media ({query}) {{ .{name} {{ display: block }} }}" for query, name in asked.items())
    show(
        page,
        pages,
        f"<style>p {{ display: none }} {styles}</style>" + "".join(f"<p class={n}>{n}" for n in asked.values()),
    )
    assert page.all("p") == []
    for look, name in (
        (Look(dark=True), "dark"),
        (Look(forced_colors=True), "forced"),
        (Look(motion=True), "moving"),
    ):
        page.wear(look)
        assert [one.text for one in page.all("p")] == [name]


def test_no_name_leads_out_of_this_machine(page: Page) -> None:
    with pytest.raises(WebDriverException, match="ERR_NAME_NOT_RESOLVED"):
        page.open("http://example.org/")


def test_the_keyboard_complains_of_a_stop_that_does_not_show_and_of_one_out_of_sight(page: Page, pages: Pages) -> None:
    show(page, pages, '<a href="#a" style="outline: none">Caché</a><a href="#b">Vu</a>')
    with pytest.raises(AssertionError, match="no outline"):
        page.keyboard().reach(page.all("a")[1])
    show(page, pages, '<a href="#a" style="position: absolute; left: -999px">Dehors</a><a href="#b">Vu</a>')
    with pytest.raises(AssertionError, match="out of sight"):
        page.keyboard().reach(page.all("a")[-1])
    show(page, pages, '<a href="#a">Un</a><span role="button" class="far">Ailleurs</span>')
    with pytest.raises(AssertionError, match="no key leads"):
        page.keyboard().reach(page.one(".far"))


FORM = """<form method="get"><label>Nom <input name="nom" value="ancien"></label>
<label><input type="radio" name="choix" value="a"> A</label><label><input type="radio" name="choix" value="b"> B</label>
<label><input type="checkbox" name="c"> C</label>
<label>Rôle <select name="role"><option>Autre</option><option>Élue</option><option>Élu</option></select></label>
<label>Jusqu’au <input type="date" name="until"></label><button>Envoyer</button></form>"""


@pytest.mark.parametrize("javascript", [True, False], ids=["script", "no script"])
@pytest.mark.parametrize("hands", ["mouse", "keyboard"])
def test_both_pairs_of_hands_fill_a_form(page: Page, pages: Pages, hands: str, javascript: bool) -> None:
    page.wear(Look(javascript=javascript))
    show(page, pages, FORM)
    person = getattr(page, hands)()
    person.write(page.one("[name=nom]"), "Inès")
    person.tick(page.one("[value=b]"))
    person.tick(page.one("[name=c]"))
    person.pick(page.one("select"), "Élu")
    person.date(page.one("[name=until]"), dt.date(2020, 3, 9))
    person.press(page.one("button"))
    assert str(page) == "/?nom=In%C3%A8s&choix=b&c=on&role=%C3%89lu&until=2020-03-09"


def test_a_link_that_a_mail_hides_is_not_one_that_a_person_presses(page: Page) -> None:
    mail = EmailMessage()
    mail.set_content("Texte")
    hidden = ("display: none", "visibility: hidden", "opacity: 0", "font-size: 0", "max-height: 0; overflow: hidden")
    traps = "".join(f'<div style="{style}"><a href="http://127.0.0.1/piege">Piège</a></div>' for style in hidden)
    mail.add_alternative(f"<html>{traps}<a href='http://127.0.0.1/vrai'>Vrai</a></html>", subtype="html")
    assert page.links_of(mail) == ["http://127.0.0.1/vrai"]
