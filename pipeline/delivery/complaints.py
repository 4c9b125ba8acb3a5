"""How many of those who got a mailing complained of it, in all and by mailbox provider.

Gmail and Yahoo ask bulk senders to stay under 0.1 % and never to reach 0.3 % (their sender guidelines of February 2024); Orange
blocks from 0.6 % on. A share says nothing while there are few: one complaint among ten people is 10 %. So a warning takes two
complaints and a stop five, whatever the share.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

WARN_SHARE = 0.001
WARN_LEAST = 2
STOP_SHARE = 0.003
STOP_LEAST = 5

Level = Literal["", "warning", "stop"]


@dataclass(frozen=True, slots=True)
class Rate:
    """The complaints about a mailing from one destination; ``destination`` ``""`` is all of them together."""

    destination: str
    sent: int
    complaints: int

    @property
    def share(self) -> float:
        """Complaints per message sent: 0.003 is 0.3 %. A complaint about a message that was not counted as sent counts as well."""
        return self.complaints / max(self.sent, self.complaints, 1)

    @property
    def level(self) -> Level:
        if self.complaints >= STOP_LEAST and self.share >= STOP_SHARE:
            return "stop"
        if self.complaints >= WARN_LEAST and self.share >= WARN_SHARE:
            return "warning"
        return ""

    @property
    def words(self) -> str:
        """« 0,42 % de plaintes chez orange (5 sur 1200) »."""
        share = f"{self.share:.2%}".replace(".", ",").replace("%", "\u202f%")
        where = f" chez {self.destination}" if self.destination else ""
        return f"{share} de plaintes{where} ({self.complaints} sur {self.sent})"


def rates(sent: Mapping[str, int], complaints: Mapping[str, int]) -> list[Rate]:
    """The rate of all, then of each destination that either side names, by name; both are keyed by destination, ``""`` for the others."""
    named = sorted(name for name in sent.keys() | complaints.keys() if name)
    whole = Rate("", sum(sent.values()), sum(complaints.values()))
    return [whole, *(Rate(name, sent.get(name, 0), complaints.get(name, 0)) for name in named)]


def by_destination(domains: Iterable[tuple[str, int]], group_of: Callable[[str], str]) -> dict[str, int]:
    """Add up counts by domain (of the people who complained) to counts by destination, as :func:`rates` takes them."""
    counts: dict[str, int] = {}
    for domain, count in domains:
        name = group_of(domain)
        counts[name] = counts.get(name, 0) + count
    return counts


def why_stop(found: Iterable[Rate]) -> str:
    """Why a mailing must not go on, with the mend, in French; ``""`` where the complaints allow it."""
    worst = max((rate for rate in found if rate.level == "stop"), key=lambda rate: rate.share, default=None)
    if worst is None:
        return ""
    return f"{worst.words}, 0,3\u202f% au plus : vérifier d’où vient la liste, et que se désabonner est facile, puis « kit resume »."
