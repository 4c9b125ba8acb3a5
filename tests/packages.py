"""Debian packages that some tests need: a plain user goes without them, CI does not."""

from __future__ import annotations

import os
import shutil

import pytest

PATH = os.pathsep.join((os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin"))
# Those that `.ci/run` installs.
PACKAGES = {
    "dovecot": "dovecot-imapd",
    "opendkim": "opendkim",
    "postfix": "postfix",
    "smtp-sink": "postfix",
    "smtp-source": "postfix",
}


def needs(*programs: str) -> None:
    """Skip the test where a program is not installed; fail where `CI` is true, since nothing may go untested there."""
    for program in programs:
        if shutil.which(program, path=PATH) is None:
            told = f"needs Debian's {PACKAGES.get(program, program)} ({program})"
            if os.environ.get("CI") == "true":
                pytest.fail(told)
            pytest.skip(told)
