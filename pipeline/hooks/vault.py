"""Secrets of endpoints at rest: whoever reads a copy of the database cannot sign in our name.

Fernet (AES-128-CBC with HMAC-SHA256) under a key derived from ``KIT_SECRET_KEY``; retired keys (``SECRET_KEY_FALLBACKS``) still open.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


class SealedError(Exception):
    """A secret does not open: ``KIT_SECRET_KEY`` is another than the one it was sealed with. The message is French."""

    def __init__(self) -> None:
        super().__init__(
            "le secret ne s’ouvre pas : KIT_SECRET_KEY a changé. Remettre l’ancienne clé, ou « kit webhooks rotate »"
        )


def seal(secret: str) -> bytes:
    return _vault().encrypt(secret.encode())


def unseal(sealed: bytes | memoryview) -> str:
    """Raises :class:`SealedError`."""
    try:
        return _vault().decrypt(bytes(sealed)).decode()
    except InvalidToken as error:
        raise SealedError from error


def _vault() -> MultiFernet:
    return MultiFernet([_fernet(one) for one in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)])


def _fernet(secret: str | bytes) -> Fernet:
    raw = secret.encode() if isinstance(secret, str) else secret
    return Fernet(urlsafe_b64encode(hmac.digest(raw, b"pipeline.hooks.vault", "sha256")))
