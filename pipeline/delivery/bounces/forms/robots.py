"""Answers by robots: absences, and filters that ask the sender to prove to be a person. They change nothing."""

from __future__ import annotations

import re

from pipeline.delivery.bounces.forms.base import Letter, Verdict, ignored
from pipeline.delivery.bounces.report import Fields, first

_ABSENCE = re.compile(
    r"^(?:(?:re|tr|fwd?) ?:|\[[^]]*\]|\s)*"
    r"(?:absen[ct]|(?:message|réponse|reponse|notification) (?:automatique|d['’]absence)|(?:en )?congés?\b"
    r"|auto(?:matic)?[ -]?(?:response|reply)|auto ?:|out of (?:the )?office|ooo\b|vacation|on leave|away from)",
    re.IGNORECASE,
)
_CHALLENGE = re.compile(
    r"mail ?in ?black|demande d['’]authentification|authentifi(?:er|ez|cation)\b.{0,80}\b(?:message|mail)"
    r"|confirm(?:er|ez)\b.{0,80}\b(?:message|mail)|challenge|boxtrapper|spam ?arrest"
    r"|verify your (?:e-?mail|message)|please confirm your message|action required to deliver",
    re.IGNORECASE,
)
_CHALLENGERS = ("x-boxtrapper", "x-challenge", "x-mib", "x-mailinblack", "x-spamarrest", "x-tmda-fingerprint")
_OLDER = ("x-autoreply", "x-autorespond", "x-autorespond-by", "x-autoresponder", "x-vacation")


def read(letter: Letter) -> Verdict | None:
    """A robot that shows in a subject or a field of its own: looked for before the bounces of old, which are told by their words."""
    subject = first(letter.head, "subject")
    if any(name in letter.head for name in _CHALLENGERS) or _CHALLENGE.search(subject):
        return ignored("demande d’authentification")
    return ignored("absence") if _ABSENCE.search(subject) else None


def read_rest(letter: Letter) -> Verdict | None:
    """A robot of which nothing more is known: servers that report in a form of their own say the same of themselves."""
    return ignored("réponse automatique") if _automatic(letter.head) else None


def _automatic(head: Fields) -> bool:
    """RFC 3834 §5, and what came before it."""
    submitted = first(head, "auto-submitted").casefold().partition(";")[0].strip()
    precedence = first(head, "precedence").casefold()
    return submitted not in ("", "no") or precedence in ("auto_reply", "bulk", "junk") or any(n in head for n in _OLDER)
