"""The workers' application with traps in it: ``celery -A tests.faults.saboteur worker …`` dies, or stops, at the point it is told.

No product code knows of it: functions are wrapped where they stand. What is wanted stands in a file (``CHAOS_PLAN``), read
whenever batches are claimed or taken over; each hit is a line of another one (``CHAOS_HITS``), written before the process is gone.
"""

from __future__ import annotations

import faulthandler
import functools
import json
import os
import random
import signal
import socket
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import django

django.setup()  # as pipeline.worker does, before anything of the rooms is imported

from pipeline.delivery import ledger, takeover  # noqa: E402
from pipeline.delivery.gate import LeaseGate  # noqa: E402
from pipeline.delivery.journal import Journal  # noqa: E402
from pipeline.delivery.transports.connection import Connection  # noqa: E402
from pipeline.worker import app  # noqa: E402
from tests.faults.points import FREQUENT  # noqa: E402

__all__ = ["app"]

OFTEN = 40
"""At a frequent point, a process is struck at one of so many first passages, by lot."""
_SIGNALS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}
_DOT = b"\r\n.\r\n"


class _Plan:
    """What this process is to do: at the n-th passage of ``point``, ``act``. The points are struck one after the other, by whoever
    comes to them first."""

    def __init__(self) -> None:
        self.point = ""
        self._made = 0
        self._left = 0
        self._act = signal.SIGKILL

    def read(self) -> None:
        told = json.loads(Path(os.environ["CHAOS_PLAN"]).read_text())
        made = _hits()
        point = told["points"][made] if made < len(told["points"]) else ""
        if (point, made) != (self.point, self._made):
            self.point, self._made = point, made
            self._left = random.randint(1, OFTEN) if point in FREQUENT else 1
            self._act = _SIGNALS[told["act"]]

    def passes(self, point: str) -> bool:
        """True where this passage is the one."""
        if point != self.point:
            return False
        self._left -= 1
        return self._left == 0

    def strike(self) -> None:
        if _hits() != self._made:
            return  # somebody else was first
        hits = os.open(os.environ["CHAOS_HITS"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(hits, f"{self.point} {os.getpid()}\n".encode())
        os.close(hits)
        self.point = ""
        os.kill(os.getpid(), self._act)

    def at(self, point: str) -> None:
        if self.passes(point):
            self.strike()


def _hits() -> int:
    path = Path(os.environ["CHAOS_HITS"])
    return len(path.read_text().splitlines()) if path.exists() else 0


_plan = _Plan()


def _around(
    owner: Any,
    name: str,
    *,
    before: str = "",
    after: str = "",
    fruitful: bool = False,
    reading: bool = False,
    when: Callable[..., bool] = lambda *_: True,
) -> None:
    """Set traps before and after a function; ``when`` is asked about its arguments. ``fruitful``: after it only where it gave
    something; ``reading``: the plan is read first."""
    plain = getattr(owner, name)

    @functools.wraps(plain)
    def trapped(*arguments: Any, **named: Any) -> Any:
        if reading:
            _plan.read()
        if before and when(*arguments):
            _plan.at(before)
        found = plain(*arguments, **named)
        if after and when(*arguments) and (found or not fruitful):
            _plan.at(after)
        return found

    setattr(owner, name, trapped)


def _in_the_copy(plain: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
    def trapped(mailing: int, results: Any) -> Iterator[Any]:
        strikes, middle = _plan.passes("copy"), len(results) // 2
        for at, line in enumerate(plain(mailing, results)):
            if strikes and at == middle:
                _plan.strike()
            yield line

    return trapped


def _in_the_content(plain: Callable[[Connection, memoryview], int]) -> Callable[[Connection, memoryview], int]:
    narrowed: weakref.WeakSet[socket.socket] = weakref.WeakSet()

    def trapped(connection: Connection, data: memoryview) -> int:
        if connection.socket not in narrowed:
            # So that the kernel does not take a message at once, and there is a middle to die in.
            connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            narrowed.add(connection.socket)
        dot = bytes(data).find(_DOT) if _plan.point in ("half", "dot") else -1
        written = plain(connection, data)
        if 0 < written < dot:
            _plan.at("half")
        if 0 <= dot <= written - len(_DOT):
            _plan.at("dot")
        return written

    return trapped


def _set_traps() -> None:
    _around(ledger, "claim", after="claimed", fruitful=True, reading=True)
    _around(LeaseGate, "intent", before="asked", after="intent", fruitful=True)
    Connection.write_some = _in_the_content(Connection.write_some)  # type: ignore[method-assign, assignment]
    _around(LeaseGate, "told", before="reply", after="noted")
    _around(ledger, "append", before="append", after="appended", when=lambda _, results: bool(results))
    ledger._lines = _in_the_copy(ledger._lines)
    _around(Journal, "cut", before="committed", after="cut")
    _around(takeover, "reclaim", reading=True)
    _around(takeover, "_told", after="takeover", fruitful=True)
    ledger.LEASE = float(os.environ.get("CHAOS_LEASE", ledger.LEASE))
    ledger.MARGIN = float(os.environ.get("CHAOS_MARGIN", ledger.MARGIN))
    faulthandler.register(signal.SIGUSR2)  # what it does when nothing goes on, into its log


_set_traps()
