"""Signed links of mails: who and which season, bound to one purpose.

A token is ``base64url(version ‖ issued ‖ public_id ‖ mac) ‖ base64url(season)``, where 33 or 36 bytes make 44 or 48 signs without padding,
so that a mailing's tail is encoded once. The MAC is HMAC-SHA256 (RFC 2104) cut to 16 bytes, under a key derived from the secret and the
purpose: a token for one purpose says nothing for another. Version 1 has no time of issue and never expires: unsubscribe links
have to work for ever. Version 2, every other purpose's, carries the hour in which it was made.
"""

from __future__ import annotations

import binascii
import datetime as dt
import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Literal, TypeAlias, get_args
from uuid import UUID

from django.conf import settings

Purpose: TypeAlias = Literal["unsubscribe", "preferences", "confirm", "canary", "move", "renew"]
PURPOSES: frozenset[str] = frozenset(get_args(Purpose))
LIFETIMES: dict[Purpose, dt.timedelta] = {
    "preferences": dt.timedelta(days=180),
    "confirm": dt.timedelta(days=7),
    "canary": dt.timedelta(days=7),
    "move": dt.timedelta(days=2),
    "renew": dt.timedelta(days=60),
}
"""For how long a link works; unsubscribe links, which are not here, work for ever."""

LONGEST_SEASON = 240
_FOR_EVER = b"\x01"
_DATED = b"\x02"
_HOUR = 3600
_HOUR_BYTES = 3
_MAC_BYTES = 16
_HEAD_SIGNS = {_FOR_EVER: 44, _DATED: 48}
_LONGEST = 48 + LONGEST_SEASON * 4 // 3
_FORM = re.compile(r"[A-Za-z0-9_-]+")
_URL_SAFE = bytes.maketrans(b"+/", b"-_")


class TokenError(ValueError):
    """Not a token that was made here for this purpose. Says nothing of why: an attacker learns nothing from it."""

    def __init__(self) -> None:
        super().__init__("Ce lien n’est pas valide.")


@dataclass(frozen=True, slots=True)
class Token:
    """What a link names: a season and, by ``public_id``, a person (or, for ``move``, a change of address). ``until``: the end of the hour
    in which it was made, where it expires."""

    season: str
    public_id: UUID
    until: dt.datetime | None = field(default=None, compare=False)


class ExpiredError(TokenError):
    """It was made here for this purpose, too long ago. ``token``: what it named, to offer a new one by mail, nothing else."""

    def __init__(self, token: Token) -> None:
        super().__init__()
        self.token = token


class Maker:
    """Makes the tokens of one purpose and season; about a microsecond each. Not to be kept beyond a change of secret."""

    __slots__ = ("_head", "_state", "_tail")

    def __init__(
        self, purpose: Purpose, season: str, *, now: dt.datetime | None = None, key: bytes | None = None
    ) -> None:
        """``now``: when they are made; only the tokens that never expire need none.

        Raises:
            ValueError: an unknown purpose, a season of more than 240 bytes, or no ``now`` where there has to be one.
        """
        name = season.encode()
        if purpose not in PURPOSES or len(name) > LONGEST_SEASON:
            raise ValueError(f"no token for purpose {purpose!r} and season {season!r}")
        self._head = _issued(purpose, now)
        self._state = _keyed(_current() if key is None else key, purpose, self._head[:1], name).copy()
        self._state.update(self._head[1:])
        self._tail = urlsafe_b64encode(name).rstrip(b"=").decode()

    def make(self, public_id: UUID) -> str:
        who = public_id.bytes
        state = self._state.copy()
        state.update(who)
        head = binascii.b2a_base64(self._head + who + state.digest()[:_MAC_BYTES], newline=False)
        return head.translate(_URL_SAFE).decode() + self._tail


def make(
    purpose: Purpose, season: str, public_id: UUID, *, now: dt.datetime | None = None, key: bytes | None = None
) -> str:
    """Return the token; see :class:`Maker`. ``key`` stands for the installation's secret (tests, tools)."""
    return Maker(purpose, season, now=now, key=key).make(public_id)


def read(purpose: Purpose, token: str, *, now: dt.datetime | None = None, key: bytes | None = None) -> Token:
    """Return what the token names. Retired secrets (``SECRET_KEY_FALLBACKS``) still count. ``now`` is needed where tokens expire.

    Raises:
        ExpiredError: it was made here, too long ago.
        TokenError: it was not made for this purpose under any of the secrets, or not one sign of it stands as it was made.
    """
    if purpose not in PURPOSES:
        raise ValueError(f"no purpose {purpose!r}")
    version = _FOR_EVER if purpose not in LIFETIMES else _DATED
    signs = _HEAD_SIGNS[version]
    if not signs <= len(token) <= _LONGEST or _FORM.fullmatch(token) is None:
        raise TokenError
    head, tail = token[:signs], token[signs:]
    try:
        raw = urlsafe_b64decode(head)
        name = urlsafe_b64decode(tail + "=" * (-len(tail) % 4))
        season = name.decode()
    except ValueError as error:
        raise TokenError from error
    issued, who, mac = raw[1 : -16 - _MAC_BYTES], raw[-16 - _MAC_BYTES : -_MAC_BYTES], raw[-_MAC_BYTES:]
    # Base64 has several spellings of one text: only the one that is made here counts.
    if raw[:1] != version or urlsafe_b64encode(name).rstrip(b"=").decode() != tail:
        raise TokenError
    for secret in (_current(), *_retired()) if key is None else (key,):
        state = _keyed(secret, purpose, version, name).copy()
        state.update(issued + who)
        if hmac.compare_digest(state.digest()[:_MAC_BYTES], mac):
            return _fresh(purpose, Token(season, UUID(bytes=who)), issued, now)
    raise TokenError


def _issued(purpose: Purpose, now: dt.datetime | None) -> bytes:
    """The version and, where a purpose's tokens expire, the hour."""
    if purpose not in LIFETIMES:
        return _FOR_EVER
    if now is None:
        raise ValueError(f"a token for {purpose!r} says when it was made")
    return _DATED + (int(now.timestamp()) // _HOUR).to_bytes(_HOUR_BYTES, "big")


def _fresh(purpose: Purpose, token: Token, issued: bytes, now: dt.datetime | None) -> Token:
    if purpose not in LIFETIMES:
        return token
    if now is None:
        raise ValueError(f"whether a token for {purpose!r} has expired depends on the time")
    until = (int.from_bytes(issued, "big") + 1) * _HOUR
    if now.timestamp() >= until + LIFETIMES[purpose].total_seconds():
        raise ExpiredError(token)
    try:
        return replace(token, until=dt.datetime.fromtimestamp(until, dt.UTC))
    except (OverflowError, ValueError) as error:  # an hour that no calendar has
        raise TokenError from error


@lru_cache(maxsize=256)
def _keyed(secret: bytes, purpose: str, version: bytes, name: bytes) -> hmac.HMAC:
    """The MAC's state after version and season, ready to be copied. The purpose goes into the key, not into the text."""
    derived = hmac.digest(secret, b"pipeline.audience.tokens:" + purpose.encode(), "sha256")
    return hmac.new(derived, version + len(name).to_bytes(2, "big") + name, "sha256")


def _current() -> bytes:
    return _bytes(settings.SECRET_KEY)


def _retired() -> tuple[bytes, ...]:
    return tuple(_bytes(secret) for secret in settings.SECRET_KEY_FALLBACKS)


def _bytes(secret: str | bytes) -> bytes:
    return secret.encode() if isinstance(secret, str) else secret
