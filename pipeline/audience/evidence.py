"""What an entry of the consent ledger says, kept so that an erasure forgets it and nobody can change it unseen.

The details (where, with which wording, from which network, what was chosen) are encrypted under a key per person, AES-256-GCM; the entry
keeps beside them a *commitment*: SHA-256 over a salt and all that the entry says. The salt lies with the details, so that once
the key is destroyed nobody can find out by trying what had been committed to. Before the encrypted details stands whose they are, the
person's ``public_id``, so that an entry cannot change hands either. Seals (:mod:`pipeline.audience.sealing`) cover all of it as it stands.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
from dataclasses import dataclass, fields
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pipeline.audience.models import Consent, Event, Person

_VERSION = b"\x01"
_WHO = 16
_NONCE = 12
_SALT = 16
_TAG = 16
_HEAD = len(_VERSION) + _WHO
KEY = 32
"""Bytes of a person's key."""


class TamperedError(ValueError):
    """An entry does not say what it said when it was written."""


@dataclass(frozen=True, slots=True)
class Details:
    """What a person was asked and answered. ``source``: a form, a link, the register that an import names; ``text_version``: which
    wording was shown; ``form``: by which form; ``ip_truncated``: the network; ``given_at``: when the person said so, where that was
    before it was written down (ISO 8601); ``note``: what else there is to say."""

    source: str = ""
    text_version: str = ""
    form: str = ""
    ip_truncated: str = ""
    choice: str = ""
    themes: str = ""
    rhythm: str = ""
    given_at: str = ""
    note: str = ""


_NAMES = tuple(one.name for one in fields(Details))


def new_key() -> bytes:
    return os.urandom(KEY)


def entry(
    person: Person, season: str, event: Event, details: Details, *, now: dt.datetime, cipher: AESGCM | None = None
) -> Consent:
    """An entry, not yet saved. ``person`` has an id and a key; ``cipher`` of that key, where the caller has it already."""
    cipher = cipher or AESGCM(bytes(person.ledger_key))
    closed, commitment = close(cipher, person.public_id, season, event, details, now=now)
    return Consent(person_id=person.pk, season=season, event=event, at=now, details=closed, commitment=commitment)


def close(
    cipher: AESGCM, who: UUID, season: str, event: str, details: Details, *, now: dt.datetime
) -> tuple[bytes, bytes]:
    """The details, encrypted, and the commitment to all that the entry says."""
    said = _canonical(details)
    salt, nonce = os.urandom(_SALT), os.urandom(_NONCE)
    closed = _VERSION + who.bytes + nonce + cipher.encrypt(nonce, salt + said, who.bytes)
    return closed, _commitment(salt, who, season, event, at=now, said=said)


def whose(consent: Consent) -> UUID:
    """The ``public_id`` that an entry was written for, also once that person was removed.

    Raises:
        TamperedError: it does not say.
    """
    closed = bytes(consent.details)
    if closed[:1] != _VERSION or len(closed) < _HEAD + _NONCE + _SALT + _TAG:
        raise TamperedError(f"entry {consent.pk}: no details")
    return UUID(bytes=closed[1:_HEAD])


def read(consent: Consent, person: Person | None) -> Details | None:
    """What an entry says; None once its person's key is destroyed.

    Raises:
        TamperedError: it was changed since it was written.
    """
    opened = unlock(consent, person)
    return None if opened is None else opened.details


@dataclass(frozen=True, slots=True)
class Opened:
    """An entry's details with the salt of its commitment: what somebody else needs to check it."""

    details: Details
    salt: bytes


def unlock(consent: Consent, person: Person | None) -> Opened | None:
    """As :func:`read`, with the salt."""
    if person is None or not person.ledger_key:
        return None
    if whose(consent) != person.public_id:
        raise TamperedError(f"entry {consent.pk}: it was written for somebody else")
    closed = bytes(consent.details)
    nonce, rest = closed[_HEAD : _HEAD + _NONCE], closed[_HEAD + _NONCE :]
    try:
        opened = AESGCM(bytes(person.ledger_key)).decrypt(nonce, rest, person.public_id.bytes)
    except (InvalidTag, ValueError) as error:  # ValueError: what stands in place of the key is none
        raise TamperedError(f"entry {consent.pk}: its details do not open") from error
    salt, said = opened[:_SALT], opened[_SALT:]
    made = _commitment(salt, person.public_id, consent.season, consent.event, at=consent.at, said=said)
    if made != bytes(consent.commitment):
        raise TamperedError(f"entry {consent.pk}: it does not say what it committed to")
    known: dict[str, Any] = json.loads(said)
    return Opened(Details(**known), salt)


def _canonical(details: Details) -> bytes:
    """One spelling: keys in order, what is empty left out."""
    said = {name: value for name in _NAMES if (value := getattr(details, name))}
    return json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def _commitment(salt: bytes, who: UUID, season: str, event: str, *, at: dt.datetime, said: bytes) -> bytes:
    told = [who.hex, season, str(event), at.astimezone(dt.UTC).isoformat()]
    head = json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
    return hashlib.sha256(b"kit consent 1\0" + salt + len(head).to_bytes(4, "big") + head + said).digest()
