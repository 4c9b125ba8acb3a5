"""Servers of tests that run in a thread of their own for the length of a ``with`` block."""

from __future__ import annotations

import socketserver
import threading
from types import TracebackType
from typing import Self


class Threaded:
    """Runs ``server``. ``stopped`` is set first, so that whoever hangs in a handler can be let go."""

    def __init__(self, server: socketserver.BaseServer) -> None:
        self.stopped = threading.Event()
        self._server = server
        self._thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopped.set()
        self._server.shutdown()
        self._server.server_close()
