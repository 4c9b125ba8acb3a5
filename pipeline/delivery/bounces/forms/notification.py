"""Delivery status notifications (RFC 3464), with addresses in Unicode too (RFC 6533)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pipeline.delivery.bounces import report, status
from pipeline.delivery.bounces.forms.base import Kind, Letter, Verdict, ignored, key, meaning
from pipeline.delivery.bounces.report import Fields, clean, first
from pipeline.delivery.envelope import MAX_TEXT
from pipeline.delivery.verdicts import Meaning

_STATUSES = frozenset({"message/delivery-status", "message/global-delivery-status"})
_ESCAPED = re.compile(r"\\x\{([0-9A-Fa-f]{2,6})\}")


@dataclass(frozen=True, slots=True)
class _Group:
    """One recipient's block (RFC 3464 §2.3)."""

    keys: frozenset[str]
    action: str
    meaning: Meaning
    code: int
    enhanced: str
    text: str

    @property
    def failed(self) -> bool:
        return self.action.startswith(("fail", "error"))  # OpenSMTPD's « error »


def read(letter: Letter) -> Verdict | None:
    """RFC 3464 §2.3.3: only ``failed`` is a failure. A failure of another address (an alias or a list behind ours) is soft at most."""
    statuses = letter.of_type(*_STATUSES)
    if not statuses:
        return None
    if "multipart/report" in first(report.returned(letter.parts), "content-type").casefold():
        return ignored("rapport sur un rapport", "dsn")
    groups = [_group(block) for part in statuses for block in report.blocks(part) if "action" in block]
    if not groups:
        return ignored("rapport sans destinataire", "dsn")
    ours = [group for group in groups if letter.key in group.keys] if letter.key else []
    elsewhere = bool(letter.key) and not ours and all(group.keys for group in groups)
    groups = ours or groups
    bad = next((group for group in groups if not group.failed), None)
    if bad is not None:
        # One that was delivered, or may still be: the message is not lost for whoever reads at this address.
        return ignored(_NOT_FAILED.get(bad.action, "rapport sans échec"), "dsn")
    alive = [group for group in groups if group.meaning != "dead"]
    one = alive[0] if alive else groups[0]
    if one.enhanced.startswith("2"):
        return ignored("échec au statut de succès", "dsn")
    kind: Kind = "soft" if alive or elsewhere else "hard"
    # An address behind ours is dead: that says nothing of ours.
    told = "" if elsewhere and one.meaning == "dead" else one.meaning
    return Verdict(kind, "dsn", "", told, one.code, one.enhanced, one.text)


_NOT_FAILED = {
    "delayed": "retard",
    "delivered": "remis",
    "relayed": "relayé",
    "expanded": "remis à une liste",
}


def _group(block: Fields) -> _Group:
    keys = frozenset(
        compared
        for name in ("original-recipient", "final-recipient", "x-actual-recipient")
        for value in block.get(name, [])
        if (compared := key(_recipient(value)))
    )
    said = first(block, "diagnostic-code").partition(";")[2].strip() or first(block, "diagnostic-code")
    enhanced = status.more_telling(status.enhanced_in(first(block, "status")), status.enhanced_in(said))
    code = status.code_in(said)
    action = first(block, "action").casefold().partition(" ")[0].strip(";,()")
    return _Group(keys, action, meaning(code, enhanced, said), code, enhanced, clean(said, MAX_TEXT))


def _recipient(value: str) -> str:
    """The address of ``rfc822; address`` or ``utf-8; address`` (RFC 6533 §3, whose escapes are undone)."""
    kind, mark, rest = value.partition(";")
    bare = (rest if mark else kind).strip().strip("<>")
    return _ESCAPED.sub(lambda found: _sign(found[1]), bare)


def _sign(code: str) -> str:
    number = int(code, 16)
    return chr(number) if number <= 0x10FFFF and not 0xD800 <= number <= 0xDFFF else "\ufffd"
