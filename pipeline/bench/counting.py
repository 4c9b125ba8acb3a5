"""An SMTP server that counts what it takes: `python -m pipeline.bench.counting PORT`. At SIGTERM it prints its tally as JSON.

It does as little as RFC 5321 asks, so that it keeps up with a sender; each message is counted before its reply is written.
"""

from __future__ import annotations

import asyncio
import json
import re
import signal
import sys
from dataclasses import dataclass, field

_MESSAGE_ID = re.compile(rb"\r\nMessage-ID:[ \t]*(?:\r\n[ \t]+)?(\S+)", re.IGNORECASE)
_SIGNATURE = re.compile(rb"\r\nDKIM-Signature:", re.IGNORECASE)
_DOT = b"\r\n.\r\n"
_OFFERS = b"250-counting\r\n250-PIPELINING\r\n250-SIZE 10485760\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n"
_ANSWERS = {b"RSET": b"250 2.0.0 ok\r\n", b"NOOP": b"250 2.0.0 ok\r\n", b"HELO": b"250 counting\r\n", b"EHLO": _OFFERS}


@dataclass(slots=True)
class Tally:
    """What was taken. A message to two recipients counts twice."""

    messages: int = 0
    signed: int = 0
    recipients: set[bytes] = field(default_factory=set)
    ids: set[bytes] = field(default_factory=set)

    def take(self, recipient: bytes, head: bytes) -> None:
        found = _MESSAGE_ID.search(head)
        self.messages += 1
        self.signed += _SIGNATURE.search(head) is not None
        self.recipients.add(recipient)
        self.ids.add(found[1] if found else b"")

    def told(self) -> dict[str, int]:
        return {
            "messages": self.messages,
            "signed": self.signed,
            "recipients": len(self.recipients),
            "ids": len(self.ids),
        }


class Conversation(asyncio.Protocol):
    """One connection."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._held = bytearray()
        self._seen = -1  # while content comes: up to where it was searched for its end
        self._sender = False
        self._recipients: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]
        self._transport.write(b"220 counting ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self._held += data
        answers: list[bytes] = []
        while (answer := self._content() if self._seen >= 0 else self._command()) is not None:
            answers.append(answer)
        if answers:
            self._transport.write(b"".join(answers))
        if answers and answers[-1].startswith(b"221"):
            self._transport.close()

    def _content(self) -> bytes | None:
        end = self._held.find(_DOT, self._seen)
        if end < 0:
            self._seen = max(0, len(self._held) - len(_DOT) + 1)
            return None
        blank = self._held.find(b"\r\n\r\n", 0, end + 2)  # the last line end of content is the dot's first
        head = bytes(self._held[: end if blank < 0 else blank])
        for recipient in self._recipients:
            self._tally.take(recipient, head)
        del self._held[: end + len(_DOT)]
        self._forget()
        return b"250 2.0.0 taken\r\n"

    def _command(self) -> bytes | None:
        end = self._held.find(b"\r\n")
        if end < 0:
            return None
        line = bytes(self._held[:end])
        verb = line[:4].upper()
        if verb == b"DATA" and self._recipients:
            del self._held[:end]  # its line end stays: content may begin with the dot
            self._seen = 0
            return b"354 go on\r\n"
        del self._held[: end + 2]
        return self._answer(verb, line)

    def _answer(self, verb: bytes, line: bytes) -> bytes:
        if verb == b"MAIL" and not self._sender:
            self._sender = True
            return b"250 2.1.0 ok\r\n"
        if verb == b"RCPT" and self._sender:
            self._recipients.append(line[line.find(b"<") + 1 : line.rfind(b">")].lower())
            return b"250 2.1.5 ok\r\n"
        if verb in (b"MAIL", b"RCPT", b"DATA"):
            return b"503 5.5.1 not now\r\n"
        if verb in (b"RSET", b"EHLO", b"HELO"):
            self._forget()
        return b"221 2.0.0 bye\r\n" if verb == b"QUIT" else _ANSWERS.get(verb, b"500 5.5.2 unknown\r\n")

    def _forget(self) -> None:
        self._seen, self._sender, self._recipients = -1, False, []


async def serve(port: int) -> Tally:
    """Take mail on 127.0.0.1 until SIGTERM."""
    tally, loop, asked = Tally(), asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, asked.set)
    server = await loop.create_server(lambda: Conversation(tally), "127.0.0.1", port, backlog=1024)
    try:
        await asked.wait()
    finally:
        server.close()
    return tally


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(serve(int(sys.argv[1]))).told()))
