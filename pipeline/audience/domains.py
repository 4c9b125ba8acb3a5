"""Whether a domain takes mail, as the DNS says: asked in the background, since an answer may take seconds, and remembered.

It informs; a resolver that is slow, broken or not there never refuses anybody.
"""

from __future__ import annotations

import datetime as dt
import time
from typing import Any, Literal, TypeAlias

import dns.exception
import dns.name
import dns.resolver

from pipeline.audience.models import DomainCheck

Verdict: TypeAlias = Literal["mail", "none", "unknown"]
"""``mail``: a server is named; ``none``: the DNS says that there is none; ``unknown``: it did not say."""

PATIENCE = 8.0
"""Seconds in all for one domain."""
REMEMBERED = dt.timedelta(days=30)
ASKED_AGAIN = dt.timedelta(hours=1)
"""For how long a DNS that did not answer is left alone."""
_MOST_EXCHANGERS = 10
"""Of more, the others are not looked at: nobody needs them, and a hostile domain may name hundreds."""


def resolver() -> dns.resolver.Resolver | None:
    """The machine's resolver; None where it has none."""
    try:
        return dns.resolver.Resolver()
    except dns.exception.DNSException:
        return None


def check(domain: str, resolver: dns.resolver.Resolver | None, *, within: float = PATIENCE) -> Verdict:
    """Ask which servers take mail for ``domain`` (A-labels), in at most ``within`` seconds for all questions together.

    Mail goes to the hosts of the MX records; without any, to the domain's own address (RFC 5321 §5.1). A null MX says that there
    is no mail (RFC 7505), and MX records of which no host has an address cannot be used (RFC 5321 §5.1). A domain that does not
    exist takes none; silence, a failure or a name that cannot be asked for is ``unknown``.
    """
    if resolver is None:
        return "unknown"
    questions = _Questions(resolver, time.monotonic() + within)
    try:
        records = sorted(questions.ask(domain, "MX"), key=lambda record: record.preference)
    except _NoAnswer:
        return "unknown"
    if not records:
        return questions.has_address([domain])
    exchangers = [record.exchange for record in records if record.exchange != dns.name.root]
    return questions.has_address(exchangers[:_MOST_EXCHANGERS]) if exchangers else "none"


def remember(domain: str, verdict: Verdict, now: dt.datetime) -> None:
    """Keep what :func:`check` said. ``unknown`` never takes the place of what is known and still counts."""
    if verdict == "unknown" and known(domain, now) in ("mail", "none"):
        return
    DomainCheck.objects.update_or_create(domain=domain, defaults={"verdict": verdict, "at": now})


def known(domain: str, now: dt.datetime) -> Verdict | None:
    """What was said of ``domain`` in the last 30 days (``unknown``: in the last hour); None where it is to be asked."""
    row = DomainCheck.objects.filter(domain=domain).values_list("verdict", "at").first()
    if row is None:
        return None
    verdict, at = _verdict(row[0]), row[1]
    return verdict if now - at < (ASKED_AGAIN if verdict == "unknown" else REMEMBERED) else None


def look_up(domain: str, *, now: dt.datetime) -> Verdict:
    """What is known, or else what the DNS says now; it takes seconds at most, and no transaction may wait for it."""
    found = known(domain, now)
    if found is None:
        found = check(domain, resolver())
        remember(domain, found, now)
    return found


def _verdict(kept: str) -> Verdict:
    return "mail" if kept == "mail" else "none" if kept == "none" else "unknown"


class _NoAnswer(Exception):
    """Neither yes nor no: time is up, the servers fail, or the name cannot be asked for."""


class _Questions:
    """What is asked about one domain, until the ``deadline`` (monotonic seconds)."""

    def __init__(self, resolver: dns.resolver.Resolver, deadline: float) -> None:
        self._resolver = resolver
        self._deadline = deadline

    def ask(self, name: str | dns.name.Name, kind: str) -> list[Any]:
        """The records of ``kind``; none where the name has none, or does not exist. Raises ``_NoAnswer``."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise _NoAnswer
        try:
            answer = self._resolver.resolve(name, kind, search=False, lifetime=left, raise_on_no_answer=False)
        except dns.resolver.NXDOMAIN:
            return []
        except dns.exception.DNSException as error:
            raise _NoAnswer from error
        return list(answer.rrset or ())

    def has_address(self, hosts: list[str] | list[dns.name.Name]) -> Verdict:
        """``mail`` as soon as one of ``hosts`` has an address; ``none`` only if it is certain of all that they have none."""
        certain = True
        for host in hosts:
            try:
                if self.ask(host, "A") or self.ask(host, "AAAA"):
                    return "mail"
            except _NoAnswer:
                certain = False
        return "none" if certain else "unknown"
