"""What a refusal says beyond its class: whom it speaks of, and so whether the next message may go.

A reply is read in this order, and the first that tells decides:

1. the code of a provider of its own (Orange, La Poste, SFR, Microsoft, Yahoo), which is more exact than what stands beside it:
   Orange writes ``552 5.1.1`` for a full mailbox and ``OFR_417`` behind it;
2. the stage: before RCPT TO no recipient was named, so a permanent refusal there speaks of us or of the message;
3. the enhanced status code (RFC 3463 and IANA's registry, « SMTP Enhanced Status Codes »), where its detail is exact;
4. the words, where the code is vague (``X.y.0``, ``X.7.1``), unknown or absent;
5. the code's subject, then the reply code (RFC 5321 §4.2.2, RFC 7504).

``5.7.1`` after RCPT TO may speak of one recipient (who takes mail from some senders only) or of us (relaying refused, our address
on a list: Postfix says so at RCPT TO). The words decide; without any, it is the recipient's own rule, which stops nothing.
A reply at RCPT TO is one destination's word: where it speaks of us it is ``blocked``, and some of them are needed to stop a
mailing, while one at MAIL FROM, DATA or the dot (``policy``, ``content``) is what every other message would meet.
A 4xx is never more than a reason to wait.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Literal

from pipeline.delivery import wordings
from pipeline.delivery.envelope import Outcome, Stage
from pipeline.delivery.wordings import Subject

Meaning = Literal[
    "", "dead", "full", "filtered", "blocked", "policy", "content", "greylist", "slow", "busy"
]  # fmt: skip
"""What a refusal or a deferral says.

