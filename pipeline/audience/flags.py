"""What an address says of who reads it: a role's, which several people share, or one that is made to be thrown away.

Town halls do subscribe with mairie@…: a flag informs, and only the operator's policy makes a refusal of it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from disposable_email_domains import blocklist

from pipeline.audience.addresses import Address
from pipeline.audience.models import Person, Status, Subscription
from pipeline.audience.wordlists import words
from pipeline.environment import Environment

Flag: TypeAlias = Literal["role", "disposable"]
Action: TypeAlias = Literal["accept", "flag", "refuse"]
"""``accept``: the flag is not even raised; ``flag``: staff see it (:func:`raised`); ``refuse``: the form says why and what to do."""

_ROLES = words("roles")
_OFFICES = words("offices")
_BETWEEN = re.compile(r"[._-]+")
_REFUSALS: dict[Flag, str] = {
    "role": "Cette adresse est celle d’un service. Indiquez la vôtre : chaque personne s’abonne pour elle-même.",
    "disposable": "Cette adresse est jetable : nos messages ne vous parviendraient plus. Indiquez votre adresse habituelle.",
}


@dataclass(frozen=True, slots=True)
class Policy:
    """What the operator decided of each flag (``KIT_ROLE_ADDRESSES``, ``KIT_DISPOSABLE_ADDRESSES``)."""

    role: Action = "flag"
    disposable: Action = "flag"

    def action(self, flag: Flag) -> Action:
        return self.role if flag == "role" else self.disposable

    @classmethod
    def of(cls, environment: Environment) -> Policy:
        """What the operator decided."""
        return cls(environment.role_addresses, environment.disposable_addresses)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a form does with an address: take it (``refusal`` empty) with its ``flags``, or say the ``refusal``, in French."""

    flags: frozenset[Flag]
    refusal: str = ""


def flags(address: Address) -> frozenset[Flag]:
    """What is remarkable about an address, whatever the policy."""
    found: set[Flag] = set()
    if _is_role(address.key.rpartition("@")[0]):
        found.add("role")
    if _is_disposable(address.domain):
        found.add("disposable")
    return frozenset(found)


def verdict(address: Address, policy: Policy) -> Verdict:
    """Apply the policy. Of two refusals, the disposable one is said: another service's address would not do either."""
    found = flags(address)
    kept = frozenset(flag for flag in found if policy.action(flag) != "accept")
    order: tuple[Flag, ...] = ("disposable", "role")
    refused = [flag for flag in order if flag in kept and policy.action(flag) == "refuse"]
    return Verdict(kept, _REFUSALS[refused[0]] if refused else "")


def raised(policy: Policy) -> Iterator[tuple[str, frozenset[Flag]]]:
    """The mailboxes of whoever is subscribed, or about to be, that the policy flags or refuses by now, each with its flags; however
    they came: an import refuses nobody."""
    people = Person.objects.filter(subscriptions__in=Subscription.objects.exclude(status=Status.ENDED)).distinct()
    for mailbox, key in people.order_by("pk").values_list("email", "key").iterator(chunk_size=2_000):
        found = verdict(Address(mailbox, mailbox, key), policy).flags
        if found:
            yield mailbox, found


def _is_role(local: str) -> bool:
    """RFC 2142, its ``-request`` of lists (§6), and French usage; accents, a tag and digits at the end aside."""
    plain = "".join(sign for sign in unicodedata.normalize("NFD", local) if not unicodedata.combining(sign))
    name = plain.partition("+")[0].rstrip("0123456789")
    parts = _BETWEEN.split(name)
    return (
        name in _ROLES
        or "".join(parts) in _ROLES
        or "".join(parts) in _OFFICES
        or name.endswith("-request")
        or any(part.rstrip("0123456789") in _OFFICES for part in parts)
    )


def _is_disposable(domain: str) -> bool:
    """The package's list has domains that take mail for anybody, whatever stands before them."""
    labels = domain.split(".")
    return any(".".join(labels[start:]) in blocklist for start in range(len(labels) - 1))
