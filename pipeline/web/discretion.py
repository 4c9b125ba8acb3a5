"""What no log tells: the token of a mail's link, which lets whoever reads it do what its owner can."""

from __future__ import annotations

import logging
import re

from pipeline.release import addresses

_PATHS = (
    addresses.canary_path,
    addresses.confirm_path,
    addresses.move_path,
    addresses.preferences_path,
    addresses.renew_path,
    addresses.unsubscribe_path,
)
_LINK = re.compile(rf"({'|'.join(re.escape(path('').rstrip('/')) for path in _PATHS)})/[A-Za-z0-9_-]+")


class NoTokens(logging.Filter):
    """Leaves out the tokens of links in what a handler is given: Django logs the path of each request that fails."""

    def filter(self, record: logging.LogRecord) -> bool:
        told = record.getMessage()
        discreet = _LINK.sub(r"\1/…", told)
        if discreet != told:
            record.msg, record.args = discreet, ()
        return True
