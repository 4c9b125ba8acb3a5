"""A compiled mail: bytes with holes, filled per person by a join.

The MIME structure (RFC 2045, 2046, 5322) is laid once per mailing. What differs from person to person is a hole; each is
encoded for where it stands, and stands between soft line breaks of the quoted-printable body or alone in its header, so
that a value of any length or alphabet touches nothing around it.

Every line ends in CRLF, no CR or LF stands alone, and no line begins with a dot: a transport writes the bytes as they are,
without looking for what RFC 5321 §4.5.2 would have it stuff.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import html
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from email.header import Header
from email.utils import format_datetime
from typing import Literal, TypeAlias

from pipeline.compose import quoted

Context: TypeAlias = Literal["address", "token", "url", "text", "html"]
"""Where a hole stands: an address or a Message-ID or an address in angle brackets of a header, or a text or HTML body."""

HOLES = (
    "to",
    "message_id",
    "list_unsubscribe",
    "list_unsubscribe_mail",
    "unsubscribe_url",
    "preferences_url",
    "confirm_url",
    "canary_url",
    "move_url",
    "renew_url",
    "catch_up_url",
)
"""What differs from person to person. ``canary_url``: see :func:`pipeline.compose.preflight.output`."""
_MARK = "https://hole.invalid/"
_IN_BODY = re.compile(re.escape(_MARK) + r"([a-z_]+)")
_VERSION = 1
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class HoleError(ValueError):
    """A value that cannot stand in a mail's header: it holds control characters."""


def placeholder(name: str) -> str:
    """What a template writes where a hole shall be: it has the form of an absolute https address."""
    return f"{_MARK}{name}"


def holes_of(body: str) -> frozenset[str]:
    """The names of the holes that stand in a body."""
    return frozenset(_IN_BODY.findall(body))


