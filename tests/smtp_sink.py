"""A real SMTP server that can be told to misbehave. In a test: ``with Sink() as sink``; as a process: ``python -m tests.smtp_sink``.

Every message it takes is one line of JSON in its log, flushed before the reply to the dot, so that a test can count them
whatever dies on the other side.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import socket
import socketserver
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self


@dataclass
class Behaviour:
    """What goes wrong. Numbers count messages of a connection (or of the server, where said) from 1."""

    pipelining: bool = True
    extensions: tuple[str, ...] = ("SIZE 1000000", "8BITMIME")
    refuse: dict[str, str] = field(default_factory=dict)  # recipient → reply to RCPT
    dot: dict[str, str] = field(default_factory=dict)  # recipient → reply to the dot
    accept_data_without_recipient: bool = False
    close_after: int = 0  # messages of a connection, then the connection is closed without a word
    say_421_after: int = 0
    drop_before_dot_reply: tuple[int, ...] = ()  # n-th messages of the server: taken, and the connection dropped
    hang_after_dot: tuple[int, ...] = ()  # n-th messages of the server: taken, and nothing said
    slow: float = 0.0  # seconds before each reply to a dot
    line_end: bytes = b"\r\n"
    garbage_at: int = 0  # n-th message of the server: nonsense instead of the reply to MAIL
    greeting: str = "220 sink ESMTP"
    helo_only: bool = False


class Sink:
    """Listens on loopback. ``messages``: what was taken, in order."""

    def __init__(self, behaviour: Behaviour | None = None, *, log: Path | None = None, port: int = 0) -> None:
        self.behaviour = behaviour or Behaviour()
        self.messages: list[dict[str, Any]] = []
        self.commands: list[str] = []
        self.reads: list[bytes] = []
        self.connections = 0
        self.stopped = threading.Event()
        self._log = log.open("a", buffering=1) if log else None
        self._lock = threading.Lock()
        sink = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                sink.connections += 1
                with contextlib.suppress(OSError):
                    _Conversation(sink, self.request).run()

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True
            request_queue_size = 64

        self._server = Server(("127.0.0.1", port), Handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

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

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopped.set()
        self._server.shutdown()
        self._server.server_close()
        if self._log:
            self._log.close()


class _Conversation:
    def __init__(self, sink: Sink, connection: socket.socket) -> None:
        self.sink, self.connection, self.how = sink, connection, sink.behaviour
        self.buffer = b""
        self.taken = 0
        self.sender, self.to = "", ""

    def say(self, text: str) -> None:
        self.connection.sendall(text.encode() + self.how.line_end)

    def line(self) -> bytes | None:
        while b"\r\n" not in self.buffer:
            data = self.connection.recv(65536)
            if not data:
                return None
            self.sink.reads.append(data)
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line

    def run(self) -> None:
        self.say(self.how.greeting)
        while (raw := self.line()) is not None:
            text = raw.decode("utf-8", "replace")
            self.sink.commands.append(text)
            verb = text.split(" ")[0].upper()
            handler = getattr(self, f"on_{verb.lower()}", None)
            if handler is None:
                self.say("500 5.5.2 unknown command")
            elif handler(text) is False:
                return

    def on_ehlo(self, _: str) -> None:
        if self.how.helo_only:
            self.say("502 5.5.1 no")
            return
        offers = (["PIPELINING"] if self.how.pipelining else []) + list(self.how.extensions)
        lines = ["sink", *offers]
        end = self.how.line_end.decode()
        self.connection.sendall(
            end.join(f"250{'-' if at < len(lines) - 1 else ' '}{one}" for at, one in enumerate(lines)).encode()
            + self.how.line_end
        )

    def on_helo(self, _: str) -> None:
        self.say("250 sink")

    def on_rset(self, _: str) -> None:
        self.sender = self.to = ""
        self.say("250 2.0.0 reset")

    def on_quit(self, _: str) -> bool:
        self.say("221 2.0.0 bye")
        return False

    def on_mail(self, text: str) -> bool | None:
        if self.how.say_421_after and self.taken >= self.how.say_421_after:
            self.say("421 4.7.0 enough for now")
            return False
        if self.how.garbage_at and len(self.sink.messages) + 1 == self.how.garbage_at:
            self.how.garbage_at = 0
            self.connection.sendall(b"\x00\xffHTTP/1.1 nonsense\r\n\r\n")
            return None
        self.sender = text[text.index("<") + 1 : text.index(">")]
        self.to = ""
        self.say("250 2.1.0 ok")
        return None

    def on_rcpt(self, text: str) -> None:
        to = text[text.index("<") + 1 : text.index(">")]
        if to in self.how.refuse:
            self.say(self.how.refuse[to])
            return
        self.to = to
        self.say("250 2.1.5 ok")

    def on_data(self, _: str) -> bool | None:
        if not self.to and not self.how.accept_data_without_recipient:
            self.say("554 5.5.1 no valid recipients")
            return None
        self.say("354 go on")
        lines: list[bytes] = []
        while (line := self.line()) != b".":
            if line is None:
                return False
            lines.append(line[1:] if line.startswith(b".") else line)
        return self._taken(b"\r\n".join(lines) + b"\r\n")

    def _taken(self, content: bytes) -> bool | None:
        reply = self.how.dot.get(self.to)
        if reply:
            self.say(reply)
            return None
        headers = content.split(b"\r\n\r\n")[0].replace(b"\r\n ", b" ").decode("utf-8", "replace").split("\r\n")
        message_id = next((one[11:].strip() for one in headers if one.lower().startswith("message-id:")), "")
        subject = next((one[8:].strip() for one in headers if one.lower().startswith("subject:")), "")
        number = self.sink.take(
            {
                "to": self.to,
                "from": self.sender,
                "id": message_id,
                "subject": subject,
                "at": time.time(),
                "content": content,
            }
        )
        self.taken += 1
        if number in self.how.drop_before_dot_reply:
            return False
        if number in self.how.hang_after_dot:
            self.sink.stopped.wait(60)
            return False
        if self.how.slow:
            time.sleep(self.how.slow)
        self.say("250 2.0.0 taken")
        if self.how.close_after and self.taken >= self.how.close_after:
            return False
        return None


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
