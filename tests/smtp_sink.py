"""A real SMTP server that can be told to misbehave. In a test: ``with Sink() as sink``; as a process: ``python -m tests.smtp_sink``.

Every message it takes is one line of JSON in its log, flushed before the reply to the dot, so that a test can count them
whatever dies on the other side.
"""

from __future__ import annotations

import argparse
import json
import socketserver
import threading
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.serving import Threaded
from tests.smtp_behaviour import Behaviour, Misdeed, Stage
from tests.smtp_conversation import Conversation

__all__ = ["Behaviour", "Misdeed", "Sink"]


class Sink(Threaded):
    """Listens on loopback. ``messages``: what was taken, in order; ``envelopes``: when (monotonic) each MAIL FROM came, and for whom."""

    def __init__(self, behaviour: Behaviour | None = None, *, log: Path | None = None, port: int = 0) -> None:
        self.behaviour = behaviour or Behaviour()
        self.messages: list[dict[str, Any]] = []
        self.commands: list[str] = []
        self.envelopes: list[tuple[float, str]] = []
        self.reads: list[bytes] = []
        self.violations: list[str] = []
        self.broken: list[Exception] = []
        self.connections = self.open = 0
        self._log = log.open("a", buffering=1) if log else None
        self._lock = threading.Lock()
        self._done: dict[str, int] = {}
        self._seen: set[str] = set()
        sink = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                sink.connections += 1
                sink.open += 1
                try:
                    if 0 < sink.behaviour.most < sink.open:
                        self.request.sendall(b"421 4.7.0 too many connections\r\n")
                    else:
                        Conversation(sink, self.request).run()
                except OSError:
                    pass  # the client is gone
                except Exception as error:
                    sink.broken.append(error)
                finally:
                    sink.open -= 1

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True
            request_queue_size = 64

        server = Server(("127.0.0.1", port), Handler)
        self.port = server.server_address[1]
        super().__init__(server)

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}/"

    @property
    def recipients(self) -> list[str]:
        return [message["to"] for message in self.messages]

    def counts(self) -> Counter[str]:
        return Counter(self.recipients)

    def take(self, message: dict[str, Any]) -> int:
        with self._lock:
            self.messages.append(message)
            if self._log:
                self._log.write(json.dumps({key: value for key, value in message.items() if key != "content"}) + "\n")
                self._log.flush()
            return len(self.messages)

    def misdeed(self, stage: Stage) -> Misdeed | None:
        """The misdeed that is due at ``stage``; asking counts."""
        with self._lock:
            due = self.behaviour.misdeeds.get(stage)
            done = self._done.get(stage, 0)
            if due is None or 0 <= due.times <= done:
                return None
            self._done[stage] = done + 1
            return due

    def is_new(self, recipient: str) -> bool:
        with self._lock:
            new = recipient not in self._seen
            self._seen.add(recipient)
            return new

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        if self._log:
            self._log.close()
        if kind is None and self.broken:
            raise ExceptionGroup("the sink itself broke", self.broken)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--log", type=Path)
    parser.add_argument("--slow", type=float, default=0.0)
    options = parser.parse_args()
    with Sink(Behaviour(slow=options.slow), log=options.log, port=options.port) as sink:
        print(sink.port, flush=True)  # noqa: T201 - that is how a test learns it
        threading.Event().wait()


if __name__ == "__main__":
    main()
