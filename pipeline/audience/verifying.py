"""Whether the consent ledger still says what it said when it was written and sealed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from django.db.models import QuerySet

from pipeline.audience import evidence, merkle, sealing
from pipeline.audience.models import Consent, Event, Person, Seal

MOST_FAULTS = 200
"""So many are told; the others are counted."""
_CHUNK = 2_000
_DIGEST = re.compile(r"[0-9a-f]{16,64}")
_OF_NOBODY = frozenset({Event.GRANTED, Event.CHANGED, Event.WITHDRAWN, Event.IMPORTED})
"""What a person may have said who was removed since: only those who never confirmed anything are
(:mod:`pipeline.audience.retention`, an import that was undone)."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a verification found. ``opened``: entries whose details were compared; ``closed``: those of people who were erased or removed,
    of which only what was sealed is left to compare; ``head``: the last digest, hexadecimal; ``faults``: French sentences."""

    seals: int
    opened: int
    closed: int
    unsealed: int
    head: str
    faults: tuple[str, ...]


@dataclass(slots=True)
class _Findings:
    opened: int = 0
    closed: int = 0
    faults: list[str] = field(default_factory=list)
    untold: int = 0

    def fault(self, text: str) -> None:
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(text)
        else:
            self.untold += 1

    def told(self) -> tuple[str, ...]:
        return (*self.faults, f"et {self.untold} autres.") if self.untold else tuple(self.faults)


def verify(*, expect: str = "") -> Verdict:
    """Check the whole ledger, in bounded memory, while it is being written to. ``expect``: a digest that was noted before, or its
    beginning (16 hexadecimal digits at least), and has to be in the chain.

    Raises:
        ValueError: ``expect`` is no digest. The message is French.
    """
    expect = expect.strip().lower()
    if expect and not _DIGEST.fullmatch(expect):
        raise ValueError(f"« {expect} » n’est pas l’empreinte d’un sceau : de 16 à 64 chiffres hexadécimaux.")
    found = _Findings()
    number, head = 0, b""
    seen = not expect
    for one, previous in sealing.chain():
        number += 1
        if one.number != number:
            found.fault(f"le sceau {number} manque.")
            number = one.number
        _check(one, previous, found)
        head = bytes(one.digest)
        seen = seen or head.hex().startswith(expect)
    if not seen:
        found.fault(f"le sceau {expect[:16]}… n’est pas dans la chaîne : elle a été coupée ou refaite.")
    unsealed = sum(1 for _ in _opened(Consent.objects.filter(seal__isnull=True), found))
    return Verdict(number, found.opened, found.closed, unsealed, head.hex(), found.told())


def _check(one: Seal, previous: bytes, found: _Findings) -> None:
    tree = merkle.Tree()
    for consent in _opened(Consent.objects.filter(seal=one), found):
        tree.add(sealing.leaf(consent))
    if tree.count != one.count:
        found.fault(f"sceau {one.number} : {tree.count} entrées au lieu de {one.count}.")
    elif tree.root() != bytes(one.root):
        found.fault(f"sceau {one.number} : ses entrées ont changé.")
    if sealing.digest(previous, one.number, bytes(one.root), one.count, one.at) != bytes(one.digest):
        found.fault(f"sceau {one.number} : il a changé, ou ne suit pas le précédent.")
    if not sealing.is_ours(one):
        found.fault(f"sceau {one.number} : il n’a pas été posé avec le secret de cette installation.")


def _opened(entries: QuerySet[Consent], found: _Findings) -> Iterator[Consent]:
    """The entries in order, each compared with what it committed to and with whose it is."""
    rows = entries.select_related("person").order_by("id").iterator(chunk_size=_CHUNK)
    while chunk := list(islice(rows, _CHUNK)):
        strays = [one for one in chunk if one.person is None]
        for one in chunk:
            if one.person is not None:
                _compare(one, one.person, found)
        if strays:
            _of_nobody(strays, found)
        yield from chunk


def _compare(consent: Consent, person: Person, found: _Findings) -> None:
    try:
        if evidence.whose(consent) != person.public_id:
            found.fault(f"l’entrée {consent.pk} n’est plus celle de la personne pour qui elle fut écrite.")
        elif evidence.read(consent, person) is not None:
            found.opened += 1
            return
        elif person.erased_at is None:
            found.fault(f"l’entrée {consent.pk} ne s’ouvre plus, sans que la personne ait été effacée.")
    except evidence.TamperedError:
        found.fault(f"l’entrée {consent.pk} ne dit plus ce qu’elle disait.")
    found.closed += 1


def _of_nobody(strays: list[Consent], found: _Findings) -> None:
    """Entries without a person: theirs was removed, and had never confirmed."""
    theirs = {}
    for one in strays:
        found.closed += 1
        try:
            theirs[one] = evidence.whose(one)
        except evidence.TamperedError:
            found.fault(f"l’entrée {one.pk} ne dit plus ce qu’elle disait.")
    there = set(Person.objects.filter(public_id__in=set(theirs.values())).values_list("public_id", flat=True))
    for one, who in theirs.items():
        if who in there or one.event not in _OF_NOBODY:
            found.fault(f"l’entrée {one.pk} a été détachée de la personne pour qui elle fut écrite.")
