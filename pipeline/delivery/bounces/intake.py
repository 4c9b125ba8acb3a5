"""The way of a mail that came back, whichever door it came by: whom it was for, what it says, what follows.

A failure counts only where its envelope's recipient bears our signature; a complaint and a farewell only by a signature within
them. Everything else changes nothing.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipeline.delivery.bounces import records, report, verdict, verp
from pipeline.delivery.bounces.forms.base import key
from pipeline.delivery.bounces.records import Sent
from pipeline.delivery.bounces.verdict import Verdict
from pipeline.delivery.models import Bounce

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a mail: the verdict's kind, why nothing followed (French), and whether it was new."""

    kind: verdict.Kind
    why: str = ""
    new: bool = False


def is_ours(address: str, *, complaints: str = "") -> bool:
    """True for an address that mails may come back to: one that we signed, the one that unsubscribes, ``complaints``."""
    if verp.is_unsubscribe_address(address) or verp.read(address) is not None:
        return True
    return bool(complaints) and key(address) == key(complaints)


def take(raw: bytes, addressees: Iterable[str], *, now: dt.datetime) -> Taken:
    """Read a mail and let what has to follow follow; committed on return. Again with the same mail changes nothing.

    ``addressees``: the envelope's recipients where they are known, else what the header notes of them.
    """
    to, sent = _whom(list(addressees))
    told = verdict.judge(raw, to=to, address=sent.address if sent else "")
    if told.kind == "ignored":
        return _ignored(told.why)
    if told.kind in ("complaint", "unsubscribe"):
        sent = _by_tokens(told) or (sent if told.form == "arf" else None)
    if sent is None:
        return _ignored("aucune signature de ce site")
    known_by = records.digest_of(
        told.kind, str(sent.mailing), str(sent.position), str(sent.person), report.identity(raw)
    )
    new = records.record(sent, told, source=Bounce.Source(told.form), digest=known_by, now=now)
    logger.info("mailing %s, place %s: %s (%s)", sent.mailing, sent.position, told.kind, told.enhanced or told.form)
    return Taken(told.kind, new=new)


def _whom(addressees: Sequence[str]) -> tuple[str, Sent | None]:
    """The recipient that counts, and the message that its signature names."""
    for address in addressees:
        signed = verp.read(address)
        if signed is not None:
            return address, records.find(signed)
    leaving = [address for address in addressees if verp.is_unsubscribe_address(address)]
    return next(iter([*leaving, *addressees]), ""), None


def _by_tokens(told: Verdict) -> Sent | None:
    for token in told.tokens:
        signed = verp.read_token(token) or verp.read_unsubscribe(token)
        sent = records.find(signed) if signed else None
        if sent is not None:
            return sent
    return None


def _ignored(why: str) -> Taken:
    logger.info("nothing follows: %s", why)
    return Taken("ignored", why)
