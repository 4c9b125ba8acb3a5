"""Signatures as Standard Webhooks 1.0 has them: HMAC-SHA256 over ``id.timestamp.payload``, under a secret that both sides know."""

from __future__ import annotations

import binascii
import hmac
import secrets
from base64 import b64decode, b64encode
from collections.abc import Sequence

PREFIX = "whsec_"
BYTES = 32
"""Of a new secret; the specification wants 24 to 64."""


def new_secret() -> str:
    return PREFIX + b64encode(secrets.token_bytes(BYTES)).decode()


def key(secret: str) -> bytes:
    """The bytes that a written secret stands for.

    Raises:
        ValueError: it is none; the message does not quote it.
    """
    try:
        raw = b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        raw = b""
    if not secret.startswith(PREFIX) or not 24 <= len(raw) <= 64:
        raise ValueError(f"a secret is {PREFIX} and 24 to 64 bytes in base64")
    return raw


def headers(message_id: str, timestamp: int, payload: bytes, written: Sequence[str]) -> dict[str, str]:
    """The three headers of an attempt. ``timestamp``: of the attempt, in seconds since the epoch; ``written``: the secrets in force, as
    long as one is being replaced more than one, each of which signs.

    Raises:
        ValueError: ``message_id`` contains a full stop, which would make what is signed ambiguous; or a secret is none.
    """
    if "." in message_id:
        raise ValueError("a message's id contains no full stop")
    signed = b"%s.%d.%s" % (message_id.encode(), timestamp, payload)
    macs = (hmac.digest(key(secret), signed, "sha256") for secret in written)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join("v1," + b64encode(mac).decode() for mac in macs),
    }
