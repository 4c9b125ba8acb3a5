"""A Maildir: what a rehearsal and an installation without a server deliver into. Any mail program reads it."""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from pipeline.delivery.envelope import Envelope, Outcome, withheld
from pipeline.delivery.transports.base import Gate, TransportUnavailable
from pipeline.delivery.transports.fitness import unfit


class MaildirTransport:
    """Writes each message to ``tmp`` and renames it into ``new``; ``Return-Path`` and ``X-Original-To`` stand first.

    ``sync``: each file is on disk before its outcome is told.
    """

    def __init__(self, folder: Path, *, sync: bool = True) -> None:
        self._folder = folder
        self._sync = sync
        self._count = 0
        self._host = socket.gethostname().replace("/", "_").replace(":", "_")

    @property
    def width(self) -> int:
        return 1

    def deliver(self, envelopes: Iterable[Envelope], gate: Gate) -> Iterator[Outcome]:
        try:
            for name in ("tmp", "new", "cur"):
                (self._folder / name).mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            message = f"La boîte {self._folder} ne s’écrit pas ({error.strerror})."
            raise TransportUnavailable(message, temporary=False) from error
        for envelope in envelopes:
            yield self._one(envelope, gate)

    def _one(self, envelope: Envelope, gate: Gate) -> Outcome:
        refused = unfit(envelope)
        if refused is not None:
            return refused
        gate.refresh()
        if not (gate.wanted(envelope) and gate.intent(envelope)):
            return withheld(envelope)
        try:
            self._write(envelope)
        except OSError as error:
            return Outcome(
                envelope.key, "deferred", 452, "4.3.1", f"La boîte ne s’écrit pas ({error.strerror}).", "dot"
            )
        return Outcome(envelope.key, "sent", 250, "2.0.0", "déposé", "dot")

    def _write(self, envelope: Envelope) -> None:
        self._count += 1
        digest = hashlib.sha256(f"{envelope.key}{envelope.recipient}".encode()).hexdigest()[:12]
        name = f"{os.getpid()}.{os.urandom(6).hex()}_{self._count}_{digest}.{self._host}"
        draft, final = self._folder / "tmp" / name, self._folder / "new" / name
        head = f"Return-Path: <{envelope.sender}>\nX-Original-To: {envelope.recipient}\n".encode()
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "wb", buffering=0) as file:
                file.write(head + envelope.content.replace(b"\r\n", b"\n"))
                if self._sync:
                    os.fsync(file.fileno())
            draft.rename(final)
        except OSError:
            draft.unlink(missing_ok=True)
            raise
        if self._sync:
            folder = os.open(self._folder / "new", os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def close(self) -> None:
        """Nothing is kept open."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
