"""Debian's Chromium, driven for the length of a ``with`` block: headless, a profile of its own, no network beyond loopback."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

from tests.packages import PATH, needs

HEIGHT = 800
_SWITCHES = (
    "--headless=new",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",  # 64 MB in a container, too little for a page
    "--no-first-run",
    "--hide-scrollbars",  # a page of 320 px is 320 px wide
)


@dataclass(frozen=True, slots=True)
class Look:
    """How somebody looks at pages: ``width`` in CSS pixels, and what their browser asks of a site (Media Queries 5).

    Without ``motion`` the browser asks for none, and nothing moves between two steps of a test.
    """

    width: int = 1280
    javascript: bool = True
    dark: bool = False
    forced_colors: bool = False
    motion: bool = False

    def __str__(self) -> str:
        told = [name for name in ("dark", "forced_colors", "motion") if getattr(self, name)]
        return " ".join((f"{self.width}px", *([] if self.javascript else ["no script"]), *told)).replace("_", "-")


def wear(driver: Chrome, look: Look) -> None:
    """Look at what is shown, and at every page from now on, in this way. Scripts are switched for pages opened later."""
    features = {
        "prefers-color-scheme": "dark" if look.dark else "light",
        "forced-colors": "active" if look.forced_colors else "none",
        "prefers-reduced-motion": "no-preference" if look.motion else "reduce",
    }
    size = {"width": look.width, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
    media = [{"name": name, "value": value} for name, value in features.items()]
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media})
    allow_scripts(driver, look.javascript)


def allow_scripts(driver: Chrome, allowed: bool) -> None:
    """As a person does in the browser's settings; a page that is shown is not loaded again."""
    driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not allowed})


@contextlib.contextmanager
def chromium(profile: Path) -> Iterator[Chrome]:
    """Start the browser with an empty ``profile``; it is closed at the end, whatever happened."""
    needs("chromium", "chromedriver")
    options = ChromeOptions()
    # Named, so that Selenium downloads nothing.
    options.binary_location = shutil.which("chromium", path=PATH) or ""
    for switch in (*_SWITCHES, f"--user-data-dir={profile}", *(["--no-sandbox"] if os.geteuid() == 0 else [])):
        options.add_argument(switch)
    options.add_experimental_option("prefs", {"intl.accept_languages": "fr-FR,fr"})
    driver = Chrome(options, Service(shutil.which("chromedriver", path=PATH)))
    try:
        driver.set_page_load_timeout(30)
        driver.set_script_timeout(30)
        yield driver
    finally:
        driver.quit()
