"""Seals: the consent ledger's entries chained in batches, so that none can be changed, added before others or taken out unseen.

A seal's ``root`` is the Merkle tree hash of its entries in order (:mod:`pipeline.audience.merkle`); its ``digest`` chains root, count and
time to the digest before; its MAC, under a key derived from the installation's secret, keeps whoever can only write to the database
from making a chain of their own. Entries are sealed by a task within minutes. The last digest, noted elsewhere, shows that no seal was
cut off at the end: each one is told in the log.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
import logging
import time
from collections.abc import Iterator

from django.conf import settings
from django.db import IntegrityError, transaction

from pipeline.audience import merkle
from pipeline.audience.models import Consent, Seal

logger = logging.getLogger(__name__)

BATCH = 5_000
"""Entries of a seal at most."""
SECONDS = 4.0
FIRST = bytes(32)
"""What stands in the first seal for the digest before it."""


def seal(*, now: dt.datetime, most: int = BATCH, seconds: float = SECONDS) -> int:
    """Seal what is not sealed yet, in batches of ``most``, for about ``seconds``; return how many entries. The rest is for the next
    call. Two at once change nothing: one of them goes on later."""
    end, sealed = time.monotonic() + seconds, 0
    while count := _seal_batch(now, most):
        sealed += count
        if time.monotonic() >= end:
            break
    return sealed


def leaf(consent: Consent) -> bytes:
    """The hash of an entry in its seal's tree: what stands in clear, the commitment, and the details as they stand, whoever may still
    open them. Not the column ``person``: an entry outlives them, and says itself whose it is."""
    told: list[int | str] = [
        consent.pk,
        consent.season,
        str(consent.event),
        written(consent.at),
        bytes(consent.commitment).hex(),
        hashlib.sha256(bytes(consent.details)).hexdigest(),
    ]
    return merkle.leaf(canonical(told))


def digest(previous: bytes, number: int, root: bytes, count: int, at: dt.datetime) -> bytes:
    """What chains a seal to the one before."""
    return hashlib.sha256(canonical([previous.hex(), number, root.hex(), count, written(at)])).digest()


def is_ours(one: Seal) -> bool:
    """True where the seal was made under this installation's secret, or one that it retired."""
    secrets = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return any(hmac.compare_digest(_mac(secret, bytes(one.digest)), one.mac) for secret in secrets)


def chain() -> Iterator[tuple[Seal, bytes]]:
    """Every seal, oldest first, with the digest before it; in bounded memory."""
    previous = FIRST
    for one in Seal.objects.order_by("number").iterator(chunk_size=500):
        yield one, previous
        previous = bytes(one.digest)


def written(at: dt.datetime) -> str:
    """An instant as seals and proofs write it: ISO 8601, UTC."""
    return at.astimezone(dt.UTC).isoformat()


def canonical(told: list[int | str]) -> bytes:
    """One spelling: JSON (RFC 8259) without spaces, in UTF-8."""
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()


def _seal_batch(now: dt.datetime, most: int) -> int:
    try:
        with transaction.atomic():
            last = Seal.objects.select_for_update().order_by("-number").first()
            waiting = list(Consent.objects.filter(seal__isnull=True).order_by("id")[:most])
            if not waiting:
                return 0
            tree = merkle.Tree()
            for one in waiting:
                tree.add(leaf(one))
            made = _next(last, tree, now)
            if Consent.objects.filter(pk__in=[one.pk for one in waiting]).seal(made) != len(waiting):
                raise IntegrityError("somebody else seals")
    except IntegrityError:
        return 0
    logger.info("consent ledger: seal %s, %s entries, digest %s", made.number, made.count, made.digest.hex())
    return len(waiting)


def _next(last: Seal | None, tree: merkle.Tree, now: dt.datetime) -> Seal:
    number, previous = (last.number + 1, bytes(last.digest)) if last else (1, FIRST)
    root = tree.root()
    made = digest(previous, number, root, tree.count, now)
    return Seal.objects.create(
        number=number, at=now, count=tree.count, root=root, digest=made, mac=_mac(settings.SECRET_KEY, made)
    )


def _mac(secret: str | bytes, made: bytes) -> str:
    """``KEY ID:HEX``: the id names the secret that it was made under, for people."""
    raw = secret.encode() if isinstance(secret, str) else secret
    derived = hmac.digest(raw, b"pipeline.audience.sealing", "sha256")
    name = hmac.digest(derived, b"key id", "sha256").hex()[:12]
    return f"{name}:{hmac.digest(derived, made, 'sha256').hex()}"
