"""Keyed hashes of addresses: what outlives an erasure.

``hmac-sha256:<key id>:<hex>`` under a key derived from the installation's secret. The id names the key, so that hashes made
under a retired secret (``SECRET_KEY_FALLBACKS``) are still recognised. It has no ``@``: it is never taken for an address.
"""

from __future__ import annotations

import hmac
from functools import lru_cache

from django.conf import settings

PREFIX = "hmac-sha256:"


def fingerprint(key: str) -> str:
    """The keyed hash of an address's key, under the current secret."""
    return _under(settings.SECRET_KEY, key)


def fingerprints(key: str) -> tuple[str, ...]:
    """Every hash under which this address may be known: the current secret's first, then the retired ones'."""
    return tuple(_under(secret, key) for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS))


def _under(secret: str | bytes, key: str) -> str:
    derived, name = _derived(secret.encode() if isinstance(secret, str) else secret)
    return f"{PREFIX}{name}:{hmac.digest(derived, key.encode(), 'sha256').hex()}"


@lru_cache(maxsize=16)
def _derived(secret: bytes) -> tuple[bytes, str]:
    derived = hmac.digest(secret, b"pipeline.audience.fingerprints", "sha256")
    return derived, hmac.digest(derived, b"key id", "sha256").hex()[:12]
