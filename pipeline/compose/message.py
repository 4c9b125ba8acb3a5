"""A compiled mail: bytes with holes, filled per person by a join.

The MIME structure (RFC 2045, 2046, 5322) is laid once per mailing. What differs from person to person is a hole; each is
encoded for where it stands, and stands between soft line breaks of the quoted-printable body or alone in its header, so
that a value of any length or alphabet touches nothing around it.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
import html
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.header import Header
from email.utils import format_datetime
from typing import Literal, TypeAlias

Context: TypeAlias = Literal["address", "token", "url", "text", "html"]
"""Where a hole stands: an address or a Message-ID or an address in angle brackets of a header, or a text or HTML body."""

HOLES = ("to", "message_id", "list_unsubscribe", "unsubscribe_url", "preferences_url", "confirm_url")
_MARK = "https://hole.invalid/"
_IN_BODY = re.compile(re.escape(_MARK) + r"([a-z_]+)")
_VERSION = 1
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class HoleError(ValueError):
    """A value that cannot stand in a mail's header: it holds control characters."""


def placeholder(name: str) -> str:
    """What a template writes where a hole shall be: it has the form of an absolute https address."""
    return f"{_MARK}{name}"


@dataclass(frozen=True, slots=True)
class Hole:
    name: str
    context: Context

    def encode(self, value: str) -> bytes:
        """``value`` as the bytes that stand here. Raises :class:`HoleError`."""
        if self.context == "text":
            return _short(_quoted(value))
        if self.context == "html":
            return _short(_quoted(html.escape(value)))
        if _CONTROL.search(value):
            raise HoleError(f"{self.name}: control characters")
        if self.context == "address":
            return _address(value)
        return value.encode()


@dataclass(frozen=True, slots=True)
class Compiled:
    """A mail for everybody: fixed bytes and holes in turn. ``subject`` is told, as people read it."""

    parts: tuple[bytes | Hole, ...] = field(repr=False)
    subject: str

    @property
    def holes(self) -> frozenset[str]:
        return frozenset(part.name for part in self.parts if isinstance(part, Hole))

    def render(self, values: Mapping[str, str]) -> bytes:
        """The mail for one person: RFC 5322, CRLF line ends, ASCII but for an international address.

        Raises:
            KeyError: a hole has no value.
            HoleError: a value cannot stand in its header.
        """
        return b"".join(
            [part if part.__class__ is bytes else part.encode(values[part.name]) for part in self.parts]  # type: ignore[union-attr]
        )

    def dump(self) -> bytes:
        """Bytes from which :func:`load` makes an equal mail, whatever version reads them."""
        parts = [
            {"hole": part.name, "in": part.context} if isinstance(part, Hole) else base64.b64encode(part).decode()
            for part in self.parts
        ]
        return json.dumps({"version": _VERSION, "subject": self.subject, "parts": parts}, ensure_ascii=False).encode()


def load(dumped: bytes) -> Compiled:
    """The mail that :meth:`Compiled.dump` made ``dumped`` from.

    Raises:
        ValueError: another version, or no dump at all.
    """
    data = json.loads(dumped)
    if data["version"] != _VERSION:
        raise ValueError(f"compiled mail of version {data['version']}")
    return Compiled(
        tuple(
            base64.b64decode(part) if isinstance(part, str) else Hole(part["hole"], part["in"])
            for part in data["parts"]
        ),
        data["subject"],
    )


def message_id(key: str, person: str, domain: str) -> str:
    """The Message-ID of one mailing to one person: the same whenever it is sent again (RFC 5322 §3.6.4)."""
    digest = hashlib.sha256(f"{key}\0{person}".encode()).hexdigest()[:32]
    return f"<{digest}@{domain}>"


@dataclass(frozen=True, slots=True)
class Envelope:
    """The headers of a mailing, as people read them. ``unsubscribable``: RFC 2369 and 8058 headers are written."""

    sender_name: str
    sender_address: str
    reply_to: str
    subject: str
    date: dt.datetime
    list_name: str
    list_id: str
    unsubscribable: bool
    language: str


