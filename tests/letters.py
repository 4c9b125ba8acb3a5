"""Envelopes for a transport's tests."""

from __future__ import annotations

from pipeline.delivery.envelope import Envelope

BODY = (
    b"Date: Wed, 22 Jan 2020 08:00:00 +0000\r\nFrom: kit@example.org\r\nSubject: =?utf-8?q?=C3=A9t=C3=A9?=\r\n"
    b"Message-ID: <%d@x>\r\n\r\nBonjour\r\n.point\r\n..deux\r\n"
)


def letters(count: int, *, size: int = 0, to: str = "example.org") -> list[Envelope]:
    """To a1, a2, … with their numbers as keys; ``size`` lines of 72 octets more."""
    padding = (b"y" * 70 + b"\r\n") * size
    return [Envelope(n, "kit@example.org", f"a{n}@{to}", BODY % n + padding) for n in range(1, count + 1)]
