"""Lists of people: a file is read and judged (:func:`read`), compared with what is there (:func:`compare`), then all of it is imported, or
nothing (:func:`apply`); within 30 days an import can be undone (:func:`undo`)."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import IO

from pipeline.audience.list_models import Import
from pipeline.audience.lists import applying, undoing
from pipeline.audience.lists.applying import CHUNK
from pipeline.audience.lists.judging import Row
from pipeline.audience.lists.placing import Placed, place
from pipeline.audience.lists.plan import Duplicate, Plan
from pipeline.audience.lists.reading import FORMATS, Format, read
from pipeline.audience.lists.vocabulary import Vocabulary
from pipeline.content.errors import ContentError

__all__ = [
    "CHUNK",
    "FORMATS",
    "Difference",
    "Duplicate",
    "Format",
    "Import",
    "ImportRefusedError",
    "Plan",
    "Result",
    "Row",
    "UndoError",
    "Vocabulary",
    "apply",
    "compare",
    "read",
    "read_csv",
    "resume",
    "undo",
]

UNDO_WITHIN = dt.timedelta(days=30)
TOLD = 200
"""Faults that an error holds at most; the plan has them all."""
_LEFT = "cette personne s’est désabonnée, ou son adresse ne doit plus recevoir de message : rien n’a changé pour elle."
_LEFT_MEND = "Elle seule peut revenir, en s’inscrivant."

Progress = Callable[[str, int, int], None]


class ImportRefusedError(ContentError):
    """The file has faults and nothing of it was imported; ``faults`` holds the first, ``lines`` says how many lines have some."""

    def __init__(self, plan: Plan) -> None:
        self.lines = plan.faulty
        super().__init__(list(islice(plan.faults(), TOLD)))


class UndoError(ValueError):
    """This import cannot be undone; the message, French, says why."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a file's lines: the four numbers and the merged ones add up to its records.

    ``suppressed``: they left, or their address is suppressed: left as they are; the plan's notes name them. ``refused``: faulty lines.
    """

    number: int
    added: int
    already: int
    suppressed: int
    refused: int


@dataclass(slots=True)
class Difference:
    """What importing a file would change: ``new`` people, ``known`` ones without a subscription, ``waiting`` ones who would be confirmed
    by it, ``back``: those that an undone import had brought. ``already`` and ``suppressed`` stay as they are."""

    new: int = 0
    known: int = 0
    waiting: int = 0
    back: int = 0
    already: int = 0
    suppressed: int = 0

    def count(self, placed: Placed) -> None:
        self.new += len(placed.unknown)
        self.known += len(placed.unsubscribed)
        self.waiting += len(placed.waiting)
        self.back += len(placed.back)
        self.already += len(placed.already)
        self.suppressed += len(placed.held)


def read_csv(stream: IO[bytes], *, consent_source: str | None, path: str = "") -> Plan:
    """A CSV file of the columns that need no mapping, whatever the season: see :func:`read`."""
    return read(stream, form="csv", consent_source=consent_source or "", path=path)


def compare(plan: Plan, season: str, *, progress: Progress = lambda *_: None) -> Difference:
    """Say what :func:`apply` would do now; nothing is written but the plan's notes."""
    difference, done, total = Difference(), 0, plan.count
    for rows in plan.chunks(CHUNK):
        placed = place(rows, season)
        difference.count(placed)
        plan.note(placed.held, _LEFT, _LEFT_MEND)
        done += len(rows)
        progress("comparaison", done, total)
    return difference


def apply(
    plan: Plan,
    season: str,
    choice: str,
    *,
    now: dt.datetime,
    skip_faulty: bool = False,
    who: str = "",
    progress: Progress = lambda *_: None,
) -> Result:
    """Subscribe the people of ``plan`` to ``season`` at once, each with an *imported* entry in the ledger: all of them, or nobody.

    ``choice``: for rows that name none. A person who waits for confirmation becomes active; one who is active is left alone, choice
    included; one who ever left the season (or everything), complained or was erased stays out: only they can come back. Names
    of known people are kept. If this process dies once the import is decided, :func:`resume` finishes it; mailings see nothing of it until
    then. No signal is sent: it is one event, which the caller writes down.

    Raises:
        ImportRefusedError: there are faulty lines and ``skip_faulty`` is false, or the file cannot be read to its end.
    """
    refused = plan.faulty
    if refused and not (skip_faulty and plan.readable):
        raise ImportRefusedError(plan)
    total = plan.count
    told = Import(
        season=season,
        choice=choice,
        path=plan.path[-255:],
        sha256=plan.sha256,
        who=who[:200],
        rows=total,
        refused=refused,
        at=now,
    )
    applying.decide(told, plan.chunks(CHUNK))
    done = 0

    def seen(placed: Placed) -> None:
        nonlocal done
        plan.note(placed.held, _LEFT, _LEFT_MEND)
        done += CHUNK
        progress("import", min(done, total), total)

    applying.carry_on(told, seen=seen)
    return Result(told.pk, told.added, told.already, told.held, told.refused)


def undo(number: int, *, now: dt.datetime) -> Import:
    """End what an import made active and its people have not made theirs since; what runs stops for them. Again changes nothing.

    Whoever changed, confirmed, paused or moved anything themselves keeps their subscription. People whom nothing else knows are removed;
    the others keep an ended subscription, and a suppression that a new consent or a new import lifts. The ledger keeps every entry.

    Raises:
        UndoError: there is no such import, or it is older than 30 days.
    """
    told = Import.objects.filter(pk=number).first()
    if told is None:
        raise UndoError(f"Aucun import n’a le numéro {number}.")
    if told.state == Import.State.APPLYING:
        applying.carry_on(told)
    if told.state == Import.State.DONE:
        if now > told.at + UNDO_WITHIN:
            raise UndoError(f"L’import {number} a plus de {UNDO_WITHIN.days}\u00a0jours : il ne s’annule plus.")
        undoing.decide(told, now=now)
    if told.state == Import.State.UNDOING:
        undoing.carry_on(told)
    return told


def resume(*, decided_before: dt.datetime | None = None, seconds: float = 3600.0) -> list[Import]:
    """Carry on what a process that died has left, for about ``seconds``; return what was finished. Two at once share the work.

    ``decided_before``: only what was decided before, by whoever would rather not help one that is alive.
    """
    end = time.monotonic() + seconds
    left = Import.objects.filter(state__in=(Import.State.APPLYING, Import.State.UNDOING)).order_by("pk")
    if decided_before is not None:
        left = left.filter(at__lt=decided_before)
    finished = []
    for told in left:
        carry_on = applying.carry_on if told.state == Import.State.APPLYING else undoing.carry_on
        if carry_on(told, go_on=lambda: time.monotonic() < end):
            finished.append(told)
    return finished
