"""Return paths that say which message a report is about, and that we wrote them.

``rebonds+b-<36 hexadecimal digits>@retour.example.org``: ``b`` for a message of a mailing, ``p`` for a mail to one person
(:class:`pipeline.delivery.models.Outgoing`), then eight bytes of numbers and ten of HMAC-SHA256 (RFC 2104). Hexadecimal,
because servers fold the case of a local part; at most 64 octets before the ``@`` (RFC 5321 §4.5.3.1.1). Whoever was never
written to knows no such address: a forged report is told from a real one by it alone. Nothing expires: reports come late.
"""

from __future__ import annotations

import hmac
import re
import struct
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from django.conf import settings

from pipeline.audience import tokens

LEAVE = "quitter"
"""What follows the ``+`` in the address of a mail that unsubscribes."""
MAC_BYTES = 10
_HEX = 2 * (8 + MAC_BYTES)
LONGEST_LOCAL = 64 - len("+b-") - _HEX
"""Octets that KIT_RETURN_PATH may have before its ``@``."""

_BULK, _POST = "b", "p"
_NUMBERS = struct.Struct(">II")
_NUMBER = struct.Struct(">Q")
_TOKEN = re.compile(rf"([{_BULK}{_POST}])-([0-9a-f]{{{_HEX}}})")
_TOKENS = re.compile(rf"(?<![0-9a-z])[{_BULK}{_POST}]-[0-9a-f]{{{_HEX}}}(?![0-9a-z])")
_LEAVE_TOKEN = re.compile(r"[A-Za-z0-9_-]{44,400}")


class ReturnPathError(ValueError):
    """KIT_RETURN_PATH cannot be signed; the message is French and says the mend."""


@dataclass(frozen=True, slots=True)
class Origin:
    """A message of a mailing: the mailing's key, the place on its list."""

    mailing: int
    position: int


@dataclass(frozen=True, slots=True)
class Posted:
    """A mail to one person: the key of its :class:`~pipeline.delivery.models.Outgoing`."""

    outgoing: int


Signed: TypeAlias = Origin | Posted
"""What a signed return path tells."""


class Maker:
    """Makes the return paths of one installation; about two microseconds each. Not to be kept beyond a change of secret."""

    __slots__ = ("_bulk", "_head", "_post", "_tail")

    def __init__(self, return_path: str) -> None:
        """Raises :class:`ReturnPathError` where it is no address, or too long to be signed."""
        local, at, domain = return_path.rpartition("@")
        if not (local and at and domain):
            raise ReturnPathError(f"KIT_RETURN_PATH : « {return_path} » n’est pas une adresse.")
        if len(local.encode()) > LONGEST_LOCAL:
            raise ReturnPathError(
                f"KIT_RETURN_PATH : « {local} » est trop long ; au plus {LONGEST_LOCAL} octets avant le « @ », "
                "puisqu’une signature s’y ajoute."
            )
        self._head = f"{local}+"
        self._tail = f"@{domain}"
        self._bulk = _keyed(_secrets()[0], _BULK)
        self._post = _keyed(_secrets()[0], _POST)

    def make(self, mailing: int, position: int) -> str:
        """The return path of one message of a mailing."""
        numbers = _NUMBERS.pack(mailing, position)
        state = self._bulk.copy()
        state.update(numbers)
        return f"{self._head}b-{(numbers + state.digest()[:MAC_BYTES]).hex()}{self._tail}"

    def post(self, outgoing: int) -> str:
        """The return path of a mail to one person."""
        number = _NUMBER.pack(outgoing)
        state = self._post.copy()
        state.update(number)
        return f"{self._head}p-{(number + state.digest()[:MAC_BYTES]).hex()}{self._tail}"


def read(address: str) -> Signed | None:
    """What a return path tells; None for one that we did not sign. Case does not count, nor does the domain."""
    return read_token(token_of(address))


def read_token(token: str) -> Signed | None:
    """What ``b-…`` or ``p-…`` tells; None where the signature is not ours. Retired secrets still count."""
    found = _TOKEN.fullmatch(token.lower())
    if found is None:
        return None
    kind, raw = found[1], bytes.fromhex(found[2])
    for secret in _secrets():
        state = _keyed(secret, kind).copy()
        state.update(raw[:8])
        if hmac.compare_digest(state.digest()[:MAC_BYTES], raw[8:]):
            return Origin(*_NUMBERS.unpack(raw[:8])) if kind == _BULK else Posted(*_NUMBER.unpack(raw[:8]))
    return None


def token_of(address: str) -> str:
    """The token within a return path (what an API provider is given as metadata); ``""`` where there is none."""
    local = address.strip().strip("<>").rpartition("@")[0].lower()
    token = local.rpartition("+")[2]
    return token if _TOKEN.fullmatch(token) else ""


def tokens_in(text: str) -> list[str]:
    """Whatever looks like a token of ours in a text, a header's value for instance. Nothing is verified."""
    return _TOKENS.findall(text.lower())


def unsubscribe_address(return_path: str) -> str:
    """Where a mail that unsubscribes goes: ``rebonds+quitter@…``."""
    local, _, domain = return_path.rpartition("@")
    return f"{local}+{LEAVE}@{domain}"


def unsubscribe_mailto(return_path: str, token: str) -> str:
    """The mailto of List-Unsubscribe (RFC 2369 §3.2). ``token`` is that of the link (:mod:`pipeline.audience.tokens`).

    It stands in the subject, where its case is kept, and a reader's mail program sends it as it is.
    """
    return f"mailto:{unsubscribe_address(return_path)}?subject=unsubscribe%20{token}"


def is_unsubscribe_address(address: str) -> bool:
    return address.strip().strip("<>").rpartition("@")[0].lower().endswith(f"+{LEAVE}")


def unsubscribe_tokens_in(text: str) -> list[str]:
    """Whatever looks like an unsubscribe token in a text. Nothing is verified."""
    return _LEAVE_TOKEN.findall(text)


def read_unsubscribe(token: str) -> tokens.Token | None:
    """Who wants to leave which season; None where the token is not ours."""
    try:
        return tokens.read("unsubscribe", token)
    except tokens.TokenError:
        return None


@lru_cache(maxsize=16)
def _keyed(secret: bytes, kind: str) -> hmac.HMAC:
    """The MAC's state, ready to be copied: a key of its own for each kind."""
    return hmac.new(
        hmac.digest(secret, b"pipeline.delivery.bounces.verp:" + kind.encode(), "sha256"), digestmod="sha256"
    )


def _secrets() -> tuple[bytes, ...]:
    """The secret in use, then the retired ones."""
    held = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return tuple(secret.encode() if isinstance(secret, str) else secret for secret in held)
