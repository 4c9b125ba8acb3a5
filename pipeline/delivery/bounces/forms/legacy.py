"""Bounces in a form from before RFC 3464, or of none: flufl.bounce knows many of them."""

from __future__ import annotations

import logging
from email.utils import parseaddr

import flufl.bounce

from pipeline.delivery.bounces import report, status
from pipeline.delivery.bounces.forms.base import Kind, Letter, Verdict, ignored, key, meaning
from pipeline.delivery.bounces.report import Fields, clean, first
from pipeline.delivery.envelope import MAX_TEXT

logger = logging.getLogger(__name__)

_SERVERS = frozenset(
    {"mailer-daemon", "mailer_daemon", "mailerdaemon", "mail-daemon", "postmaster", "mdaemon", "daemon"}
)
_LONGEST_OLD = 100_000
"""Bytes that the detectors of old formats are given: some of them take long."""


def read(letter: Letter) -> Verdict | None:
    """A mail that a server writes in words. Hard only where its words, or a code in them, say that this very address is dead."""
    if not _from_a_server(letter.head):
        return None
    try:
        waiting, failed = flufl.bounce.all_failures(report.parse(letter.raw[:_LONGEST_OLD]))
    except Exception:
        # Heuristics of many hands over a stranger's bytes: whatever they stumble on, the mail is no report to us.
        logger.exception("a mail from a server cannot be read")
        return ignored("rapport illisible")
    if not failed:
        return ignored("retard" if waiting else "rapport d’un format inconnu")
    said = report.words(letter.parts, _LONGEST_OLD)
    text = _telling_line(said)
    enhanced, code = status.enhanced_in(text), status.code_in(text)
    told = meaning(code, enhanced, text)
    keys = {key(one.decode("ascii", "replace")) for one in failed}
    elsewhere = bool(letter.key) and letter.key not in keys
    kind: Kind = "hard" if told == "dead" and not elsewhere else "soft"
    return Verdict(kind, "mail", "", "" if elsewhere and told == "dead" else told, code, enhanced, text)


def _from_a_server(head: Fields) -> bool:
    name, address = parseaddr(first(head, "from"))
    local = address.partition("@")[0].casefold()
    return "x-failed-recipients" in head or local in _SERVERS or "mail delivery" in name.casefold()


def _telling_line(said: str) -> str:
    """The line that holds the other server's words: the first with a status code, else the first whose words are known."""
    lines = [line for line in said.splitlines() if line.strip()][:200]
    for tells in (status.enhanced_in, status.code_in, lambda line: meaning(0, "", line)):
        if line := next((line for line in lines if tells(line)), ""):
            return clean(line, MAX_TEXT)
    return clean(" ".join(lines), MAX_TEXT)
