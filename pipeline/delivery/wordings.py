"""What servers say where their codes are vague: English and French, small letters, without accents, straight apostrophes.

Kept from real replies (Postfix, Exim, Exchange, Domino, the great providers). They are tried in the order of :data:`PERMANENT`:
what speaks of the sender comes before what speaks of the recipient, for « sender address rejected: user unknown » is about us.
"""

from __future__ import annotations

import re
from typing import Literal

Subject = Literal["", "dead", "full", "filtered", "us", "content"]
"""Whom a permanent refusal speaks of: the recipient (``dead``, ``full``, ``filtered``), us, or the message; ``""``: it does not say."""


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns))


FULL = _any(
    r"mailbox(?: is)? full",
    r"over ?quota",
    r"quota (?:is |has been )?exceeded",
    r"exceed\w* (?:\w+ ){0,3}quota",
    r"out of storage",
    r"storage (?:is )?full",
    r"boite (?:\S+ ){0,4}pleine",
    r"quota (?:est )?depasse",
)
US = _any(
    r"spamhaus|spamcop|barracuda|abusix|cloudmark|senderscore|\b(?:rbl|dnsbl)\b",
    r"(?:block|black|deny)[ -]?list|blocked using|(?<!not )listed (?:at|by|in|on)\b",
    r"\b(?:spf|dkim|dmarc|ptr|rdns|helo|ehlo)\b|reverse dns|client host|authenticat|bulk send",
    r"reputation|\b(?:your|source|sending) ip\b|adresse ip|service refuse|trop de (?:spam|plainte)",
    r"relay(?:ing)? (?:access )?(?:is )?(?:denied|not (?:permitted|allowed)|prohibited)",
    r"(?:unable|not (?:permitted|allowed)) to relay|not allowed to send",
    r"sender (?:address |verify |domain )?(?:rejected|denied|fail|invalid|unknown)",
    r"(?:invalid|bad|banned) sender|emetteur invalide",
    r"policy (?:reason|violation|rejection)",
)
CONTENT = _any(
    r"\bspam|virus|malware|phish|unsolicited|junk|objectionable",
    r"(?:message|content|mail) (?:content )?(?:was |is |has been )?(?:rejected|refused|blocked)",
    r"(?:mail|message) (?:rejete|refuse)",
    r"message (?:is )?(?:too (?:big|large)|trop)|message size|size limit|taille (?:limite|maximale)",
)
DEAD = _any(
    r"(?:user|mailbox|recipient|address|account|alias)\S* (?:\S+ ){0,2}?(?:unknown|not known|not found)\b",
    r"(?:unknown|no such|invalid|not a valid|illegal|bad|nonexistent) (?:local )?(?:user|mailbox|recipient)",
    r"(?:unknown|no such|invalid|not a valid|illegal|bad|nonexistent) (?:address|account|destination|person|alias)",
    r"does ?n[o']t (?:exist|have an?)\b|not have an? \S+ account|no longer (?:exists|available|valid|active)",
    r"mailbox unavailable|no mailbox|not listed in|not our customer|unrouteable|inactivity",
    r"(?:domain|host)\S* (?:name )?not found",
    r"(?:account|mailbox|user|address)\S* (?:\S+ ){0,4}?(?:disabled|deactivated|closed|suspended|inactive)",
    r"(?:destinataire|utilisateur|adresse|compte)\S* (?:\S+ ){0,2}?inconnue?\b|n'existe pas|inexistant",
    r"(?:destinataire|adresse)\S* (?:\S+ ){0,5}?invalide",
    r"(?:compte|boite|adresse)\S* (?:\S+ ){0,4}?(?:archivee|desactivee?|fermee?|suspendue?)",
)
FILTERED = _any(r"gcdp|not accepting|restricted|not authori[sz]ed|access denied|refuse de recevoir")

PERMANENT: tuple[tuple[Subject, re.Pattern[str]], ...] = (
    ("full", FULL),
    ("us", US),
    ("content", CONTENT),
    ("dead", DEAD),
    ("filtered", FILTERED),
)

GREYLIST = _any(
    r"gr[ea]y[ -]?list|liste grise|postgrey", r"try again in \d+ ?(?:s|m)", r"retry in \d+", r"revenez dans"
)
SLOW = _any(
    r"too (?:many|much|fast|quickly)|slow down|\brates?\b|throttl|trop (?:de|vite|rapide)|unexpected volume",
    r"complaint|plainte|temporarily (?:blocked|deferred)|reputation|\bspam|your ip\b|policy",
)

# Orange and La Poste share a numbering, at the end of OFR_416, LPN007_416, LPNAAA_101.
_FRENCH = re.compile(r"\b(?:ofr|ouk|lpn)[a-z0-9]*[_-]?(\d{3})\b")
_FRENCH_CODES: dict[str, Subject] = {
    **dict.fromkeys(("416", "418", "420", "426"), "dead"),
    **dict.fromkeys(("506", "513", "514"), "content"),
    "417": "full",
}
_OTHERS = _any(
    r"\bsfr_in_\d+|\bgu_eib_\d+",
    r"\(a?s(?:31\d\d|84\d)\)|\b(?:sc|dy|ou|rp)-00\d\b",  # Microsoft: (S3140), (AS3150), SC-001, RP-001
    r"\[(?:tss?|bl|gl)\d\d\]",  # Yahoo: [TSS04], [TS02], [BL21]
)


def provider(text: str) -> Subject:
    """Whom a provider's own code speaks of; ``""`` where there is none. Those of SFR, Microsoft and Yahoo only ever speak of us."""
    if found := _FRENCH.search(text):
        return _FRENCH_CODES.get(found[1], "us")
    return "us" if _OTHERS.search(text) else ""