``""``        nothing more than its class.
``dead``      this address leads nowhere, for good: nobody has it, it is closed, or its domain takes no mail.
``full``      the mailbox is full.
``filtered``  this recipient's side does not take it: a rule of theirs, a limit of theirs.
``blocked``   this recipient's server refuses us: our address, our name, our authentication.
``policy``    we are refused, whoever the recipient is.
``content``   the message is refused, whoever the recipient is: taken for spam, too big.
``greylist``  come back in a few minutes.
``slow``      too much, too fast, or a reputation that has to recover.
``busy``      the other side cannot take it now.
"""

WORDS: Mapping[str, str] = {
    "": "sans précision",
    "dead": "adresse sans boîte",
    "full": "boîte pleine",
    "filtered": "refusé par le destinataire",
    "blocked": "expéditeur refusé par ce serveur",
    "policy": "expéditeur refusé",
    "content": "message refusé",
    "greylist": "liste grise",
    "slow": "envoi trop rapide",
    "busy": "serveur occupé",
}
"""The same for people."""


def meaning(outcome: Outcome) -> Meaning:
    """Say what an answer means; ``""`` for a message that was sent, that nobody refused, or of which no more is known."""
    text = _folded(outcome.text)
    if outcome.verdict == "deferred":
        return _temporary(outcome, text)
    if outcome.verdict != "refused":
        return ""
    subject = _permanent(outcome, text)
    if subject in ("us", "content") and outcome.stage == "rcpt":
        return "blocked"  # nothing of the message has been shown yet: the server can only mean where it comes from
    return "policy" if subject == "us" else subject


_DEAD = ("1.1", "1.2", "1.3", "1.4", "1.6", "1.10", "2.1", "4.4", "7.17", "7.18")
_FILTERED = ("2.3", "2.4", "6.7", "7.2")
_US = ("1.7", "1.8", "5.6", "7.3", "7.4", "7.5", "7.6", "7.8", "7.9", "7.10", "7.11", "7.12", "7.14", "7.15",
       "7.20", "7.21", "7.22", "7.23", "7.24", "7.25", "7.26", "7.27", "7.28", "7.29", "7.30")  # fmt: skip
_CONTENT = ("3.4", "6.1", "6.2", "6.3", "6.5", "6.6", "6.8", "6.9", "6.10", "7.7", "7.16")
_EXACT: dict[str, Subject] = {
    **dict.fromkeys(_DEAD, "dead"),
    **dict.fromkeys(_FILTERED, "filtered"),
    **dict.fromkeys(_US, "us"),
    **dict.fromkeys(_CONTENT, "content"),
    "2.2": "full",
}
"""Subject and detail of the registry that leave no doubt. Left to the words: X.y.0, X.3.z and X.5.z but for the size, X.7.1, X.7.13
(a disabled account: theirs at RCPT TO, ours at AUTH)."""

_BY_SUBJECT: dict[str, Subject] = {
    "1": "dead",
    "2": "filtered",
    "3": "filtered",
    "4": "filtered",
    "5": "us",
    "6": "content",
}
# RFC 5321 §4.2.2; 556 is RFC 7504's. 550 alone is anything: no mailbox, no access, a rule.
_BY_CODE: dict[int, Subject] = {551: "dead", 552: "full", 553: "dead", 556: "dead"}


def _permanent(outcome: Outcome, text: str) -> Subject:
    detail = outcome.enhanced.partition(".")[2]
    if told := wordings.provider(text):
        return told
    if outcome.stage in ("connect", "mail"):
        return _before_a_recipient(outcome.code, detail)
    if exact := _exact(detail, text):
        return exact
    spoken = (subject for subject, pattern in wordings.PERMANENT if pattern.search(text))
    return next(spoken, "") or _by_code(outcome.code, detail, outcome.stage)


def _before_a_recipient(code: int, detail: str) -> Subject:
    if detail == "6.7":  # RFC 6531 §3.5: only an envelope that asks for SMTPUTF8 meets it, and only some addresses do
        return "filtered"
    return "content" if detail in ("3.4", "7.16") or code == 552 else "us"


def _exact(detail: str, text: str) -> Subject:
    if detail == "4.1" and "access denied" in text:  # Exchange Online, where the directory does not know the recipient
        return "dead"
    known = _EXACT.get(detail, "")
    if known == "dead" and wordings.FULL.search(text):
        return "full"
    if known or not (detail.startswith("7.") and detail[2:].isdecimal()):
        return known
    # Exchange Online's own details: 5.7.1xx are the rules of a mailbox or a group, 5.7.5xx and above judge the sender.
    number = int(detail[2:])
    return "filtered" if 100 <= number < 200 else "us" if number >= 500 else ""


def _by_code(code: int, detail: str, stage: Stage) -> Subject:
    if code in (530, 534, 535, 538) or stage == "data":  # RFC 4954 §6, RFC 3207 §4
        return "us"
    if stage == "dot":
        return "us" if detail.startswith(("5.", "7.")) else "content"
    if detail.startswith("7."):
        return "dead" if detail == "7.13" else "filtered"
    if detail and not detail.startswith("0."):
        return _BY_SUBJECT.get(detail[0], "")
    return _BY_CODE.get(code, "")


def _temporary(outcome: Outcome, text: str) -> Meaning:
    detail = outcome.enhanced.partition(".")[2]
    told = wordings.provider(text)
    found: Meaning = "busy" if outcome.code or outcome.enhanced else ""
    if told == "full" or detail == "2.2" or (not told and wordings.FULL.search(text)):
        found = "full"
    elif told:
        found = "slow"
    elif wordings.GREYLIST.search(text):
        found = "greylist"
    elif wordings.SLOW.search(text):
        found = "slow"
    elif outcome.stage == "rcpt" and outcome.code in (450, 451) and detail in ("7.0", "7.1", "2.0"):
        found = "greylist"  # what greylisting answers where it does not give its name
    elif detail.startswith("7."):
        found = "slow"
    return found


def _folded(text: str) -> str:
    """Small letters without accents, straight apostrophes: providers write French with and without."""
    bare = unicodedata.normalize("NFKD", text.replace("’", "'").casefold())
    return "".join(sign for sign in bare if not unicodedata.combining(sign))
