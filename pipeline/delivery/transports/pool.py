"""Several connections, to one server or several, in one thread: whoever is free takes the next message.

Servers share the messages by their weights; one that cannot be reached is left alone for a while, and the others take over
(fail-over). Each connection is a :class:`pipeline.delivery.transports.smtp.SmtpTransport` in a greenlet of :mod:`.hub`.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from types import TracebackType
from typing import Self

from pipeline.delivery.envelope import Envelope, Outcome
from pipeline.delivery.transports.base import Gate, TransportUnavailable
from pipeline.delivery.transports.hub import Hub
from pipeline.delivery.transports.servers import Server
from pipeline.delivery.transports.smtp import SmtpTransport
from pipeline.delivery.transports.source import Source

logger = logging.getLogger(__name__)

AVOID = 30.0
"""Seconds during which a server that could not be reached is not tried again while another one can be, and one that takes no further
connection is asked for none."""
LEAD = 4.0
"""How many messages per unit of weight a server may be ahead of the slowest one that moves."""
STILL = 2.0
"""Seconds without an answer after which a server no longer holds the others back."""
BREATH = 0.1

Permits = Callable[[str, float, int], int]
"""Asks for permits to send: (server's name, messages per second, how many are wanted) → how many may go now."""


def unlimited(name: str, rate: float, want: int) -> int:
    """Whoever asks may send: for a process that has nobody to share a rate with."""
    return want


@dataclass(slots=True)
class _Host:
    """A server, what it has taken, and its connections."""

    server: Server
    lanes: list[SmtpTransport]
    taken: int = 0
    moved: float = 0.0
    down_until: float = 0.0
    full_until: float = 0.0
    failure: TransportUnavailable | None = None
    working: int = 0
    allowance: int = 0

    @property
    def share(self) -> float:
        return self.taken / self.server.weight


@dataclass(slots=True)
class _Lane:
    """The gate and the source of one connection: they make room for the others before each write, and ask for a turn."""

    pool: Pool
    host: _Host
    source: Source
    gate: Gate

    def refresh(self) -> None:
        self.pool._hub.gate()

    def wanted(self, envelope: Envelope) -> bool:
        return self.gate.wanted(envelope)

    def intent(self, envelope: Envelope) -> bool:
        return self.gate.intent(envelope)

    def waiting(self) -> bool:
        return self.gate.waiting()

    # As a source

    def take(self) -> Envelope | None:
        if not self.pool._may_take(self.host):
            return None
        envelope = self.source.take()
        if envelope is not None:
            self.host.taken += 1
            if self.host.server.rate:
                self.host.allowance -= 1
        return envelope

    def give_back(self, envelope: Envelope) -> None:
        self.host.taken -= 1
        if self.host.server.rate:
            self.host.allowance += 1
        self.source.give_back(envelope)


class Pool:
    """See :class:`pipeline.delivery.transports.base.Transport`."""

    def __init__(self, servers: Sequence[Server], permits: Permits = unlimited) -> None:
        self._hub = Hub()
        self._permits = permits
        self._hosts = [
            _Host(server, [SmtpTransport(server, self._hub) for _ in range(server.connections)]) for server in servers
        ]
        self._ready: deque[Outcome] = deque()
        self._given_up = False

    @property
    def width(self) -> int:
        """All connections; of a server with a rate, no more than it gives messages to in a second."""
        servers = [host.server for host in self._hosts]
        return sum(min(one.connections, ceil(one.rate) or one.connections) for one in servers)

    def deliver(self, envelopes: Iterable[Envelope], gate: Gate) -> Iterator[Outcome]:
        source, hub = Source(envelopes), self._hub
        now = time.monotonic()
        for host in self._hosts:
            host.taken, host.moved, host.failure = 0, now, None
        self._given_up = False
        try:
            self._start(source, gate)
            while True:
                hub.step()
                yield from self._told()
                if not hub.busy and (self._given_up or not source.has_more() or not self._start(source, gate)):
                    break
                hub.advance(gate.refresh)
        finally:
            hub.end()
            self._ready.clear()
        if source.has_more():
            raise self._unavailable()

    def close(self) -> None:
        for host in self._hosts:
            for lane in host.lanes:
                lane.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        self._hub.close()

    def _told(self) -> Iterator[Outcome]:
        while self._ready:
            yield self._ready.popleft()

    def _start(self, source: Source, gate: Gate) -> bool:
        """Start the connections of every server that may be tried; False where there is none."""
        now = time.monotonic()
        up = [host for host in self._hosts if host.failure is None and host.down_until <= now]
        # Where nobody else is left, one that was to be avoided is better than none.
        chosen = up or [host for host in self._hosts if host.failure is None]
        for host in chosen:
            held = [lane for lane in host.lanes if lane.connected] if now < host.full_until else []
            for lane in held or host.lanes:
                self._spawn(host, lane, source, gate)
        return bool(chosen)

    def _spawn(self, host: _Host, transport: SmtpTransport, source: Source, gate: Gate) -> None:
        def run() -> None:
            lane = _Lane(self, host, source, gate)
            host.working += 1
            try:
                while host.failure is None and source.has_more():
                    for outcome in transport.deliver_from(lane, lane):
                        host.moved = time.monotonic()
                        self._ready.append(outcome)
                    if source.has_more():
                        self._hub.sleep(BREATH)
                        if not gate.waiting():
                            self._given_up = True
                            return
            except TransportUnavailable as error:
                self._lost(host, error)
            finally:
                host.working -= 1

        self._hub.spawn(run)

    def _lost(self, host: _Host, error: TransportUnavailable) -> None:
        """A connection cannot be had. While there are others to the same server, it has just no room for one more, for a while."""
        now = time.monotonic()
        if any(lane.connected for lane in host.lanes) or (host.working > 1 and now - host.moved < STILL):
            logger.info("%s takes no further connection: %s", host.server.name, error)
            host.full_until = now + AVOID
            return
        if host.failure is None:
            logger.warning("%s is avoided for %.0f s: %s", host.server.name, AVOID, error)
        host.failure = error
        host.down_until = now + AVOID

    def _may_take(self, host: _Host) -> bool:
        """Whether it is this server's turn: its rate allows it, and the others are not far behind their share."""
        if host.failure is not None:
            return False
        if host.server.rate and host.allowance <= 0:
            want = max(1, round(host.server.rate / 4))
            host.allowance = self._permits(host.server.name, host.server.rate, want)
            if host.allowance <= 0:
                return False
        if len(self._hosts) == 1:
            return True
        now = time.monotonic()
        moving = [
            one for one in self._hosts if one.failure is None and one.down_until <= now and now - one.moved < STILL
        ]
        least = min((one.share for one in moving if one is not host), default=host.share)
        return host.share <= least + LEAD

    def _unavailable(self) -> TransportUnavailable:
        failures = [host.failure for host in self._hosts if host.failure is not None]
        if not failures:
            return TransportUnavailable("Aucun serveur d’envoi n’a de place pour l’instant.")
        told = " ".join(str(one) for one in failures)
        return TransportUnavailable(told, temporary=any(one.temporary for one in failures))
