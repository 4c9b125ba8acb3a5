"""The SMTP server of the fault suite, in a process of its own: it writes down what it sees before it answers, and misbehaves on request.

As a process (``python -m tests.faults.receiver RECORD PORT``) it prints its port, reads one JSON object per line of standard
input as its :class:`Behaviour`, and ends when that input ends.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

_MESSAGE_ID = re.compile(rb"^message-id:[ \t]*(<[^>\r\n]*>)", re.IGNORECASE | re.MULTILINE)
_PATH = re.compile(rb"<([^>]*)>")


@dataclass(frozen=True)
class Behaviour:
    """Chances are per message (from 0 to 1). ``slow``: seconds before each reply to a dot.

    ``codes``: reply code → chance of it, in place of the reply to MAIL, RCPT or the dot; after 421 the connection is closed.
    ``drop``: the message is taken and the connection closed without a word. ``hang``: it is taken and never answered; at most
    ``hangs`` times.
    """

    slow: float = 0.0
    codes: tuple[tuple[int, float], ...] = ()
    drop: float = 0.0
    hang: float = 0.0
    hangs: int = 0


class Event(NamedTuple):
    """A line of the record: when (CLOCK_MONOTONIC), on which connection, what.

    ``mail`` and ``rcpt`` with an address; ``data``: 354 was said; ``took``: the message was accepted (recipient, Message-ID), the
    line stands there before the answer; ``said``: 250 was said to a dot; ``refused``: a
    code was said instead, to whatever; ``hung``, ``dropped`` after ``took``: nothing was said.
    """

    at: float
    connection: str
    kind: str
    first: str = ""
    second: str = ""


class Record:
    """What the server wrote down, read as it grows."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.events: list[Event] = []
        self._read = 0

    def refresh(self) -> list[Event]:
        """Read what is new; return everything. A line that is not whole yet is left for the next time."""
        if self.path.exists():
            with self.path.open("rb") as file:
                file.seek(self._read)
                data = file.read()
            whole = data[: data.rfind(b"\n") + 1]
            self._read += len(whole)
            for line in whole.decode().splitlines():
                at, connection, kind, *rest = line.split(" ")
                self.events.append(Event(float(at), connection, kind, *rest))
        return self.events

    def count(self, kind: str, since: int = 0) -> int:
        return sum(event.kind == kind for event in self.refresh()[since:])


class Receiver:
    """The server as the suite holds it: killed, started again on the same port, told how to behave."""

    def __init__(self, record: Path) -> None:
        self.record = Record(record)
        self.port = 0
        self.behaviour = Behaviour()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "tests.faults.receiver", str(self.record.path), str(self.port)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())
        self.behave(self.behaviour)

    def behave(self, behaviour: Behaviour) -> None:
        """Returns once the server has taken note."""
        self.behaviour = behaviour
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asdict(behaviour)).encode() + b"\n")
        self._process.stdin.flush()
        self._process.stdout.readline()

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    pipe.close()
            self._process = None


