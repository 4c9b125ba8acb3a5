"""Quoted-printable (RFC 2045 §6.7), in lines that SMTP passes as they are: CRLF ends, no dot first."""

from __future__ import annotations

import binascii
import re

_DOT_LINE = re.compile(rb"^\.([^\r]*)", re.MULTILINE)


def text(content: str) -> bytes:
    """``content`` in lines of at most 76 characters. Any line end of it is one, a lone CR too."""
    if "\r" in content:
        content = content.replace("\r\n", "\n").replace("\r", "\n")
    encoded = binascii.b2a_qp(content.encode(), istext=True)
    if b"\n" in encoded:
        encoded = encoded.replace(b"\n", b"\r\n")
    if encoded[:1] == b"." or b"\n." in encoded:
        encoded = _DOT_LINE.sub(_undotted, encoded)
    return encoded


def _undotted(line: re.Match[bytes]) -> bytes:
    """A line with its first dot encoded, broken where there is no more room for that and for a soft break."""
    rest = line[1]
    return b"=2E" + rest if len(rest) < 73 else b"=2E=\r\n" + _DOT_LINE.sub(_undotted, rest)


def _short(encoded: bytes) -> bytes:
    """Make room on the last line for the soft break that follows."""
    if len(encoded) - encoded.rfind(b"\n") - 1 < 76:
        return encoded
    at = encoded.rfind(b"=", len(encoded) - 3)
    at = at if at > 0 else len(encoded) - 1
    last = encoded[at:]
    return encoded[:at] + b"=\r\n" + (b"=2E" if last == b"." else last)


def value(content: str) -> bytes:
    """What stands in a hole of a body: as :func:`text`, with room for the soft break that follows. Addresses take the short
    way, since every message is made of them."""
    if len(content) < 500 and content.isascii() and "=" not in content and content.isprintable():
        plain = content.encode()
        end = 75
        while end < len(plain):
            plain = plain[:end] + b"=\r\n" + plain[end:]
            end += 78
        if plain[:1] != b"." and b"\n." not in plain:
            return plain
    return _short(text(content))


def broken_off(content: str) -> bytes:
    """A piece of a body, ended with a soft line break so that what follows stands on a line of its own."""
    return _short(text(content)) + b"=\r\n"
