"""An LMTP server (RFC 2033) for what comes back: ``python -m pipeline.delivery.bounces.lmtp`` listens where ``KIT_LMTP`` says.

Only addresses of ours are taken; a mail is answered with 250 once what follows from it is committed, and with 451 while the
database is away: the mail server in front keeps it and tries again.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import logging
import os
import re
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import Envelope, Session

logger = logging.getLogger(__name__)

LONGEST = 10_000_000
"""Bytes of a mail that is taken (RFC 1870). Of a longer one the beginning would do, but half a mail is no mail."""
TIMEOUT = 300.0
"""Seconds that a client may be silent (RFC 5321 §4.5.3.2.7)."""
MOST_RECIPIENTS = 20

_CODED = re.compile(r"[245]\d\d [245]\.\d")


class ListenError(ValueError):
    """KIT_LMTP cannot be listened on; the message is French and says the mend."""


@dataclass(frozen=True, slots=True)
class Listen:
    """Where to listen: ``path`` of a socket, or ``host`` and ``port``."""

    path: Path | None = None
    host: str = ""
    port: int = 0


def listen(text: str) -> Listen:
    """Read ``KIT_LMTP``: ``host:port``, ``[::1]:port``, or ``/path/of/a/socket``.

    Raises:
        ListenError: it is neither.
    """
    if text.startswith("/"):
        if len(os.fsencode(text)) > 107:
            raise ListenError(f"KIT_LMTP : le chemin « {text} » dépasse 107 octets ; en choisir un plus court.")
        return Listen(path=Path(text))
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (colon and host and port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise ListenError(f"KIT_LMTP : « {text} » ; attendu : « 127.0.0.1:2424 » ou « /run/kit/lmtp.sock ».")
    return Listen(host=host, port=int(port))


class Door:
    """What the server asks: aiosmtpd calls these. Rooms of the database run in ``pool``, one thread, one connection."""

    def __init__(self, pool: ThreadPoolExecutor, *, complaints: str, now: Callable[[], dt.datetime]) -> None:
        self._pool = pool
        self._complaints = complaints
        self._now = now

    async def handle_EHLO(  # noqa: N802 - aiosmtpd's name
        self, server: LMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        """RFC 2033 §5 asks for both extensions."""
        session.host_name = hostname
        return [*responses[:-1], "250-PIPELINING", "250 ENHANCEDSTATUSCODES"]

    async def handle_RCPT(  # noqa: N802
        self, server: LMTP, session: Session, envelope: Envelope, address: str, options: Sequence[str]
    ) -> str:
        from pipeline.delivery.bounces import intake  # noqa: PLC0415 - models are loaded by now

        if not intake.is_ours(address, complaints=self._complaints):
            return "550 5.1.1 no such return path"
        if len(envelope.rcpt_tos) >= MOST_RECIPIENTS:
            return "452 4.5.3 too many recipients"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 one of ours"

    async def handle_DATA(self, server: LMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """One answer for each recipient, in order (RFC 2033 §4.2)."""
        loop = asyncio.get_running_loop()
        raw = envelope.original_content or b""
        answers = [
            await loop.run_in_executor(self._pool, _take, raw, address, self._now) for address in envelope.rcpt_tos
        ]
        return "\r\n".join(answers)

    async def handle_exception(self, error: Exception) -> str:
        """Whatever happens here, the mail is not lost for it."""
        logger.error("LMTP: %s", error, exc_info=error)
        return "451 4.3.0 try again later"


def _take(raw: bytes, address: str, now: Callable[[], dt.datetime]) -> str:
    from django.db import Error, close_old_connections  # noqa: PLC0415

    from pipeline.delivery.bounces import intake  # noqa: PLC0415

    close_old_connections()
    try:
        taken = intake.take(raw, [address], now=now())
    except Error as error:
        logger.error("LMTP: the database is away: %s", error)
        return "451 4.3.0 the database is away, try again later"
    return f"250 2.0.0 {taken.kind}"


class Server(LMTP):
    """aiosmtpd's, with an answer for each recipient and an enhanced code in every answer (RFC 2034)."""

    # Reports quote HTML with lines that no RFC allows.
    line_length_limit = 100_000

    def __init__(self, handler: Door, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(
            handler,
            data_size_limit=LONGEST,
            enable_SMTPUTF8=True,
            hostname=socket.gethostname(),
            ident="LMTP",
            timeout=TIMEOUT,
            loop=loop,
        )
        self._owed = 0
        self._greeting = False

    async def smtp_LHLO(self, arg: str) -> None:  # noqa: N802
        self._greeting = True
        try:
            await super().smtp_LHLO(arg)
        finally:
            self._greeting = False

    async def push(self, status: Any) -> None:
        """Write an answer. After 354 one is owed to each recipient: what the handler does not give, is said to all."""
        text = status.decode("utf-8") if isinstance(status, bytes) else str(status)
        if text.startswith("354"):
            self._owed = len(self.envelope.rcpt_tos) if self.envelope else 0
        elif self._owed:
            lines = text.split("\r\n")
            text = "\r\n".join(_coded(line) for line in (lines if len(lines) == self._owed else lines[:1] * self._owed))
            self._owed = 0
        elif not self._greeting and not text.startswith("220"):
            text = _coded(text)
        await super().push(text)


def _coded(answer: str) -> str:
    if _CODED.match(answer) or answer[:1] not in "245":
        return answer
    return f"{answer[:3]} {answer[0]}.0.0 {answer[4:]}"


async def serve(where: Listen, door: Door, *, ready: Callable[[], None] = lambda: None) -> None:
    """Listen until cancelled."""
    loop = asyncio.get_running_loop()

    def made() -> Server:
        return Server(door, loop)

    if where.path is not None:
        where.path.unlink(missing_ok=True)
        server = await loop.create_unix_server(made, str(where.path))
        # A mail server of another user connects; what it hands over counts by its signature only.
        where.path.chmod(0o666)
    else:
        server = await loop.create_server(made, where.host, where.port)
    ready()
    async with server:
        await server.serve_forever()


async def _until_stopped(where: Listen, door: Door) -> None:
    serving = asyncio.create_task(serve(where, door))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, serving.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await serving


def main() -> int:
    """The program. 0 stopped, 2 wrong settings."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pipeline.settings")
    import django  # noqa: PLC0415

    django.setup()
    from django.conf import settings  # noqa: PLC0415

    from pipeline import clock  # noqa: PLC0415

    try:
        where = listen(settings.KIT.lmtp)
        with ThreadPoolExecutor(1, "bounces") as pool:
            asyncio.run(_until_stopped(where, Door(pool, complaints=settings.KIT.cfbl_address, now=clock.now)))
    except ListenError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    except OSError as error:
        print(f"KIT_LMTP : « {settings.KIT.lmtp} » ne s’écoute pas ({error.strerror}).", file=sys.stderr)  # noqa: T201
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
