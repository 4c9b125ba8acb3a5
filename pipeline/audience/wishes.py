"""What a person wants of a season, and who they say they are: what every form, file and ledger entry carries alike."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pipeline.audience.models import Rhythm, Subscription


@dataclass(frozen=True, slots=True)
class Wish:
    """``choice`` is one of the season's; ``themes`` those picked, where the choice lets people pick; ``rhythm``: each release, or
    monthly."""

    choice: str
    themes: tuple[str, ...] = ()
    rhythm: str = Rhythm.EACH

    @classmethod
    def of(cls, subscription: Subscription) -> Wish:
        return cls(subscription.choice, unpacked(subscription.themes), subscription.rhythm)

    def put(self, subscription: Subscription) -> None:
        subscription.choice = self.choice
        subscription.themes = packed(self.themes)
        subscription.rhythm = self.rhythm


@dataclass(frozen=True, slots=True)
class Profile:
    """Who a person says they are. ``role`` and ``territory`` are terms of the season, ``department`` a code of the INSEE (``2A``)."""

    name: str = ""
    organisation: str = ""
    role: str = ""
    territory: str = ""
    department: str = ""

    @classmethod
    def of(cls, subscription: Subscription) -> Profile:
        told, person = subscription, subscription.person
        return cls(person.name, person.organisation, told.role, told.territory, told.department)


def packed(themes: Iterable[str]) -> str:
    """As the column keeps them: ``" air eau "``, in order, so that each stands between spaces; empty for none."""
    named = sorted(set(themes))
    return f" {' '.join(named)} " if named else ""


def unpacked(column: str) -> tuple[str, ...]:
    return tuple(column.split())