def lay(envelope: Envelope, text: str, markup: str) -> Compiled:
    """Lay out a multipart/alternative of plain text and HTML, with its holes."""
    boundary = "=_" + hashlib.sha256(f"{text}\0{markup}".encode()).hexdigest()[:32]
    parts = _Parts()
    for name, value in _headers(envelope):
        parts.header(name, value)
    parts.fixed(f'MIME-Version: 1.0\r\nContent-Type: multipart/alternative;\r\n boundary="{boundary}"\r\n\r\n'.encode())
    for kind, content in (("plain", text), ("html", markup)):
        parts.fixed(
            f"--{boundary}\r\nContent-Type: text/{kind}; charset=utf-8\r\n"
            f"Content-Language: {envelope.language}\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n".encode()
        )
        parts.body(content, "html" if kind == "html" else "text")
        parts.fixed(b"\r\n")
    parts.fixed(f"--{boundary}--\r\n".encode())
    return Compiled(parts.done(), envelope.subject)


def _headers(envelope: Envelope) -> Iterator[tuple[str, bytes | Hole]]:
    yield "From", _mailbox(envelope.sender_name, envelope.sender_address)
    yield "To", Hole("to", "address")
    if envelope.reply_to and envelope.reply_to != envelope.sender_address:
        yield "Reply-To", envelope.reply_to.encode()
    yield "Subject", _words(envelope.subject, "Subject")
    yield "Date", format_datetime(envelope.date).encode()
    yield "Message-ID", Hole("message_id", "token")
    if envelope.unsubscribable:
        yield "List-Id", _words(envelope.list_name, "List-Id") + f"\r\n <{envelope.list_id}>".encode()
        yield "List-Unsubscribe", Hole("list_unsubscribe", "url")
        yield "List-Unsubscribe-Post", b"List-Unsubscribe=One-Click"
        yield "Precedence", b"list"
    else:
        yield "Auto-Submitted", b"auto-replied"


class _Parts:
    """Fixed bytes are gathered; a hole ends them."""

    def __init__(self) -> None:
        self._parts: list[bytes | Hole] = []
        self._held: list[bytes] = []

    def fixed(self, data: bytes) -> None:
        self._held.append(data)

    def hole(self, hole: Hole) -> None:
        self._parts += [b"".join(self._held), hole]
        self._held = []

    def header(self, name: str, value: bytes | Hole) -> None:
        self.fixed(name.encode() + b": ")
        if isinstance(value, Hole):
            around = (b"<", b">") if value.context == "url" else (b"", b"")
            self.fixed(around[0])
            self.hole(value)
            self.fixed(around[1])
        else:
            self.fixed(value)
        self.fixed(b"\r\n")

    def body(self, content: str, context: Context) -> None:
        at = 0
        for found in _IN_BODY.finditer(content):
            self.fixed(_broken_off(_quoted(content[at : found.start()])))
            self.hole(Hole(found[1], context))
            self.fixed(b"=\r\n")
            at = found.end()
        self.fixed(_quoted(content[at:]))

    def done(self) -> tuple[bytes | Hole, ...]:
        return (*self._parts, b"".join(self._held))


def _quoted(text: str) -> bytes:
    """Quoted-printable (RFC 2045 §6.7), lines of at most 76 characters, CRLF."""
    encoded = binascii.b2a_qp(text.replace("\r\n", "\n").encode(), istext=True)
    return encoded.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def _short(encoded: bytes) -> bytes:
    """Make room on the last line for the soft break that follows."""
    if len(encoded) - encoded.rfind(b"\n") - 1 < 76:
        return encoded
    at = encoded.rfind(b"=", len(encoded) - 3)
    at = at if at > 0 else len(encoded) - 1
    return encoded[:at] + b"=\r\n" + encoded[at:]


def _broken_off(encoded: bytes) -> bytes:
    """End a piece of a body with a soft line break, so that what follows stands on a line of its own."""
    return _short(encoded) + b"=\r\n"


def _words(text: str, name: str) -> bytes:
    """RFC 2047, folded."""
    if text.isascii():
        return Header(text, "us-ascii", header_name=name).encode(linesep="\r\n").encode()
    return Header(text, "utf-8", header_name=name).encode(linesep="\r\n").encode()


def _mailbox(name: str, address: str) -> bytes:
    if name.isascii():
        quoted = name.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{quoted}" <{address}>'.encode()
    return _words(name, "From") + f"\r\n <{address}>".encode()


def _address(value: str) -> bytes:
    local, _, domain = value.rpartition("@")
    if not domain.isascii():
        try:
            domain = domain.encode("idna").decode()
        except UnicodeError as error:
            raise HoleError("to: no domain name") from error
    return f"{local}@{domain}".encode()
