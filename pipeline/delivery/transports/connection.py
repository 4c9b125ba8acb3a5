"""One connection to an SMTP server: the socket, TLS, the greeting, who we are (RFC 5321, 3207, 4954, 8314)."""

from __future__ import annotations

import base64
import contextlib
import errno
import ipaddress
import os
import select
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from pipeline.delivery.transports.base import TransportUnavailable
from pipeline.delivery.transports.replies import ConversationLost, ProtocolError, Replies, Reply
from pipeline.delivery.transports.servers import Server
from pipeline.delivery.transports.waiting import Blocking, Waiter, poll

_CHUNK = 65536
_RECORD = 16384
"""Octets of a TLS record at most (RFC 8446 §5.1)."""

Patience = Callable[[], bool]
"""Asked about once a second of waiting; False: wait no longer."""


class Abandoned(Exception):
    """The caller gave up waiting."""


def is_loopback(host: str) -> bool:
    """True for this machine itself."""
    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


@dataclass(slots=True)
class Connection:
    """An open, greeted, authenticated connection. ``offers``: EHLO keyword → its parameters, in capitals."""

    server: Server
    socket: socket.socket
    waiter: Waiter = field(default_factory=Blocking)
    offers: dict[str, str] = field(default_factory=dict)
    sent: int = 0
    _replies: Replies = field(default_factory=Replies)

    @property
    def pipelining(self) -> bool:
        return "PIPELINING" in self.offers

    @property
    def max_size(self) -> int:
        """The largest message it takes (RFC 1870), in bytes; 0: it does not say."""
        size = self.offers.get("SIZE", "").split(" ")[0]
        return int(size) if size.isascii() and size.isdigit() else 0

    def is_idle_and_open(self) -> bool:
        """True where nothing has arrived since the last reply: a server that closed, or said 421, is not used again."""
        return not self._replies.pending and not poll(self.socket, select.POLLIN, 0)

    def write_some(self, data: memoryview) -> int:
        """Write what fits; 0 where nothing does now. Raises :class:`ConversationLost`.

        Under TLS one record at a time: OpenSSL, given more, says « nothing yet » though whole records of it have left. Until a
        record has left, what is written next must begin with the same bytes.
        """
        try:
            return self.socket.send(data[:_RECORD] if isinstance(self.socket, ssl.SSLSocket) else data)
        except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
            return 0
        except OSError as error:
            raise ConversationLost(f"connexion perdue à l’écriture ({error.strerror or error})") from error

    def wait_writable(self, timeout: float, patience: Patience) -> None:
        """Wait until something can be written. Raises :class:`ConversationLost`, :class:`Abandoned`."""
        self._wait(select.POLLOUT, timeout, patience)

    def write(self, data: bytes, timeout: float, patience: Patience) -> None:
        """Write everything."""
        view = memoryview(data)
        while view:
            written = self.write_some(view)
            view = view[written:]
            if not written:
                self.wait_writable(timeout, patience)

    def read(self, timeout: float, patience: Patience) -> Reply:
        """Return the next whole reply.

        Raises:
            ConversationLost: it did not come in ``timeout`` seconds, or the connection broke.
            ProtocolError: what came is no reply.
            Abandoned: ``patience`` ended.
        """
        end = time.monotonic() + timeout
        while (reply := self._replies.next()) is None:
            if self._replies.ends_in_cr and self._says_no_more(0.2):
                self._replies.feed(b"\n")  # a server that ends its lines with CR alone has nothing more to say
                continue
            data = self._receive()
            if data is None:
                self._wait(select.POLLIN, max(0.0, end - time.monotonic()), patience)
            elif not data:
                raise ConversationLost("le serveur a fermé la connexion")
            else:
                self._replies.feed(data)
        return reply

    def close(self, *, politely: bool = False) -> None:
        """Close; with ``politely``, say QUIT first (its answer is not waited for)."""
        with contextlib.suppress(OSError, ValueError):
            if politely:
                self.socket.send(b"QUIT\r\n")
                poll(self.socket, select.POLLIN, min(0.5, self.server.timeouts.quit))
        with contextlib.suppress(OSError):
            self.socket.close()

    def command(self, line: str, timeout: float, patience: Patience) -> Reply:
        self.write(line.encode() + b"\r\n", timeout, patience)
        return self.read(timeout, patience)

    def _says_no_more(self, seconds: float) -> bool:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if self.waiter.ready(self.socket, select.POLLIN, left) and poll(self.socket, select.POLLIN, 0):
                return False
        return True

    def start_tls(self, patience: Patience) -> None:
        """Go on under TLS (RFC 3207, 8314), with the certificate checked. Raises :class:`TransportUnavailable`, :class:`Abandoned`."""
        server = self.server
        context = ssl.create_default_context(cafile=server.ca or None)
        if not server.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        try:
            self.socket = wrapped = context.wrap_socket(
                self.socket, server_hostname=server.host, do_handshake_on_connect=False
            )
            self._shake_hands(wrapped, patience)
        except ssl.SSLCertVerificationError as error:
            why = error.verify_message
            raise TransportUnavailable(f"{server.name} : certificat refusé ({why}).", temporary=False) from error
        except OSError as error:
            raise TransportUnavailable(f"{server.name} : TLS impossible ({error}).") from error
        self._replies = Replies()

    def _shake_hands(self, wrapped: ssl.SSLSocket, patience: Patience) -> None:
        end = time.monotonic() + self.server.timeouts.connect
        while True:
            try:
                wrapped.do_handshake()
                return
            except ssl.SSLWantReadError:
                wanted = select.POLLIN
            except ssl.SSLWantWriteError:
                wanted = select.POLLOUT
            self._wait(wanted, max(0.0, end - time.monotonic()), patience)

    def _wait(self, events: int, timeout: float, patience: Patience) -> None:
        end = time.monotonic() + timeout
        while not self.waiter.ready(self.socket, events, max(0.0, min(1.0, end - time.monotonic()))):
            if time.monotonic() >= end:
                raise ConversationLost("le serveur n’a pas répondu à temps", timed_out=True)
            if not patience():
                raise Abandoned

    def _receive(self) -> bytes | None:
        try:
            data = self.socket.recv(_CHUNK)
            # Replies that a server writes one by one wait, under Nagle's algorithm, for an ACK that we would delay by 40 ms.
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            return data
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return None
        except OSError as error:
            raise ConversationLost(f"connexion perdue à la lecture ({error.strerror or error})") from error