@dataclass(frozen=True, slots=True)
class Hole:
    name: str
    context: Context

    def encode(self, value: str) -> bytes:
        """``value`` as the bytes that stand here. Raises :class:`HoleError`."""
        if self.context == "text":
            return quoted.value(value)
        if self.context == "html":
            return quoted.value(html.escape(value))
        if not value.isprintable() and _CONTROL.search(value):
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
        """The mail for one person: RFC 5322, ASCII but for an international address.

        Promised whatever the values: every CR is followed by LF and every LF preceded by CR, and no line begins with a dot,
        so that nothing has to be stuffed (RFC 5321 §4.5.2) or mended on the way.

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
    version = data.get("version") if isinstance(data, dict) else None
    if version != _VERSION:
        raise ValueError(f"compiled mail of version {version}")
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
    """The headers of a mailing, as people read them.

    ``unsubscribable``: it goes to a list, and says so and how to leave it (RFC 2369, 2919). ``one_click``: the address to leave
    by is https, so that a POST to it is enough (RFC 8058 §3.1). ``mailto``: a mail is a way to leave, too: there is a hole
    ``list_unsubscribe_mail``, whose value is a whole ``mailto:`` address. ``feedback_id``: see :func:`feedback_id`; ``cfbl``:
    where complaints may be sent (RFC 9477). ``personal``: a program writes it to one person.
    """

    sender_name: str
    sender_address: str
    reply_to: str
    subject: str
    date: dt.datetime
    list_name: str
    list_id: str
    unsubscribable: bool
    language: str
    one_click: bool = True
    mailto: bool = False
    feedback_id: str = ""
    cfbl: str = ""
    personal: bool = False


def feedback_id(mailing: str, season: str, kind: str, domain: str) -> str:
    """The Feedback-ID by which Gmail's Postmaster Tools count complaints: mailing, season, kind, sender.

    Google takes at most four fields; the last one names the sender, in 5 to 15 characters, and stays the same from mailing to
    mailing: it is made of the From ``domain``.
    """
    fields = [re.sub(r"[^A-Za-z0-9._-]+", "-", one) for one in (mailing, season, kind)]
    sender = re.sub(r"[^A-Za-z0-9]+", "-", domain)[:15].strip("-").ljust(5, "0")
    return ":".join([*fields, sender])


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


def _headers(envelope: Envelope) -> Iterator[tuple[str, bytes | Hole | Sequence[Hole]]]:
    yield "From", _mailbox(envelope.sender_name, envelope.sender_address)
    yield "To", Hole("to", "address")
    if envelope.reply_to and envelope.reply_to != envelope.sender_address:
        yield "Reply-To", envelope.reply_to.encode()
    yield "Subject", _words(envelope.subject, "Subject")
    yield "Date", format_datetime(envelope.date).encode()
    yield "Message-ID", Hole("message_id", "token")
    if envelope.unsubscribable:
        yield from _list_headers(envelope)
    if envelope.personal:
        # RFC 3834 §5 keeps « auto-replied » for what answers a message; a form, a link or a day that has come is none.
        yield "Auto-Submitted", b"auto-generated"


def _list_headers(envelope: Envelope) -> Iterator[tuple[str, bytes | Hole | Sequence[Hole]]]:
    yield "List-Id", _words(envelope.list_name, "List-Id") + f"\r\n <{envelope.list_id}>".encode()
    ways = [Hole("list_unsubscribe", "url")]
    if envelope.mailto:
        ways.append(Hole("list_unsubscribe_mail", "url"))
    yield "List-Unsubscribe", ways
    if envelope.one_click:
        yield "List-Unsubscribe-Post", b"List-Unsubscribe=One-Click"
    if envelope.feedback_id:
        yield "Feedback-ID", envelope.feedback_id.encode()
    if envelope.cfbl:
        yield "CFBL-Address", f"{envelope.cfbl}; report=arf".encode()
    # No standard's, but what older out-of-office programs look at before they answer (RFC 3834 §2).
    yield "Precedence", b"list"


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

    def header(self, name: str, value: bytes | Hole | Sequence[Hole]) -> None:
        """A field whose value is fixed, a hole, or addresses in angle brackets, one a line."""
        self.fixed(name.encode() + b": ")
        if isinstance(value, bytes):
            self.fixed(value)
        elif isinstance(value, Hole):
            self.hole(value)
        else:
            for at, hole in enumerate(value):
                self.fixed(b",\r\n <" if at else b"<")
                self.hole(hole)
                self.fixed(b">")
        self.fixed(b"\r\n")

    def body(self, content: str, context: Context) -> None:
        at = 0
        for found in _IN_BODY.finditer(content):
            self.fixed(quoted.broken_off(content[at : found.start()]))
            self.hole(Hole(found[1], context))
            self.fixed(b"=\r\n")
            at = found.end()
        self.fixed(quoted.text(content[at:]))

    def done(self) -> tuple[bytes | Hole, ...]:
        return (*self._parts, b"".join(self._held))


def _words(text: str, name: str) -> bytes:
    """RFC 2047, folded. A control character has no place in a header: a space stands for it."""
    text = _CONTROL.sub(" ", text)
    if text.isascii():
        return Header(text, "us-ascii", header_name=name).encode(linesep="\r\n").encode()
    return Header(text, "utf-8", header_name=name).encode(linesep="\r\n").encode()


def _mailbox(name: str, address: str) -> bytes:
    if name.isascii():
        shown = _CONTROL.sub(" ", name).replace("\\", "\\\\").replace('"', '\\"')
        return f'"{shown}" <{address}>'.encode()
    return _words(name, "From") + f"\r\n <{address}>".encode()


def _address(value: str) -> bytes:
    local, _, domain = value.rpartition("@")
    if not domain.isascii():
        try:
            domain = domain.encode("idna").decode()
        except UnicodeError as error:
            raise HoleError("to: no domain name") from error
    return f"{local}@{domain}".encode()
