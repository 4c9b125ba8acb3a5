"""How a conversation waits for its socket: blocking the process, or making room for other conversations (:mod:`.hub`)."""

from __future__ import annotations

import select
import socket
import ssl
import time
from typing import Protocol


class Waiter(Protocol):
    """What a connection waits with. Seconds are monotonic."""

    def ready(self, sock: socket.socket, events: int, seconds: float) -> bool:
        """Wait for ``events`` (``select.POLLIN``, ``select.POLLOUT``) of ``sock``; False where ``seconds`` passed without any.

        True may come too early: try, and wait again.
        """

    def sleep(self, seconds: float) -> None:
        """Do nothing for a while."""


class Blocking:
    """The whole process waits."""

    def ready(self, sock: socket.socket, events: int, seconds: float) -> bool:
        return poll(sock, events, seconds)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


def poll(sock: socket.socket, events: int, seconds: float) -> bool:
    """poll(2) on one socket; what TLS has decrypted and nobody has read counts as arrived."""
    if events & select.POLLIN and isinstance(sock, ssl.SSLSocket) and sock.pending():
        return True
    asked = select.poll()
    asked.register(sock, events)
    return bool(asked.poll(max(0.0, seconds) * 1000))
