"""Where the mails of a bench go: Postfix's compiled sink for figures, a counting one for duplicates and missing."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pipeline.bench import children
from pipeline.bench.children import BenchError
from pipeline.delivery.transports.servers import parse_smtp_url

START = 10.0
SinkKind = Literal["smtp-sink", "counting", "given"]


@dataclass(frozen=True, slots=True)
class Taken:
    """What a counting sink took: messages, those of them that carry a DKIM-Signature, distinct recipients and Message-IDs."""

    messages: int
    signed: int
    recipients: int
    ids: int


@dataclass(frozen=True, slots=True)
class Sink:
    """``urls`` as ``KIT_SMTP_URL`` takes them; ``process`` where it is ours."""

    kind: SinkKind
    host: str
    port: int
    urls: tuple[str, ...]
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """``host:port``, as programs take it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process else None

    def counted(self) -> Taken:
        """Stop a counting sink; return what it took."""
        if self.kind != "counting" or self.process is None:
            raise ValueError(f"{self.kind} counts nothing")
        self.process.terminate()
        told, _ = self.process.communicate(timeout=children.PATIENCE)
        return Taken(**json.loads(told))


def given(urls: Sequence[str]) -> Sink:
    """The server that the operator names; rivals talk to the first one."""
    server = parse_smtp_url(urls[0])
    return Sink("given", server.host, server.port, tuple(urls))


def has_compiled() -> bool:
    """True where Postfix's smtp-sink is installed."""
    return children.program("smtp-sink") is not None


@contextmanager
def compiled(scratch: Path) -> Iterator[Sink]:
    """Postfix's smtp-sink (Debian's package postfix): it takes everything and keeps nothing."""
    port = children.free_port()
    command = [children.program("smtp-sink") or "smtp-sink", f"127.0.0.1:{port}", "1024"]
    with children.running(children.unprivileged(command), log=scratch / "sink.log") as process:
        _await(port, process, scratch / "sink.log")
        yield Sink("smtp-sink", "127.0.0.1", port, (f"smtp://127.0.0.1:{port}/",), process)


@contextmanager
def counting(scratch: Path) -> Iterator[Sink]:
    """A server of our own that remembers whom it took a message for."""
    port = children.free_port()
    command = children.ours([sys.executable, "-m", "pipeline.bench.counting", str(port)])
    with children.running(command, log=scratch / "sink.log", stdout=subprocess.PIPE) as process:
        _await(port, process, scratch / "sink.log")
        yield Sink("counting", "127.0.0.1", port, (f"smtp://127.0.0.1:{port}/",), process)


def _await(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + START
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError as error:
            if process.poll() is not None or time.monotonic() > end:
                said = log.read_text(encoding="utf-8", errors="replace")[-2000:]
                raise BenchError(f"Le puits SMTP ne démarre pas :{os.linesep}{said}") from error
            time.sleep(0.02)
