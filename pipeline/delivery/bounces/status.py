"""What a status code says about an address (RFC 3463, the IANA registry of enhanced codes), and the words where it says nothing."""

from __future__ import annotations

import re
from typing import Literal

Meaning = Literal["", "dead", "full", "policy", "content", "busy"]
"""``dead``: nobody will ever read mail at this address. ``full``: its mailbox is full. ``policy`` and ``content``: the refusal is about
us or the message, and says nothing of the address. ``busy``: a temporary fault. ``""``: the report does not tell."""

# X.1.1 bad mailbox, X.1.2 bad system, X.1.3 bad syntax, X.1.6 moved, X.1.10 null MX (RFC 7505), X.2.1 disabled.
_DEAD = frozenset({"1.1", "1.2", "1.3", "1.6", "1.10", "2.1"})
# X.2.3 and X.3.4 message too big, X.1.9 no conversion.
_CONTENT = frozenset({"2.3", "3.4", "1.9"})
# X.1.7, X.1.8 the sender's address; X.4.6 a loop; X.5.x the conversation.
_POLICY = frozenset({"1.7", "1.8"})
# What says no more than its class does: the words are asked as well. X.4.1 is how Microsoft refuses unknown recipients.
_VAGUE = frozenset({"0.0", "0", "1.0", "2.0", "3.0", "4.0", "4.1", "5.0"})

_ENHANCED = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![.\d])")
_CODE = re.compile(r"(?<![\d.#])([245]\d\d)(?=[ \-#]|$)")

_FULL_WORDS = (
    "mailbox full", "mailbox is full", "over quota", "overquota", "quota exceeded", "exceeded storage", "out of storage",
    "insufficient storage", "boîte pleine", "boite pleine", "boîte aux lettres pleine", "quota dépassé", "quota depasse",
)  # fmt: skip
_POLICY_WORDS = (
    "spam", "blacklist", "blocklist", "blocked", "reputation", "policy", "dmarc", "dkim", "spf", "not authorized", "relay",
    "rate limit", "too many", "listed", "spamhaus", "authentication",
)  # fmt: skip
_DEAD_WORDS = (
    "user unknown", "unknown user", "unknown recipient", "recipient unknown", "no such user", "no such recipient",
    "no such mailbox", "mailbox not found", "recipient not found", "user not found", "does not exist", "doesn't exist",
    "doesn't have", "unknown local part", "unrouteable address", "invalid recipient", "invalid mailbox", "address rejected: access denied",
    "mailbox unavailable", "account is disabled", "account has been disabled", "no longer valid", "no mailbox here",
    "n'existe pas", "n’existe pas", "utilisateur inconnu", "destinataire inconnu", "adresse inconnue", "adresse invalide",
    "destinataire invalide",
)  # fmt: skip


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
    if not status or (diagnostic and status[:1] == diagnostic[:1] and _subject(status) in _VAGUE):
        return diagnostic or status
    return status


def meaning(code: int, enhanced: str, text: str) -> Meaning:
    """What a refusal says: the enhanced code first, the words where that code is vague. ``text`` is the server's."""
    temporary = enhanced[:1] == "4" or (not enhanced and 400 <= code < 500)
    by_code = _by_code(_subject(enhanced))
    if temporary:
        return "full" if by_code == "full" else "busy"
    return by_code or _by_words(text.casefold())


def _subject(enhanced: str) -> str:
    return enhanced.partition(".")[2]


def _by_code(subject: str) -> Meaning:
    if subject in _DEAD:
        return "dead"
    if subject == "2.2":
        return "full"
    if subject in _CONTENT or subject.startswith("6."):
        return "content"
    if subject in _POLICY or subject.startswith("7."):
        return "policy"
    return ""


def _by_words(text: str) -> Meaning:
    for words, told in ((_FULL_WORDS, "full"), (_DEAD_WORDS, "dead"), (_POLICY_WORDS, "policy")):
        if any(word in text for word in words):
            return told  # type: ignore[return-value]
    return ""
