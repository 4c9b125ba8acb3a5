"""Reading a mail that anybody may have written: bounded, and never an exception but :class:`UnreadableError`.

At most a megabyte, fifty parts and eight levels are looked at: a report says what it has to say before the mail it returns.
"""

from __future__ import annotations

import base64
import binascii
import email.errors
import email.header
import email.parser
import email.policy
import hashlib
import re
import unicodedata
from collections.abc import Iterator
from email.message import Message
from email.utils import getaddresses
from typing import Any, TypeAlias

LONGEST = 1_000_000
"""Bytes of a mail that are read."""
DEEPEST = 8
MOST_PARTS = 50
MOST_BOUNDARIES = 200
"""Times that a mail may name a boundary: the parser takes long over parts within parts."""
MOST_DASHES = 5_000
"""Lines that may look like a boundary's: each may begin a part."""
LONGEST_VALUE = 2_000
"""Characters of a field's value that are read."""
MOST_FIELDS = 400

Fields: TypeAlias = dict[str, list[str]]
"""A block of header fields: lower-case names, the values of each in order, decoded, on one line."""

Mail: TypeAlias = "Message[Any, Any]"

ADDRESSEES = ("x-original-to", "delivered-to", "envelope-to", "x-envelope-to", "x-delivered-to", "to", "cc")
"""Where a server that files a mail notes whom it was for, the surest first."""

_BLANK_LINE = re.compile(rb"\n\r?\n|\r\r")
_MESSAGES = frozenset({"message/rfc822", "message/global", "message/partial"})
_HEADERS = frozenset({"text/rfc822-headers", "message/global-headers", "text/rfc822-header"})


class UnreadableError(ValueError):
    """Not to be read within the limits; the message is French."""


def parse(raw: bytes) -> Mail:
    """The mail, from its first megabyte.

    Raises:
        UnreadableError: it has parts beyond all reason.
    """
    begun = raw[:LONGEST]
    if begun.lower().count(b"boundary") > MOST_BOUNDARIES or begun.count(b"\n--") > MOST_DASHES:
        raise UnreadableError("parties trop nombreuses")
    try:
        return email.parser.BytesParser(policy=email.policy.compat32).parsebytes(begun)
    except RecursionError as error:
        raise UnreadableError("parties imbriquées à l’infini") from error


def _inner(mail: Mail) -> list[Mail]:
    payload: Any = mail.get_payload()
    return payload if isinstance(payload, list) else []


def parts(mail: Mail) -> list[Mail]:
    """The mail's parts in order, without those of a mail that it returns."""
    found: list[Mail] = []
    waiting: list[tuple[Mail, int]] = [(mail, 0)]
    while waiting and len(found) < MOST_PARTS:
        part, depth = waiting.pop()
        found.append(part)
        if part.get_content_maintype() == "multipart" and depth < DEEPEST:
            waiting += [(one, depth + 1) for one in reversed(_inner(part))]
    return found


def fields(mail: Mail) -> Fields:
    """The header fields of a mail or a part."""
    found: Fields = {}
    for name, value in list(mail.raw_items())[:MOST_FIELDS]:
        found.setdefault(name.lower().strip(), []).append(clean(_decoded(str(value)), LONGEST_VALUE))
    return found


def first(block: Fields, name: str) -> str:
    """The first value of a field, ``""`` where there is none."""
    return block.get(name, [""])[0]


def blocks(part: Mail) -> list[Fields]:
    """The blocks of fields of a ``message/delivery-status`` or ``message/feedback-report``, and their like."""
    inner = _inner(part)
    if not inner:
        return list(_blocks_of(_text(part)))
    found: list[Fields] = []
    for one in inner[:MOST_PARTS]:
        if block := fields(one):
            found.append(block)
        found += _blocks_of(_hidden(one, part))
    return found[:MOST_PARTS]


