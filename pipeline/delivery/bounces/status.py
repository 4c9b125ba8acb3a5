"""Finding the reply code and the enhanced status code (RFC 3463) in what a report says."""

from __future__ import annotations

import re

# What says no more than its class does. X.4.1 is how Microsoft refuses unknown recipients.
_VAGUE = frozenset({"0.0", "0", "1.0", "2.0", "3.0", "4.0", "4.1", "5.0"})

_ENHANCED = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![.\d])")
_CODE = re.compile(r"(?<![\d.#])([245]\d\d)(?=[ \-#]|$)")


def enhanced_in(text: str) -> str:
    """The first enhanced status code of a text (``"5.1.1"``), or ``""``. An IPv4 address is none."""
    found = _ENHANCED.search(text)
    return found[0] if found else ""


def code_in(text: str) -> int:
    """The first reply code of a text (RFC 5321 §4.2), or 0."""
    found = _CODE.search(text)
    return int(found[1]) if found else 0


def more_telling(status: str, diagnostic: str) -> str:
    """Which of two enhanced codes to believe: Exim writes 5.0.0 whatever the other server said."""
    vague = status.partition(".")[2] in _VAGUE
    return diagnostic or status if not status or (vague and status[:1] == diagnostic[:1]) else status
