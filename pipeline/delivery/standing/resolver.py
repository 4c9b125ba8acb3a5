"""The questions that are put to DNS, and nothing of dnspython beyond them."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, Protocol, TypeAlias

import dns.exception
import dns.name
import dns.resolver
import dns.reversename

Address: TypeAlias = IPv4Address | IPv6Address
_PATIENCE = 2
"""Questions that may stay without an answer before the resolver counts as gone: the others are then not asked at all."""


class Silent(Exception):
    """DNS gave no answer, neither yes nor no."""

    def __init__(self) -> None:
        super().__init__("le résolveur ne répond pas")


class Lookup(Protocol):
    """What DNS holds for a name; nothing where it holds nothing. Each method raises :class:`Silent`."""

    def texts(self, name: str) -> tuple[str, ...]:
        """TXT records, the strings of each joined."""

    def addresses(self, name: str) -> tuple[Address, ...]:
        """A and AAAA records."""

    def exchangers(self, name: str) -> tuple[str, ...]:
        """Hosts of the MX records, the preferred one first; a null MX (RFC 7505) is none."""

    def names(self, address: Address) -> tuple[str, ...]:
        """PTR records."""


class Resolver:
    """Asks the machine's resolver, or the one at ``server`` (address, port); ``timeout`` in seconds for each question."""

    def __init__(self, server: tuple[str, int] | None = None, *, timeout: float = 4.0) -> None:
        self._timeout = timeout
        self._unanswered = 0
        try:
            self._resolver = dns.resolver.Resolver(configure=server is None)
        except dns.exception.DNSException:
            self._resolver = dns.resolver.Resolver(configure=False)
            self._unanswered = _PATIENCE
        if server:
            self._resolver.nameservers = [server[0]]
            self._resolver.port = server[1]

    def texts(self, name: str) -> tuple[str, ...]:
        return tuple(b"".join(record.strings).decode(errors="replace") for record in self._ask(name, "TXT"))

    def addresses(self, name: str) -> tuple[Address, ...]:
        return tuple(ip_address(record.address) for kind in ("A", "AAAA") for record in self._ask(name, kind))

    def exchangers(self, name: str) -> tuple[str, ...]:
        found = sorted(self._ask(name, "MX"), key=lambda record: (record.preference, record.exchange))
        return tuple(_plain(record.exchange) for record in found if record.exchange != dns.name.root)

    def names(self, address: Address) -> tuple[str, ...]:
        name = dns.reversename.from_address(str(address)).to_text()
        return tuple(_plain(record.target) for record in self._ask(name, "PTR"))

    def _ask(self, name: str, kind: str) -> list[Any]:
        if self._unanswered >= _PATIENCE:
            raise Silent
        try:
            answer = self._resolver.resolve(name, kind, search=False, lifetime=self._timeout, raise_on_no_answer=False)
        except dns.resolver.NXDOMAIN:
            return []
        except dns.resolver.LifetimeTimeout as error:
            self._unanswered += 1
            raise Silent from error
        except dns.resolver.NoNameservers as error:
            raise Silent from error
        except dns.exception.DNSException:
            return []  # no name that DNS could hold anything for
        self._unanswered = 0
        return list(answer.rrset or ())


def _plain(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower()