class _Server:
    def __init__(self, record: Path) -> None:
        self.behaviour = Behaviour()
        self.hung = 0
        self.connections = 0
        self._descriptor = os.open(record, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def note(self, lines: Iterable[str]) -> None:
        text = "".join(lines).encode()
        if text:
            os.write(self._descriptor, text)

    def listen_to(self, line: bytes) -> None:
        told = json.loads(line)
        told["codes"] = tuple((int(code), float(chance)) for code, chance in told["codes"])
        self.behaviour = Behaviour(**told)
        self.hung = 0


class _Conversation(asyncio.Protocol):
    """Commands and content are taken from ``_buffer`` one by one; a reply that is delayed holds back all that follow."""

    def __init__(self, server: _Server) -> None:
        self.server = server
        server.connections += 1
        self.name = f"{os.getpid()}.{server.connections}"
        self._buffer = bytearray()
        self._to = ""
        self._in_data = False
        self._held = False
        self._notes: list[str] = []
        self._replies: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(b"220 receiver ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._go_on()

    def _go_on(self) -> None:
        while not self._held and not self._transport.is_closing() and self._step():
            pass
        self._flush()

    def _flush(self) -> None:
        """First the record, then the replies."""
        self.server.note(self._notes)
        self._notes.clear()
        if self._replies and not self._transport.is_closing():
            self._transport.write(b"".join(self._replies))
        self._replies.clear()

    def _note(self, *words: str) -> None:
        self._notes.append(f"{time.monotonic():.6f} {self.name} {' '.join(words)}\n")

    def _say(self, text: str) -> None:
        self._replies.append(text.encode() + b"\r\n")

    def _step(self) -> bool:
        """Take one command, or one content; False where it has not arrived whole."""
        end = self._buffer.find(b"\r\n.\r\n" if self._in_data else b"\r\n")
        if end < 0:
            return False
        taken = bytes(self._buffer[:end])
        del self._buffer[: end + (5 if self._in_data else 2)]
        if self._in_data:
            self._in_data = False
            self._content(taken)
        else:
            self._command(taken)
        return True

    def _command(self, line: bytes) -> None:
        verb = line[:4].upper()
        if verb in (b"MAIL", b"RCPT"):
            found = _PATH.search(line)
            address = found[1].decode() if found else ""
            self._note(verb.decode().lower(), address or "<>")
            if self._misbehaves():
                return
            self._to = address if verb == b"RCPT" else ""
            self._say("250 2.0.0 ok")
        elif verb == b"DATA" and self._to:
            self._in_data = True
            self._note("data")
            self._say("354 go on")
        elif verb == b"DATA":
            self._say("554 5.5.1 no valid recipients")
        elif verb == b"EHLO":
            self._say("250-receiver\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n250 SIZE 1000000")
        elif verb == b"QUIT":
            self._say("221 2.0.0 bye")
            self._close()
        else:
            self._say("250 2.0.0 ok")

    def _content(self, content: bytes) -> None:
        if self._misbehaves():
            return
        found = _MESSAGE_ID.search(content)
        self._note("took", self._to, found[1].decode() if found else "<>")
        how, server = self.server.behaviour, self.server
        if random.random() < how.drop:
            self._note("dropped")
            self._flush()
            self._transport.abort()
        elif server.hung < how.hangs and random.random() < how.hang:
            server.hung += 1
            self._note("hung")
            self._held = True
        elif how.slow:
            self._held = True
            self._flush()
            asyncio.get_running_loop().call_later(how.slow * random.uniform(0.5, 1.5), self._answer_late)
        else:
            self._answer()

    def _answer(self) -> None:
        self._note("said")
        self._say("250 2.0.0 taken")

    def _answer_late(self) -> None:
        self._held = False
        self._answer()
        self._go_on()

    def _misbehaves(self) -> bool:
        chance = random.random()
        for code, share in self.server.behaviour.codes:
            if chance < share / 3:  # three chances a message: at MAIL, RCPT and the dot
                self._note("refused", str(code))
                self._say(f"{code} {code // 100}.3.0 by chance")
                if code == 421:
                    self._close()
                return True
            chance -= share / 3
        return False

    def _close(self) -> None:
        self._flush()
        self._transport.close()


async def _serve(record: Path, port: int) -> None:
    loop, server, ended = asyncio.get_running_loop(), _Server(record), asyncio.Event()
    sock = socket.create_server(("127.0.0.1", port), backlog=64)
    # So small that a message does not fit: the sender waits in its middle.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    await loop.create_server(lambda: _Conversation(server), sock=sock)
    orders = bytearray()

    def hear() -> None:
        data = os.read(0, 65536)
        if not data:
            ended.set()
        orders.extend(data)
        while (end := orders.find(b"\n")) >= 0:
            server.listen_to(bytes(orders[:end]))
            del orders[: end + 1]
            os.write(1, b"noted\n")

    os.write(1, b"%d\n" % sock.getsockname()[1])
    loop.add_reader(0, hear)
    await ended.wait()


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1]), int(sys.argv[2])))
