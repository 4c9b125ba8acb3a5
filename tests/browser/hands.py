"""What a person has to use a page with: a mouse (or a finger), or nothing but a keyboard. Both fill the same forms."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterator
from typing import Any, Protocol

from selenium.common.exceptions import WebDriverException
from selenium.webdriver import Chrome
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.expected_conditions import url_to_be
from selenium.webdriver.support.ui import Select, WebDriverWait

LOADS = 20.0
"""Seconds that the next page may take on a busy machine."""
FARTHEST = 300
"""More stops than any page has: a keyboard that goes on is caught in a trap (WCAG 2.2, 2.1.2)."""
OUTLINE = 2.0
"""Pixels that an outline has at least (WCAG 2.2, 2.4.13)."""

_FOCUS = """
const one = document.activeElement, style = getComputedStyle(one), box = one.getBoundingClientRect();
return {
  name: one.outerHTML.slice(0, 120),
  nowhere: one === document.body || one === document.documentElement,
  // The browser itself marks the part of a date that one is in.
  marked: one.type === "date" || (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= arguments[0]),
  shown: box.width > 0 && box.height > 0
    && box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
};
"""
_ORDER = "return new Intl.DateTimeFormat().formatToParts(new Date()).map(part => part.type)"


class Hands(Protocol):
    def press(self, target: WebElement) -> None:
        """Press a button or a link, and wait for the page that follows."""

    def write(self, field: WebElement, text: str) -> None:
        """Put ``text`` in the place of what a field holds."""

    def tick(self, box: WebElement) -> None:
        """Choose a radio button, or tick a box that is not."""

    def pick(self, select: WebElement, label: str) -> None:
        """Choose the option that reads ``label``."""

    def date(self, field: WebElement, day: dt.date) -> None: ...


class Mouse:
    def __init__(self, driver: Chrome) -> None:
        self._driver = driver

    def press(self, target: WebElement) -> None:
        with _another_page(self._driver):
            target.click()

    def write(self, field: WebElement, text: str) -> None:
        field.click()
        field.clear()
        field.send_keys(text)

    def tick(self, box: WebElement) -> None:
        if not box.is_selected():
            box.click()

    def pick(self, select: WebElement, label: str) -> None:
        Select(select).select_by_visible_text(label)

    def date(self, field: WebElement, day: dt.date) -> None:
        field.send_keys(_typed(self._driver, day))


class Keyboard:
    """Goes forward only, with Tab, from wherever it is."""

    def __init__(self, driver: Chrome) -> None:
        self._driver = driver

    def press(self, target: WebElement) -> None:
        with _another_page(self._driver):
            self.reach(target)
            self._type(Keys.ENTER)

    def jump(self, target: WebElement) -> None:
        """Follow a link within the page."""
        address = target.get_property("href")
        self.reach(target)
        self._type(Keys.ENTER)
        WebDriverWait(self._driver, LOADS, poll_frequency=0.02).until(url_to_be(str(address)))

    def write(self, field: WebElement, text: str) -> None:
        self.reach(field)
        # Tab selects what a field of one line holds.
        self._type(text)

    def tick(self, box: WebElement) -> None:
        if not box.is_selected():
            self.reach(box)
        if not box.is_selected():
            self._type(Keys.SPACE)

    def pick(self, select: WebElement, label: str) -> None:
        self.reach(select)
        options = Select(select)
        down = [option.text for option in options.options].index(label)
        self._type(Keys.HOME + Keys.ARROW_DOWN * down)
        assert options.first_selected_option.text == label

    def date(self, field: WebElement, day: dt.date) -> None:
        self.reach(field)
        self._type(_typed(self._driver, day))

    def reach(self, target: WebElement) -> None:
        """Go to ``target``. Within a group of radio buttons the arrows lead on (and choose), as in every browser.

        Raises:
            AssertionError: a stop on the way does not show that one is there, or no key leads to ``target``.
        """
        group = _group(target)
        ends = 0
        for _ in range(FARTHEST):
            now = self._driver.switch_to.active_element
            if now == target:
                return
            self._type(Keys.ARROW_DOWN if group and _group(now) == group else Keys.TAB)
            ends += self._look() is None
            if ends == 2:
                break
        raise AssertionError(f"no key leads to {target.get_attribute('outerHTML')}")

    def stops(self) -> list[str]:
        """Go on to the end of the page; return the start of each stop's HTML."""
        found: list[str] = []
        for _ in range(FARTHEST):
            stop = self.step()
            if stop is None:
                return found
            found.append(stop)
        raise AssertionError("the keyboard never comes to the end of the page")

    def step(self) -> str | None:
        """Go to the next stop; return the start of its HTML, or None beyond the end of the page."""
        self._type(Keys.TAB)
        return self._look()

    def _look(self) -> str | None:
        focus: dict[str, Any] = self._driver.execute_script(_FOCUS, OUTLINE)
        if focus["nowhere"]:
            return None
        assert focus["shown"], f"the keyboard leads out of sight: {focus['name']}"
        assert focus["marked"], f"no outline shows the focus: {focus['name']}"
        return str(focus["name"])

    def _type(self, keys: str) -> None:
        ActionChains(self._driver, duration=0).send_keys(keys).perform()


@contextlib.contextmanager
def _another_page(driver: Chrome) -> Iterator[None]:
    """Wait until what is done here has led to another document, wholly loaded; each has a start of its own (High Resolution Time)."""
    start = "return performance.timeOrigin"
    before = driver.execute_script(start)
    yield
    # Between two documents the driver has none to ask.
    wait = WebDriverWait(driver, LOADS, poll_frequency=0.02, ignored_exceptions=[WebDriverException])
    wait.until(
        lambda _: driver.execute_script(f"{start} !== arguments[0] && document.readyState === 'complete'", before)
    )


def _group(element: WebElement) -> str:
    """The name that the radio buttons of one group share; empty for anything else."""
    return str(element.get_property("name")) if element.get_property("type") == "radio" else ""


def _typed(driver: Chrome, day: dt.date) -> str:
    """The digits of a date field, in the order in which this browser's language asks for them."""
    digits = {"day": f"{day:%d}", "month": f"{day:%m}", "year": f"{day:%Y}"}
    return "".join(digits[part] for part in driver.execute_script(_ORDER) if part in digits)
