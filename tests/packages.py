"""Programs of Debian packages that some tests need."""

from __future__ import annotations

import os
import shutil

import pytest

_PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
_PACKAGES = {
    "smtp-source": "postfix",
    "smtp-sink": "postfix",
    "dovecot": "dovecot-imapd",
    "opendkim-testmsg": "opendkim",
}


def needs(*programs: str) -> None:
    """Skip the test where one of these is not installed, naming its package; fail instead where ``CI=true``."""
    for program in programs:
        if shutil.which(program, path=_PATH) is None:
            message = f"needs Debian's {_PACKAGES.get(program, program)} ({program})"
            if os.environ.get("CI") == "true":
                pytest.fail(message)
            pytest.skip(message)
