"""A person's entries of the consent ledger, as a document that somebody else can check without us (``docs/check_proof.py``).

For each entry: what it says, the salt of its commitment, and the path from it to the root of its seal (RFC 9162 §2.1.3), so that nothing
of anybody else is shown. A seal's digest is in the chain that the operator shows (`kit audit seals`) and in whatever noted it before.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from typing import Any

from pipeline.audience import evidence, merkle, sealing
from pipeline.audience.models import Consent, Person, Seal

FORMAT = "kit consent proof 1"


def proof(person: Person) -> dict[str, Any]:
    """The document, as JSON takes it; hashes in hexadecimal, instants in ISO 8601, UTC. An entry that is not sealed yet has no ``seal``.

    Raises:
        TamperedError: an entry does not say what it said when it was written.
    """
    entries = list(person.consents.order_by("id"))
    seals = Seal.objects.filter(pk__in={one.seal_id for one in entries if one.seal_id}).order_by("number")
    shown = {one.pk: _entry(one, person) for one in entries}
    told = []
    for seal in seals:
        told.append(seal_shown(seal, _before(seal)))
        _place(seal, shown)
    return {"format": FORMAT, "person": str(person.public_id), "entries": list(shown.values()), "seals": told}


def seal_shown(seal: Seal, previous: bytes) -> dict[str, Any]:
    """What of a seal somebody else needs to check its digest."""
    return {
        "number": seal.number,
        "at": sealing.written(seal.at),
        "count": seal.count,
        "root": bytes(seal.root).hex(),
        "previous": previous.hex(),
        "digest": bytes(seal.digest).hex(),
    }


def _before(seal: Seal) -> bytes:
    before = Seal.objects.filter(number=seal.number - 1).first()
    return bytes(before.digest) if before else sealing.FIRST


def _place(seal: Seal, shown: dict[int, dict[str, Any]]) -> None:
    """Say of each of the person's entries in this seal where in its tree it is."""
    rows = Consent.objects.filter(seal=seal).order_by("id")
    leaves = {one.pk: sealing.leaf(one) for one in rows.iterator(chunk_size=2_000)}
    hashes = list(leaves.values())
    for index, pk in enumerate(leaves):
        if pk in shown:
            way = merkle.path(hashes, index)
            shown[pk] |= {"seal": seal.number, "index": index, "path": [one.hex() for one in way]}


def _entry(consent: Consent, person: Person) -> dict[str, Any]:
    opened = evidence.unlock(consent, person)
    if opened is None:
        raise evidence.TamperedError(f"entry {consent.pk}: it cannot be opened")
    return {
        "id": consent.pk,
        "season": consent.season,
        "event": consent.event,
        "at": sealing.written(consent.at),
        "details": {name: value for name, value in asdict(opened.details).items() if value},
        "salt": opened.salt.hex(),
        "commitment": bytes(consent.commitment).hex(),
        "closed": hashlib.sha256(bytes(consent.details)).hexdigest(),
        "seal": None,
    }
