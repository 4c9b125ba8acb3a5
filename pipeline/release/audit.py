"""The append-only record of who did what, and why; and the plan's revision that tells beat that something moved."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any, Literal

from django.db.models import F

from pipeline.release.models import AuditEntry, Plan

ActorKind = Literal["beat", "staff", "rehearsal", "system"]


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts. A person has 60 seconds to take a release back; beat and a rehearsal have none."""

    kind: ActorKind
    who: str

    @property
    def undo(self) -> dt.timedelta:
        return dt.timedelta(seconds=60 if self.kind == "staff" else 0)


BEAT = Actor("beat", "calendrier")
SYSTEM = Actor("system", "système")


def record(
    actor: Actor, action: str, *, now: dt.datetime, season: str = "", slot: str = "", why: str = "", **data: Any
) -> None:
    """Write an entry, and tell beat that the plan may have changed. Call it inside the transaction of the act itself."""
    AuditEntry.objects.create(
        at=now, actor=actor.kind, who=actor.who, action=action, season=season, slot=slot, why=why, data=data
    )
    if not Plan.objects.filter(pk=1).update(revision=F("revision") + 1):
        Plan.objects.get_or_create(pk=1, defaults={"revision": 1})


def plan_revision() -> int:
    """A number that grows with every decision and every applied revision."""
    return Plan.objects.filter(pk=1).values_list("revision", flat=True).first() or 0


def ticked(now: dt.datetime) -> None:
    """Note that the calendar was looked at."""
    if not Plan.objects.filter(pk=1).update(ticked_at=now):
        Plan.objects.get_or_create(pk=1, defaults={"ticked_at": now})


def last_tick() -> dt.datetime | None:
    return Plan.objects.filter(pk=1).values_list("ticked_at", flat=True).first()