def returned(found: list[Mail]) -> Fields:
    """The header of the mail that a report gives back; empty where it gives none. Some send it encoded, against RFC 2046 §5.2.1."""
    for part in found:
        kind, inner = part.get_content_type(), _inner(part)
        if kind in _MESSAGES and inner:
            if block := fields(inner[0]):
                return block
            return next(_blocks_of(_hidden(inner[0], part)), {})
        if kind in _HEADERS:
            # The parser takes every message/… for a mail: its header is then the part's own.
            return fields(inner[0]) if inner else next(_blocks_of(_text(part)), {})
    return {}


def words(found: list[Mail], longest: int) -> str:
    """What the mail says to a person: its plain text, else its HTML as it stands; at most ``longest`` characters."""
    for kind in ("text/plain", "text/html"):
        texts = [_text(part) for part in found if part.get_content_type() == kind]
        if texts:
            return "\n".join(texts)[:longest]
    return ""


def addressees(raw: bytes) -> list[str]:
    """Whom a filed mail was for, as its header notes it, the surest first."""
    head = _head(raw)
    values = [value for name in ADDRESSEES for value in head.get(name, [])]
    return [address for _, address in getaddresses(values) if address][:MOST_PARTS]


def identity(raw: bytes) -> str:
    """What tells a mail from any other, whatever servers added on its way: its Message-ID, else a hash of its body."""
    return first(_head(raw), "message-id") or hashlib.sha256(_split(raw)[1]).hexdigest()


def clean(text: str, longest: int) -> str:
    """On one line, without controls, halves of pairs or anything else that a database or a page chokes on."""
    kept = "".join(" " if unicodedata.category(sign) in ("Cc", "Zl", "Zp") else sign for sign in text[: longest * 2])
    kept = "".join(sign for sign in kept if unicodedata.category(sign) not in ("Cs", "Cn", "Co", "Cf"))
    return " ".join(kept.split())[:longest]


def _head(raw: bytes) -> Fields:
    return fields(email.parser.BytesHeaderParser(policy=email.policy.compat32).parsebytes(_split(raw)[0]))


def _split(raw: bytes) -> tuple[bytes, bytes]:
    """Header and body."""
    found = _BLANK_LINE.search(raw, 0, LONGEST)
    return (raw[: found.end()], raw[found.end() : LONGEST]) if found else (raw[:LONGEST], b"")


def _text(part: Mail) -> str:
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return ""
    try:
        return payload.decode(part.get_content_charset("utf-8") or "utf-8", "replace")
    except (LookupError, ValueError):  # a charset that nobody knows
        return payload.decode("utf-8", "replace")


def _decoded(value: str) -> str:
    """The value in Unicode: UTF-8 as it stands (RFC 6532), encoded words (RFC 2047) read where they can be."""
    text = value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    if "=?" not in text:
        return text
    try:
        pieces = email.header.decode_header(text)
        return "".join(
            piece if isinstance(piece, str) else piece.decode(charset or "ascii", "replace")
            for piece, charset in pieces
        )
    except (email.errors.HeaderParseError, LookupError, ValueError):
        return text


def _hidden(inner: Mail, part: Mail) -> str:
    """What the parser took for the body of a mail within ``part``; decoded where ``part`` says that it is encoded."""
    raw = inner.get_payload(decode=True)
    if not isinstance(raw, bytes):
        return ""
    encoding = str(part.get("content-transfer-encoding", "")).strip().lower()
    try:
        if encoding == "base64":
            raw = base64.b64decode(raw)
        elif encoding == "quoted-printable":
            raw = binascii.a2b_qp(raw)
    except binascii.Error:
        return ""
    return raw.decode("utf-8", "replace")


def _blocks_of(text: str) -> Iterator[Fields]:
    """Blocks of fields, a blank line between them."""
    parser = email.parser.HeaderParser(policy=email.policy.compat32)
    unix = text.replace("\r\n", "\n").replace("\r", "\n")
    for block in unix.lstrip("\n").split("\n\n")[:MOST_PARTS]:
        if found := fields(parser.parsestr(block.lstrip("\n") + "\n\n")):
            yield found
