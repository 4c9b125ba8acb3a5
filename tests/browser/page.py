"""What a browser shows, and what keeps people from using it."""

from __future__ import annotations

import base64
from email.message import EmailMessage
from pathlib import Path

from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from tests.browser.axe import BUILD, axe
from tests.browser.chromium import Look, wear
from tests.browser.hands import LOADS, Keyboard, Mouse

SCREENSHOTS = BUILD / "screenshots"
_PRESSABLE = """
return Array.from(document.links).filter(link => {
  link.scrollIntoView({block: "center", behavior: "instant"});
  const box = Array.from(link.getClientRects()).find(box => box.width > 0 && box.height > 0);
  return box && link.checkVisibility({opacityProperty: true, visibilityProperty: true})
    && link.contains(document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2));
}).map(link => link.href);
"""


class Page:
    """A browser's one tab, on the site at ``base``."""

    def __init__(self, driver: Chrome, base: str) -> None:
        self.driver, self.base = driver, base
        self.wear(Look())

    def wear(self, look: Look) -> None:
        """Look at the page in another way; a change of ``javascript`` shows on the next page."""
        self.look = look
        wear(self.driver, look)

    def open(self, address: str) -> None:
        """Go to a path of the site, or to a whole address."""
        self.driver.get(self.base + address if address.startswith("/") else address)

    def mouse(self) -> Mouse:
        return Mouse(self.driver)

    def keyboard(self) -> Keyboard:
        """Tab, Enter, Space, the arrows within a group, and letters: each stop on the way has to show where one is."""
        return Keyboard(self.driver)

    def one(self, css: str) -> WebElement:
        """The one element shown for this selector."""
        found = self.all(css)
        assert len(found) == 1, f"{len(found)} × « {css} » on {self} « {self.driver.title} »"
        return found[0]

    def all(self, css: str) -> list[WebElement]:
        return [one for one in self.driver.find_elements(By.CSS_SELECTOR, css) if one.is_displayed()]

    @property
    def heading(self) -> str:
        return self.one("h1").text

    @property
    def text(self) -> str:
        return self.one("main").text

    def flaws(self) -> list[str]:
        """axe's violations, and a width that has to be scrolled sideways; empty for a page that everybody can use.
        Of a page that has some, a picture is kept.
        """
        WebDriverWait(self.driver, LOADS, poll_frequency=0.02).until(_has_its_fonts)
        found = [str(one) for one in axe(self.driver, javascript=self.look.javascript)]
        beyond = sideways(self.driver)
        if beyond > 0:
            found.append(f"scrolls sideways by {beyond} px")
        if found:
            self.screenshot(f"flaw {self.look} {self}")
        return [f"{self} ({self.look}): {flaw}" for flaw in found]

    def screenshot(self, name: str) -> Path:
        """Keep a picture of the whole page in `build/screenshots/`."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        path = SCREENSHOTS / f"{name.replace('/', '-')}.png"
        shot = self.driver.execute_cdp_cmd(
            "Page.captureScreenshot", {"captureBeyondViewport": True, "optimizeForSpeed": True}
        )
        path.write_bytes(base64.b64decode(shot["data"]))
        return path

    def links_of(self, mail: EmailMessage) -> list[str]:
        """The addresses that somebody who opens the mail's HTML can press, in its order: a link that is not shown is not one."""
        html = mail.get_body(("html",))
        assert html is not None
        self.driver.get("about:blank")
        frame = self.driver.execute_cdp_cmd("Page.getFrameTree", {})["frameTree"]["frame"]["id"]
        self.driver.execute_cdp_cmd("Page.setDocumentContent", {"frameId": frame, "html": html.get_content()})
        links: list[str] = self.driver.execute_script(_PRESSABLE)
        return links

    def __str__(self) -> str:
        return self.driver.current_url.removeprefix(self.base)


def _has_its_fonts(driver: Chrome) -> bool:
    return bool(driver.execute_script("return document.fonts.status === 'loaded'"))


def sideways(driver: Chrome) -> int:
    """How many CSS pixels of the page stand beyond its width (WCAG 2.2, 1.4.10 Reflow)."""
    script = "const root = document.documentElement; return root.scrollWidth - root.clientWidth"
    found: int = driver.execute_script(script)
    return found
