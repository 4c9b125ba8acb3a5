"""Requests to URLs that others gave: nobody makes us talk to what only we can reach (server-side request forgery).

A name is resolved once; every address that it has must be public; the connection goes to an address so judged, and the name is not
asked again, so that a second answer (DNS rebinding) changes nothing. TLS is verified against the name. No redirection is followed,
no proxy of the environment is used; the whole exchange has one time limit, and an answer one size.
"""

from __future__ import annotations

import http.client
import io
import re
import socket
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, Protocol, TypeAlias
from urllib.parse import urlsplit

import dns.exception
import dns.resolver
import idna

Address: TypeAlias = IPv4Address | IPv6Address

SECONDS = 10.0
"""For everything: the name, the connection, TLS, the request and its answer."""
LONGEST = 64 * 1024
"""Bytes of an answer that are read; what is longer is cut."""
LONGEST_URL = 2000

_PORTS = {"https": 443, "http": 80}
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
# The blocks of IANA's special-purpose registries (RFC 6890) that are not the public Internet, and multicast (RFC 5771).
_CLOSED_4 = tuple(
    ip_network(block)
    for block in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
        "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
    )
)  # fmt: skip
_GLOBAL_6 = IPv6Network("2000::/3")  # all that IANA has handed out (RFC 4291 §2.4)
# Protocol assignments, Teredo among them (RFC 2928, 4380); documentation (RFC 3849, 9637); 6to4 (RFC 3056): an IPv4 address in disguise.
_CLOSED_6 = tuple(ip_network(block) for block in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"))
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052 §2.1: the last 32 bits are an IPv4 address


class Refused(Exception):
    """The URL is not one that is talked to. The message is French, names what is wrong, and says what would do."""


class Unreachable(Exception):
    """There was no answer. The message is French."""


@dataclass(frozen=True, slots=True)
class Target:
    """A URL, taken apart. ``path``: with its query; ``host``: in A-labels, or an address."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """What the ``Host`` header says (RFC 9110 §7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Answer:
    """``headers``: by lowercase name; ``content``: at most :data:`LONGEST` bytes; ``whole``: False where more was to come, or did
    not come in time."""

    status: int
    reason: str
    headers: Mapping[str, str]
    content: bytes
    whole: bool


class Lookup(Protocol):
    """Finds the addresses of a name."""

    def __call__(self, name: str, *, seconds: float) -> Sequence[Address]:
        """Every address, none where the name is not known. Raises :class:`Unreachable` where DNS does not say."""


def is_public(address: Address) -> bool:
    """True where ``address`` is one of the public Internet, whatever form it is written in.

    >>> [is_public(ip_address(one)) for one in ("9.9.9.9", "10.0.0.1", "64:ff9b::a00:1", "::ffff:9.9.9.9")]
    [True, False, False, False]
    """
    if isinstance(address, IPv4Address):
        return not any(address in block for block in _CLOSED_4)
    if address in _NAT64:
        return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
    return address in _GLOBAL_6 and not any(address in block for block in _CLOSED_6)


def parse(url: str, *, local: bool = False) -> Target:
    """Take a URL apart: https, without a password or a fragment. ``local``: this machine may be talked to, by http too (for trials).

    Raises:
        Refused: it is not such a URL, or its host is an address that is not public.
    """
    if not url.isascii() or not url.isprintable() or set(url) & set(' \\"<>^`{|}'):
        url = _with_encoded_host(url)
    if len(url) > LONGEST_URL:
        raise Refused(f"L’URL dépasse {LONGEST_URL} signes.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise Refused("Ce n’est pas une URL, comme https://example.org/recevoir.") from error
    if parts.scheme != "https" and not (local and parts.scheme == "http"):
        raise Refused(
            "L’URL commence par https://. (http:// ne vaut que vers cette machine, tant que KIT_BASE_URL y est.)"
        )
    if parts.username is not None or parts.password is not None:
        raise Refused("L’URL contient un nom ou un mot de passe avant l’hôte : les ôter.")
    if parts.fragment:
        raise Refused("L’URL contient un fragment (« # ») : l’ôter.")
    host = _host(parts.hostname or "", local=local)
    if parts.scheme == "http" and not _is_loopback(host):
        raise Refused(f"http:// ne vaut que vers cette machine : {host} se joint par https://.")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, _PORTS[parts.scheme] if port is None else port, path)


class Resolver:
    """Asks the machine's DNS resolver, or the one at ``server`` (address, port). ``localhost`` is this machine (RFC 6761 §6.3)."""

    def __init__(self, server: tuple[str, int] | None = None) -> None:
        try:
            self._resolver = dns.resolver.Resolver(configure=server is None)
        except dns.resolver.NoResolverConfiguration:
            self._resolver = dns.resolver.Resolver(configure=False)
        if server:
            self._resolver.nameservers, self._resolver.port = [server[0]], server[1]

    def __call__(self, name: str, *, seconds: float) -> Sequence[Address]:
        if name == "localhost":
            return [ip_address("127.0.0.1"), ip_address("::1")]
        end = time.monotonic() + seconds
        return [address for kind in ("A", "AAAA") for address in self._ask(name, kind, end)]

    def _ask(self, name: str, kind: str, end: float) -> list[Address]:
        try:
            left = max(end - time.monotonic(), 0.01)
            answer = self._resolver.resolve(name, kind, search=False, lifetime=left, raise_on_no_answer=False)
        except dns.resolver.NXDOMAIN:
            return []
        except dns.exception.DNSException as error:
            raise Unreachable(f"le DNS ne répond pas pour {name}") from error
        return [ip_address(record.address) for record in answer.rrset or ()]


class Caller:
    """Makes requests. ``local``: addresses of this machine count as public, and http may be spoken with them."""

    def __init__(
        self,
        *,
        local: bool = False,
        lookup: Lookup | None = None,
        context: ssl.SSLContext | None = None,
        seconds: float = SECONDS,
    ) -> None:
        self.local = local
        self._lookup = lookup or Resolver()
        self._context = context or ssl.create_default_context()
        self._seconds = seconds

    def request(self, method: str, url: str, *, headers: Mapping[str, str], content: bytes = b"") -> Answer:
        """One request, one answer, whatever its status.

        Raises:
            Refused: the URL, or an address of its host, is not one that is talked to; nothing was sent.
            Unreachable: no address, no connection, no valid certificate, or no status in time.
        """
        target = parse(url, local=self.local)
        end = time.monotonic() + self._seconds
        addresses = self._judged(target)
        try:
            with _connect(addresses, target.port, end) as plain, self._secured(plain, target, end) as line:
                return _exchange(_Timed(line, end), target, method, headers, content)
        except ssl.SSLCertVerificationError as error:
            raise Unreachable(f"certificat refusé : {error.verify_message}") from error
        except TimeoutError as error:
            raise Unreachable(f"pas de réponse en {self._seconds:g}\u00a0s") from error
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(f"pas de réponse ({getattr(error, 'strerror', None) or type(error).__name__})") from error

    def _judged(self, target: Target) -> Sequence[Address]:
        literal = _literal(target.host)
        found = [literal] if literal else self._lookup(target.host, seconds=self._seconds / 2)
        if not found:
            raise Unreachable(f"le nom {target.host} n’a pas d’adresse")
        for address in found:
            if not _permitted(address, local=self.local):
                raise Refused(f"{target.host} mène à {address}, qui n’est pas une adresse publique.")
        return found

    def _secured(self, plain: socket.socket, target: Target, end: float) -> socket.socket:
        if target.scheme == "http":
            return plain
        plain.settimeout(_left(end))
        return self._context.wrap_socket(plain, server_hostname=target.host)


class _Timed:
    """As much of a socket as http.client uses. Each step gets what is left until ``end``, so that no slow trickle outlasts it."""

    def __init__(self, line: socket.socket, end: float) -> None:
        self._line, self._end = line, end

    def sendall(self, data: bytes) -> None:
        for at in range(0, len(data), 16_384):
            self._line.settimeout(_left(self._end))
            self._line.sendall(data[at : at + 16_384])

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Reader(self._line, self._end))

    def close(self) -> None:
        """Whoever opened the socket closes it."""


class _Reader(io.RawIOBase):
    def __init__(self, line: socket.socket, end: float) -> None:
        super().__init__()
        self._line, self._end = line, end

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._line.settimeout(_left(self._end))
        return self._line.recv_into(buffer)


def _exchange(line: _Timed, target: Target, method: str, headers: Mapping[str, str], content: bytes) -> Answer:
    connection = http.client.HTTPConnection(target.host, target.port)
    connection.auto_open = 0  # or it would connect by name, unjudged, where the other side has hung up
    connection.sock = line
    asked = {"Host": target.authority, "Connection": "close", "Accept-Encoding": "identity", **headers}
    connection.request(method, target.path, body=content or None, headers=asked)
    response = connection.getresponse()
    told = {name.lower(): value for name, value in response.headers.items()}
    read, whole = b"", False
    try:
        read = response.read(LONGEST + 1)
        whole = len(read) <= LONGEST and not response.length
    except (OSError, http.client.HTTPException):
        pass  # the status was said: what should have come after it is missing, and ``whole`` tells so
    return Answer(response.status, response.reason, told, read[:LONGEST], whole)


def _connect(addresses: Sequence[Address], port: int, end: float) -> socket.socket:
    """To the first of them that answers, each with a fair share of the time."""
    for nth, address in enumerate(addresses, 1):
        try:
            return socket.create_connection((str(address), port), timeout=_left(end) / (len(addresses) - nth + 1))
        except OSError:
            if nth == len(addresses):
                raise
    raise AssertionError("there is an address")


def _left(end: float) -> float:
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _permitted(address: Address, *, local: bool) -> bool:
    return is_public(address) or (local and address.is_loopback)


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _is_loopback(host: str) -> bool:
    literal = _literal(host)
    return host == "localhost" or (literal is not None and literal.is_loopback)


def _host(host: str, *, local: bool) -> str:
    literal = _literal(host)
    if literal is not None:
        if not _permitted(literal, local=local):
            raise Refused(f"{literal} n’est pas une adresse publique.")
        return str(literal)
    name = host.rstrip(".")
    if name == "localhost" and local:
        return name
    labels = name.split(".")
    if (
        len(labels) < 2
        or len(name) > 253
        or not all(_LABEL.fullmatch(label) for label in labels)
        or labels[-1].isdigit()
    ):
        raise Refused(f"« {host} » n’est pas un nom d’hôte complet, comme hooks.example.org.")
    return name


def _with_encoded_host(url: str) -> str:
    """The URL with its host in A-labels (RFC 5891); whatever else is outside of RFC 3986 is refused."""
    found = re.fullmatch(r"(https?://)([^/?#:@]+)([!#$%&'()*+,./0-9:;=?@A-Z\[\]_a-z~-]*)", url)
    try:
        if found is None:
            raise UnicodeError
        return found[1] + idna.encode(found[2], uts46=True).decode() + found[3]
    except UnicodeError as error:  # which idna's own errors are
        raise Refused("L’URL contient des signes qui doivent être encodés (« %20 » pour une espace).") from error
