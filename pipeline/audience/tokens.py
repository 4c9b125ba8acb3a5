"""Signed links of mails: who and which season, bound to one purpose.

A token is ``base64url(version ‖ public_id ‖ mac) ‖ base64url(season)``: 33 bytes make 44 signs without padding, so that a
mailing's tail is encoded once. The MAC is HMAC-SHA256 (RFC 2104) cut to 16 bytes, under a key derived from the secret and the
purpose: a token for one purpose says nothing for another. Version 1 never expires; unsubscribe links have to work for ever.
"""

from __future__ import annotations

import binascii
import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeAlias, get_args
from uuid import UUID

from django.conf import settings

Purpose: TypeAlias = Literal["unsubscribe", "preferences", "confirm"]
PURPOSES: frozenset[str] = frozenset(get_args(Purpose))

LONGEST_SEASON = 240
_VERSION = b"\x01"
_MAC_BYTES = 16
_HEAD_BYTES = 1 + 16 + _MAC_BYTES
_HEAD_SIGNS = 44
_LONGEST = _HEAD_SIGNS + LONGEST_SEASON * 4 // 3
_FORM = re.compile(r"[A-Za-z0-9_-]+")
_URL_SAFE = bytes.maketrans(b"+/", b"-_")


class TokenError(ValueError):
    """Not a token that was made here for this purpose. Says nothing of why: an attacker learns nothing from it."""

    def __init__(self) -> None:
        super().__init__("Ce lien n’est pas valide.")


@dataclass(frozen=True, slots=True)
class Token:
    season: str
    public_id: UUID


class Maker:
    """Makes the tokens of one purpose and season; about a microsecond each. Not to be kept beyond a change of secret."""

    __slots__ = ("_state", "_tail")

    def __init__(self, purpose: Purpose, season: str, *, key: bytes | None = None) -> None:
        """Raises ValueError for an unknown purpose and for a season of more than 240 bytes."""
        name = season.encode()
        if purpose not in PURPOSES or len(name) > LONGEST_SEASON:
            raise ValueError(f"no token for purpose {purpose!r} and season {season!r}")
        self._state = _keyed(_current() if key is None else key, purpose, name)
        self._tail = urlsafe_b64encode(name).rstrip(b"=").decode()

    def make(self, public_id: UUID) -> str:
        who = public_id.bytes
        state = self._state.copy()
        state.update(who)
        head = binascii.b2a_base64(_VERSION + who + state.digest()[:_MAC_BYTES], newline=False)
        return head.translate(_URL_SAFE).decode() + self._tail


def make(purpose: Purpose, season: str, public_id: UUID, *, key: bytes | None = None) -> str:
    """Return the token. ``key`` stands for the installation's secret (tests, tools)."""
    return Maker(purpose, season, key=key).make(public_id)


def read(purpose: Purpose, token: str, *, key: bytes | None = None) -> Token:
    """Return what the token names. Retired secrets (``SECRET_KEY_FALLBACKS``) still count.

    Raises:
        TokenError: it was not made for this purpose under any of the secrets, or not one sign of it stands as it was made.
    """
    if purpose not in PURPOSES:
        raise ValueError(f"no purpose {purpose!r}")
    if not _HEAD_SIGNS <= len(token) <= _LONGEST or _FORM.fullmatch(token) is None:
        raise TokenError
    head, tail = token[:_HEAD_SIGNS], token[_HEAD_SIGNS:]
    try:
        raw = urlsafe_b64decode(head)
        name = urlsafe_b64decode(tail + "=" * (-len(tail) % 4))
        season = name.decode()
    except ValueError as error:
        raise TokenError from error
    who, mac = raw[1:17], raw[17:_HEAD_BYTES]
    # Base64 has several spellings of one text: only the one that is made here counts.
    if raw[:1] != _VERSION or urlsafe_b64encode(name).rstrip(b"=").decode() != tail:
        raise TokenError
    for secret in (_current(), *_retired()) if key is None else (key,):
        state = _keyed(secret, purpose, name).copy()
        state.update(who)
        if hmac.compare_digest(state.digest()[:_MAC_BYTES], mac):
            return Token(season, UUID(bytes=who))
    raise TokenError


@lru_cache(maxsize=256)
def _keyed(secret: bytes, purpose: str, name: bytes) -> hmac.HMAC:
    """The MAC's state after version and season, ready to be copied. The purpose goes into the key, not into the text."""
    derived = hmac.digest(secret, b"pipeline.audience.tokens:" + purpose.encode(), "sha256")
    return hmac.new(derived, _VERSION + len(name).to_bytes(2, "big") + name, "sha256")


def _current() -> bytes:
    return _bytes(settings.SECRET_KEY)


def _retired() -> tuple[bytes, ...]:
    return tuple(_bytes(secret) for secret in settings.SECRET_KEY_FALLBACKS)


def _bytes(secret: str | bytes) -> bytes:
    return secret.encode() if isinstance(secret, str) else secret
