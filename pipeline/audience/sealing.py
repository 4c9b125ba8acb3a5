"""Seals: the consent ledger's entries chained in batches, so that none can be changed, added before others or taken out unseen.

A seal's ``root`` is the SHA-256 of its entries in order; its ``digest`` chains root, count and time to the digest before; its MAC, under a
key derived from the installation's secret, keeps whoever can only write to the database from making a chain of their own. Entries are
sealed by a task within minutes: what is not sealed yet is told as such. The last digest, noted elsewhere, shows that no
seal was cut off at the end.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.conf import settings
from django.db import IntegrityError, transaction

from pipeline.audience import evidence
from pipeline.audience.models import Consent, Seal

BATCH = 5_000
"""Entries of a seal at most."""
_FIRST = bytes(32)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a verification found. ``opened``: entries whose details were compared; ``closed``: those of erased people, of which only the
    commitment is left; ``head``: the last digest, hexadecimal; ``faults``: French sentences."""

    seals: int
    opened: int
    closed: int
    unsealed: int
    head: str
    faults: tuple[str, ...]


def seal(*, now: dt.datetime, most: int = BATCH) -> int:
    """Seal what is not sealed yet, in batches; return how many entries. Two at once change nothing: one of them goes on later."""
    sealed = 0
    while count := _seal_batch(now, most):
        sealed += count
    return sealed


def verify(*, expect: str = "") -> Verdict:
    """Check the whole ledger, in bounded memory. ``expect``: a digest that was noted before and has to be in the chain."""
    faults: list[str] = []
    previous, number, opened, closed = _FIRST, 0, 0, 0
    seen = not expect
    for one in Seal.objects.order_by("number").iterator(chunk_size=500):
        number += 1
        if one.number != number:
            faults.append(f"le sceau {number} manque.")
            number = one.number
        root = hashlib.sha256()
        count = 0
        for consent in _entries(one):
            count += 1
            root.update(_leaf(consent))
            found = _open(consent, faults)
            opened += found
            closed += not found
        if count != one.count:
            faults.append(f"sceau {number} : {count} entrées au lieu de {one.count}.")
        elif root.digest() != bytes(one.root):
            faults.append(f"sceau {number} : ses entrées ont changé.")
        if _digest(previous, one.number, bytes(one.root), one.count, one.at) != bytes(one.digest):
            faults.append(f"sceau {number} : il ne suit pas le précédent.")
        if not _is_ours(one):
            faults.append(f"sceau {number} : il n’a pas été posé avec le secret de cette installation.")
        previous = bytes(one.digest)
        seen = seen or previous.hex() == expect.lower()
    if not seen:
        faults.append(f"le sceau {expect[:16]}… n’est pas dans la chaîne : elle a été coupée ou refaite.")
    unsealed = 0
    for consent in Consent.objects.filter(seal__isnull=True).select_related("person").iterator(chunk_size=2_000):
        unsealed += 1
        _open(consent, faults)
    return Verdict(number, opened, closed, unsealed, previous.hex() if number else "", tuple(faults))


def _seal_batch(now: dt.datetime, most: int) -> int:
    try:
        with transaction.atomic():
            last = Seal.objects.select_for_update().order_by("-number").first()
            waiting = list(
                Consent.objects.filter(seal__isnull=True)
                .order_by("id")
                .only("id", "season", "event", "at", "commitment")[:most]
            )
            if not waiting:
                return 0
            number = last.number + 1 if last else 1
            root = _root(waiting)
            digest = _digest(bytes(last.digest) if last else _FIRST, number, root, len(waiting), now)
            made = Seal.objects.create(
                number=number,
                at=now,
                count=len(waiting),
                root=root,
                digest=digest,
                mac=_mac(settings.SECRET_KEY, digest),
            )
            if Consent.objects.filter(pk__in=[one.pk for one in waiting]).seal(made) != len(waiting):
                raise IntegrityError("somebody else seals")
    except IntegrityError:
        return 0
    return len(waiting)


def _entries(one: Seal) -> Iterator[Consent]:
    return one.entries.select_related("person").order_by("id").iterator(chunk_size=2_000)


def _root(entries: Iterable[Consent]) -> bytes:
    root = hashlib.sha256()
    for one in entries:
        root.update(_leaf(one))
    return root.digest()


def _leaf(consent: Consent) -> bytes:
    """What stands in clear, and the commitment to the rest. Not the person: an entry outlives them."""
    told = f"{consent.pk}\0{consent.season}\0{consent.event}\0{consent.at.astimezone(dt.UTC).isoformat()}\0"
    return hashlib.sha256(told.encode() + bytes(consent.commitment)).digest()


def _digest(previous: bytes, number: int, root: bytes, count: int, at: dt.datetime) -> bytes:
    told = f"{number}\0{count}\0{at.astimezone(dt.UTC).isoformat()}\0".encode()
    return hashlib.sha256(b"kit seal 1\0" + previous + root + told).digest()


def _open(consent: Consent, faults: list[str]) -> bool:
    """Compare an entry's details with what it committed to; False where nobody can open them any more."""
    try:
        return evidence.read(consent, consent.person) is not None
    except evidence.TamperedError:
        faults.append(f"l’entrée {consent.pk} ne dit plus ce qu’elle disait.")
        return True


def _is_ours(one: Seal) -> bool:
    secrets = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return any(hmac.compare_digest(_mac(secret, bytes(one.digest)), one.mac) for secret in secrets)


def _mac(secret: str | bytes, digest: bytes) -> str:
    """``KEY ID:HEX``: the id names the secret that it was made under, for people."""
    raw = secret.encode() if isinstance(secret, str) else secret
    derived = hmac.digest(raw, b"pipeline.audience.sealing", "sha256")
    name = hmac.digest(derived, b"key id", "sha256").hex()[:12]
    return f"{name}:{hmac.digest(derived, digest, 'sha256').hex()}"
