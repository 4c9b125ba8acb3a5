"""Debian packages that some tests need: a plain user goes without them, CI does not."""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest

PATH = os.pathsep.join((os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin"))
# Those that `.ci/run` installs.
PACKAGES = {
    "chromedriver": "chromium-driver",
    "chromium": "chromium",
    "dovecot": "dovecot-imapd",
    "npm": "npm",
    "opendkim": "opendkim",
    "postfix": "postfix",
    "smtp-sink": "postfix",
    "smtp-source": "postfix",
}


def needs(*programs: str) -> None:
    """Skip the test where a program is not installed (see :func:`cannot_run`)."""
    for program in programs:
        if shutil.which(program, path=PATH) is None:
            cannot_run(f"needs Debian's {PACKAGES.get(program, program)} ({program})")


def cannot_run(why: str) -> NoReturn:
    """Skip the test; fail where `CI` is true, since nothing may go untested there."""
    if os.environ.get("CI") == "true":
        pytest.fail(why)
    pytest.skip(why)
