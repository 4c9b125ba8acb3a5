"""What stands between a public form and the inbox: a trap for programs, and limits for everybody. No cookie, no third party.

The trap is a signed time: a form that comes back at once, or a day later, is shown again with what was written in it. A field that
no person sees catches those that fill in everything. Whoever answers neither is taken for a form on another site.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Literal, TypeAlias

from django.core import signing

from pipeline import limits
from pipeline.audience import addresses, consent, wordlists
from pipeline.audience.addresses import Address
from pipeline.delivery import throttle
from pipeline.limits import Limit

Trapped: TypeAlias = Literal["passed", "machine", "absent", "early", "late"]

TRAP = "moment"
"""The field that holds the signed time."""
HONEYPOT = "precision"
"""The field that no person sees. Its name is none that a browser fills in by itself."""
EARLIEST = dt.timedelta(seconds=3)
LATEST = dt.timedelta(hours=24)

NETWORK = Limit("sign-ups of a network", 30, 600)
"""A town hall shares one address: thirty colleagues may sign up within ten minutes."""
NETWORK_A_DAY = Limit("sign-ups of a network, a day", 300, 86_400)
FORM = Limit("sign-ups of a form", 10_000, 3_600)
"""More than a mail to every commune of France brings in an hour."""
DOMAIN = Limit("sign-ups of a domain", 100, 3_600)
"""Of a domain that is no large provider's: all its addresses may lead into one mailbox."""
MAILBOX = Limit("sign-ups of a mailbox", 5, 86_400)
MOVES = Limit("changes of address of a person", 5, 86_400)

LARGE = frozenset(throttle.GROUPS) | wordlists.words("known-domains")
"""Providers whose domains many people share."""


def stamp(form: str, *, now: dt.datetime) -> str:
    """What a form carries: when it was shown."""
    return _signer(form).sign(str(int(now.timestamp())))


def trap(form: str, data: Mapping[str, str], *, now: dt.datetime) -> Trapped:
    """What came back: ``absent`` where no form of ours was filled in."""
    if data.get(HONEYPOT):
        return "machine"
    try:
        shown = int(_signer(form).unsign(data.get(TRAP, "")))
    except (signing.BadSignature, ValueError):
        return "absent"
    age = now.timestamp() - shown
    if age > LATEST.total_seconds():
        return "late"
    return "early" if age < EARLIEST.total_seconds() else "passed"


def busy(season: str, form: str, address: Address, ip: str) -> int:
    """0, or the seconds until this network, this form or this domain may ask again. Says nothing of the address itself."""
    network = consent.truncated(ip)
    counted: list[tuple[Limit, tuple[str, ...]]] = [(FORM, (season, form))]
    if network:
        counted += [(NETWORK, (network,)), (NETWORK_A_DAY, (network,))]
    if address.domain not in LARGE:
        counted.append((DOMAIN, (address.domain,)))
    return next((wait for limit, subject in counted if (wait := limits.take(limit, *subject))), 0)


def had_enough(address: Address) -> bool:
    """True where this mailbox was typed so often today that nothing more is done for it. Nobody is told."""
    return bool(limits.take(MAILBOX, addresses.same_mailbox(address)))


def _signer(form: str) -> signing.Signer:
    return signing.Signer(salt=f"pipeline.web.reader.gate:{form}")
