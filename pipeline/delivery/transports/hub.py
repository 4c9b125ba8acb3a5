"""Many conversations in one thread: each runs in a greenlet of its own, written as if it were alone, and makes room where it waits.

A conversation waits for two things: its socket, and the leave to write what begins or completes a message. Those that stand
before a write are let through together, after one :meth:`Gate.refresh` for all of them.
"""

from __future__ import annotations

import select
import socket
import time
from collections import deque
from collections.abc import Callable

from greenlet import GreenletExit, getcurrent, greenlet

from pipeline.delivery.transports.waiting import poll

_EVENTS = select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP | select.EPOLLET


class Hub:
    """Runs greenlets; a :class:`pipeline.delivery.transports.waiting.Waiter` for the connections in them.

    Sockets are registered once, edge-triggered: a greenlet tries first and waits when told EAGAIN, so no edge is missed.
    """

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._main: greenlet = getcurrent()
        self._runnable: deque[greenlet] = deque()
        self._at_gate: list[greenlet] = []
        self._parked: dict[int, greenlet] = {}
        self._sockets: dict[int, socket.socket] = {}
        self._until: dict[greenlet, float] = {}
        self._alive: set[greenlet] = set()
        self._failure: BaseException | None = None

    # Called from outside

    def spawn(self, run: Callable[[], None]) -> greenlet:
        """Start ``run`` in a greenlet, and return it. An exception out of it ends all of them, and leaves through :meth:`step`."""
        self._main = getcurrent()
        made = greenlet(lambda: self._run(run))
        self._alive.add(made)
        self._runnable.append(made)
        return made

    def kill(self, one: greenlet) -> None:
        """End one greenlet where it waits for its socket."""
        self._main = getcurrent()
        self._until.pop(one, None)
        self._parked = {descriptor: parked for descriptor, parked in self._parked.items() if parked is not one}
        one.throw(GreenletExit)

    @property
    def busy(self) -> bool:
        """True while a greenlet lives."""
        return bool(self._alive)

    def step(self) -> None:
        """Run every greenlet that can go on until it waits. Raises what one of them raised."""
        self._main = getcurrent()
        self._run_all()
        if self._at_gate and self._parked:
            # Whose answer has come meanwhile joins those at the gate: one refresh for all of them.
            self._take_events(0.0)

    def advance(self, refresh: Callable[[], None]) -> None:
        """Let those through that stand at the gate, after one ``refresh``; where nobody does, wait for something to happen."""
        if self._at_gate:
            refresh()
            self._runnable.extend(self._at_gate)
            self._at_gate = []
            self._run_all()
        elif self._alive and not self._runnable:
            self._wait()

    def end(self) -> None:
        """End every greenlet where it stands."""
        self._main = getcurrent()
        for one in list(self._alive):
            one.throw(GreenletExit)
        self._runnable.clear()
        self._at_gate.clear()
        self._parked.clear()
        self._until.clear()
        self._alive.clear()
        self._failure = None

    def close(self) -> None:
        self._epoll.close()

    # Called from within a greenlet

    def ready(self, sock: socket.socket, events: int, seconds: float) -> bool:
        if getcurrent() is self._main or seconds <= 0:
            return poll(sock, events, seconds)
        descriptor = sock.fileno()
        if self._sockets.get(descriptor) is not sock:
            self._register(descriptor, sock)
        self._parked[descriptor] = getcurrent()
        came = self._pause(seconds)
        self._parked.pop(descriptor, None)
        return came

    def sleep(self, seconds: float) -> None:
        if getcurrent() is self._main:
            time.sleep(seconds)
        else:
            self._pause(seconds)

    def gate(self) -> None:
        """Wait until what is new has been read: return right after it was."""
        self._at_gate.append(getcurrent())
        self._main.switch()

    # The rest

    def _run(self, run: Callable[[], None]) -> None:
        try:
            run()
        except GreenletExit:
            pass
        except BaseException as error:
            self._failure = error
        finally:
            self._alive.discard(getcurrent())

    def _register(self, descriptor: int, sock: socket.socket) -> None:
        if descriptor in self._sockets:
            # The number of a closed socket, taken anew: the kernel forgot the old registration with it.
            del self._sockets[descriptor]
        try:
            self._epoll.register(descriptor, _EVENTS)
        except FileExistsError:
            self._epoll.modify(descriptor, _EVENTS)
        self._sockets[descriptor] = sock

    def _pause(self, seconds: float) -> bool:
        """Wait for an event (True) or for the time to pass (False)."""
        self._until[getcurrent()] = time.monotonic() + seconds
        return bool(self._main.switch())

    def _run_all(self) -> None:
        while self._runnable:
            self._runnable.popleft().switch()
            self._raise_failure()

    def _take_events(self, seconds: float) -> None:
        for descriptor, _ in self._epoll.poll(seconds):
            parked = self._parked.pop(descriptor, None)
            if parked is not None:
                self._resume(parked, True)

    def _wait(self) -> None:
        left = min(self._until.values()) - time.monotonic() if self._until else 1.0
        self._take_events(max(0.0, min(left, 1.0)))
        now = time.monotonic()
        for sleeper in [one for one, until in self._until.items() if until <= now]:
            self._resume(sleeper, False)

    def _resume(self, waiting: greenlet, came: bool) -> None:
        self._until.pop(waiting, None)
        waiting.switch(came)
        self._raise_failure()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
