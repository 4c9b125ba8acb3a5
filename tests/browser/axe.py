"""axe-core (npm), which judges a page by WCAG 2.2 and by good practice."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from selenium.webdriver import Chrome

from tests.browser.chromium import allow_scripts
from tests.packages import cannot_run, needs

HERE = Path(__file__).resolve().parent
BUILD = HERE.parents[1] / "build"
TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
_FILES = ("package.json", "package-lock.json", ".npmrc")
_RUN = """
const [tags, done] = arguments;
axe.run(document, {
  runOnly: {type: "tag", values: tags},
  rules: {
    "target-size": {enabled: true},
    // Forced colours are the person's own; axe reads some that the page wanted.
    "color-contrast": {enabled: !matchMedia("(forced-colors: active)").matches},
  },
  resultTypes: ["violations"],
  preload: false,
}).then(found => done(found.violations), error => done(String(error)));
"""


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule that the page breaks. ``where``: a selector and axe's explanation for each element concerned."""

    rule: str
    impact: str
    help: str
    where: tuple[str, ...]

    def __str__(self) -> str:
        return "\n    ".join((f"{self.rule} ({self.impact}): {self.help}", *self.where))


def axe(driver: Chrome, *, javascript: bool = True) -> list[Violation]:
    """Return what axe-core finds on the page that is shown.

    It goes in through the driver, which no Content-Security-Policy stops. axe needs promises: scripts are let in for as
    long as it looks, and ``javascript`` says whether they are allowed afterwards; what the page shows stays as it is.
    """
    allow_scripts(driver, True)
    try:
        if not driver.execute_script("return 'axe' in window"):
            driver.execute_script(source())
        found: list[dict[str, Any]] | str = driver.execute_async_script(_RUN, TAGS)
    finally:
        allow_scripts(driver, javascript)
    if isinstance(found, str):
        raise AssertionError(f"axe-core: {found}")
    return [
        Violation(
            one["id"],
            one["impact"],
            one["help"],
            tuple(f"{node['target']}: {' '.join(node['failureSummary'].split())}" for node in one["nodes"]),
        )
        for one in found
    ]


@lru_cache(maxsize=1)
def source() -> str:
    """The script, installed below `build/` once for each lock file; without npm or its registry, no test can use it."""
    needs("npm")
    stamp = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()[:12]
    folder = BUILD / f"axe-{stamp}"
    if not folder.exists():
        _install(folder)
    return (folder / "node_modules/axe-core/axe.min.js").read_text(encoding="utf-8")


def _install(folder: Path) -> None:
    BUILD.mkdir(exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix="axe-", dir=BUILD))
    try:
        for name in _FILES:
            shutil.copy(HERE / name, draft)
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=draft, capture_output=True, text=True, check=False, timeout=120)
        if done.returncode:
            cannot_run(f"npm cannot install axe-core: {done.stderr.strip().partition(chr(10))[0]}")
        try:
            draft.rename(folder)
        except OSError:
            if not folder.exists():  # another process of the tests was quicker
                raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)
