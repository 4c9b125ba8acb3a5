"""What every form is given and what it gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pipeline.audience import addresses
from pipeline.delivery import verdicts
from pipeline.delivery.bounces import report
from pipeline.delivery.bounces.report import Fields, Mail
from pipeline.delivery.envelope import MAX_TEXT, Outcome
from pipeline.delivery.verdicts import Meaning

Kind = Literal["hard", "soft", "complaint", "unsubscribe", "ignored"]
"""``hard``: the address is dead. ``soft``: the message was not delivered, the address may live. ``complaint``: the reader calls it
unwanted. ``unsubscribe``: the reader asks to leave. ``ignored``: nothing follows."""

Form = Literal["dsn", "arf", "mail"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """``why`` says in French why nothing follows; ``tokens`` are the signs, not yet verified, of whom a complaint or a farewell
    comes from; ``code``, ``enhanced`` and ``text`` are the other server's."""

    kind: Kind
    form: Form
    why: str = ""
    meaning: Meaning = ""
    code: int = 0
    enhanced: str = ""
    text: str = ""
    tokens: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail that came: ``parts`` without those of a mail that it returns, ``head`` its header; ``to`` the envelope's recipient,
    ``key`` the address that our message went to as it is compared, ``""`` where it is not known."""

    raw: bytes
    parts: list[Mail]
    head: Fields
    to: str
    key: str

    def of_type(self, *kinds: str) -> list[Mail]:
        """The parts of these media types."""
        return [part for part in self.parts if part.get_content_type() in kinds]


def opened(raw: bytes, *, to: str = "", address: str = "") -> Letter:
    """Read a mail into a letter. Raises :class:`pipeline.delivery.bounces.report.UnreadableError`."""
    mail = report.parse(raw)
    return Letter(raw, report.parts(mail), report.fields(mail), to, key(address))


def key(address: str) -> str:
    """How addresses are compared (:mod:`pipeline.audience.addresses`); what is none is compared as it stands, less its case."""
    if not address:
        return ""
    try:
        return addresses.parse(address).key
    except addresses.AddressError:
        return address.casefold()


def meaning(code: int, enhanced: str, text: str) -> Meaning:
    """What a reported failure means (:mod:`pipeline.delivery.verdicts`).

    A report does not tell which step of which conversation the words are from: the codes and the words decide. It speaks of one
    recipient: what is against us is that one server's refusal, ``blocked``.
    """
    temporary = enhanced.startswith("4") or (not enhanced and 400 <= code < 500)
    told = verdicts.meaning(Outcome(None, "deferred" if temporary else "refused", code, enhanced, text[:MAX_TEXT]))
    return "blocked" if told == "policy" else told


def ignored(why: str, form: Form = "mail") -> Verdict:
    """Nothing follows, and why."""
    return Verdict("ignored", form, why)