def connect(server: Server, patience: Patience, waiter: Waiter | None = None) -> Connection:
    """Open a connection that is ready for MAIL.

    Raises:
        TransportUnavailable: it cannot be had; ``temporary`` is False where waiting will not help.
    """
    made = Connection(server, socket.socket(), waiter or Blocking())
    try:
        _open(made, patience)
        if server.tls == "implicit":
            made.start_tls(patience)
        _greet(made, patience)
    except Abandoned as error:
        made.close()
        raise TransportUnavailable(f"{server.name} : arrêt demandé pendant la connexion.") from error
    except ConversationLost as error:
        made.close()
        raise TransportUnavailable(f"{server.name} : {error}.") from error
    except BaseException:
        made.close()
        raise
    return made


def _open(made: Connection, patience: Patience) -> None:
    """TCP to the first address of the server that answers."""
    server = made.server
    made.socket.close()
    try:
        found = socket.getaddrinfo(server.host, server.port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise TransportUnavailable(f"{server.name} ne se trouve pas ({error.strerror or error}).") from error
    why = "aucune adresse"
    for family, kind, protocol, _, address in found:
        made.socket = socket.socket(family, kind, protocol)
        made.socket.setblocking(False)
        made.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        number = made.socket.connect_ex(address)
        if number == errno.EINPROGRESS:
            try:
                made._wait(select.POLLOUT, server.timeouts.connect, patience)
                number = made.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            except ConversationLost:
                number = errno.ETIMEDOUT
        if number == 0:
            return
        made.socket.close()
        why = os.strerror(number)
    raise TransportUnavailable(f"{server.name} ne répond pas ({why}).")


def _greet(made: Connection, patience: Patience) -> None:
    server, limits = made.server, made.server.timeouts
    greeting = made.read(limits.greeting, patience)
    if greeting.code != 220:
        raise TransportUnavailable(f"{server.name} refuse la connexion : {greeting.code} {greeting.text}.")
    _hello(made, patience)
    tls = server.tls
    if tls == "auto":
        tls = "none" if is_loopback(server.host) else "opportunistic"
    if tls == "required" and "STARTTLS" not in made.offers:
        raise TransportUnavailable(f"{server.name} n’offre pas STARTTLS, que le réglage exige.", temporary=False)
    if tls in ("required", "opportunistic") and "STARTTLS" in made.offers:
        reply = made.command("STARTTLS", limits.command, patience)
        if reply.code != 220:
            raise TransportUnavailable(f"{server.name} refuse STARTTLS : {reply.code} {reply.text}.")
        if not made.is_idle_and_open():
            # Words that arrived in clear must never count as said under TLS (RFC 3207 §6).
            raise TransportUnavailable(f"{server.name} a parlé avant TLS : connexion refusée.", temporary=False)
        made.start_tls(patience)
        _hello(made, patience)
    if server.user:
        _authenticate(made, patience)


def _hello(made: Connection, patience: Patience) -> None:
    name = made.server.helo or _our_name()
    limit = made.server.timeouts.command
    reply = made.command(f"EHLO {name}", limit, patience)
    made.offers = {}
    if reply.code == 250:
        for line in reply.lines[1:]:
            keyword, _, rest = line.decode("latin-1").strip().upper().partition(" ")
            made.offers[keyword.replace("AUTH=", "AUTH ")] = rest.strip()
        return
    reply = made.command(f"HELO {name}", limit, patience)
    if reply.code != 250:
        raise TransportUnavailable(f"{made.server.name} refuse HELO : {reply.code} {reply.text}.")


def _authenticate(made: Connection, patience: Patience) -> None:
    server, limit = made.server, made.server.timeouts.command
    if not isinstance(made.socket, ssl.SSLSocket) and not is_loopback(server.host):
        raise TransportUnavailable(f"{server.name} : un mot de passe ne part pas sans TLS.", temporary=False)
    ways = made.offers.get("AUTH", "").split()
    if "PLAIN" in ways or "LOGIN" not in ways:
        token = base64.b64encode(f"\0{server.user}\0{server.password}".encode()).decode()
        reply = made.command(f"AUTH PLAIN {token}", limit, patience)
    else:
        reply = made.command("AUTH LOGIN", limit, patience)
        for word in (server.user, server.password):
            if reply.code == 334:
                reply = made.command(base64.b64encode(word.encode()).decode(), limit, patience)
    if reply.code != 235:
        message = f"{server.name} refuse l’identifiant : {reply.code} {reply.text}."
        raise TransportUnavailable(message, temporary=reply.code // 100 == 4)


def _our_name() -> str:
    name = socket.getfqdn()
    return name if "." in name and name.isascii() and " " not in name else "[127.0.0.1]"


__all__ = ["Abandoned", "Connection", "ProtocolError", "connect", "is_loopback"]
