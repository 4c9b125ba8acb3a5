"""An HTTP session that knows how far its request has come: what was not written cannot have been accepted."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool


class RequestCut(OSError):
    """The caller gave up before the request was written."""


class WatchedSession(requests.Session):
    """One persistent connection, one request at a time. It follows no redirection: none would carry the message."""

    def __init__(self) -> None:
        super().__init__()
        self.progress = Progress()
        for scheme in ("https://", "http://"):
            self.mount(scheme, _Adapter(self.progress))

    def get_redirect_target(self, resp: requests.Response) -> None:
        return None


class Progress:
    """How far the request has come. Read and cut by another thread than the one that sends."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._written = False
        self._cut = False
        self._socket: socket.socket | None = None

    @property
    def written(self) -> bool:
        """True once a byte of the request may have left."""
        return self._written

    def begin(self) -> None:
        """Another request starts."""
        self._written = False

    def connected(self, to: socket.socket | None) -> None:
        self._socket = to
        self._written = False  # what a proxy was told to make a tunnel is no request

    def writing(self) -> None:
        """Bytes of the request are about to be written. Raises :class:`RequestCut`."""
        with self._lock:
            if self._cut:
                raise RequestCut("abandonné")
            self._written = True

    def cut(self) -> bool:
        """Give up for good: nothing is written after this. Return ``written``."""
        with self._lock:
            self._cut = True
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
        return self._written


class _Adapter(HTTPAdapter):
    def __init__(self, progress: Progress) -> None:
        self._pools = _pools(progress)
        super().__init__(pool_connections=1, pool_maxsize=1)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs)
        manager.pool_classes_by_scheme = self._pools
        return manager


def _pools(progress: Progress) -> dict[str, type[HTTPConnectionPool]]:
    """Connection pools whose connections report to ``progress``."""

    class Watched(HTTPConnection):
        def connect(self) -> None:
            try:
                super().connect()
            finally:
                progress.connected(self.sock)

        def send(self, data: Any) -> None:
            if self.sock is None:
                self.connect()
            progress.writing()
            super().send(data)

    class WatchedSecure(Watched, HTTPSConnection):
        pass

    class Pool(HTTPConnectionPool):
        ConnectionCls = Watched

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = WatchedSecure

    return {"http": Pool, "https": SecurePool}
