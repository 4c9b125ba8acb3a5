"""The table of faults: what is done, how often, what came of it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TypeAlias

from tests.faults.trials import Field, Trial

BOTH = ("postgresql", "sqlite")
Run: TypeAlias = Callable[[Field, "Row"], None]
"""One mailing under a fault, or several: it counts its hits in the row and hands each mailing to :func:`finish`."""


@dataclass
class Row:
    """A line of the table. ``hits``: how often the fault struck; ``bound``: how many ``unknown`` it may leave, ``beyond``: how many
    more than that there were, counted for each mailing; ``contradicted``: see :class:`tests.faults.trials.Verdict`."""

    fault: str
    database: str
    runs: int = 0
    hits: int = 0
    lost: int = 0
    duplicated: int = 0
    unknown: int = 0
    bound: int = 0
    beyond: int = 0
    contradicted: int = 0
    resumed: int = 0
    seconds: float = 0.0
    failure: str = ""

    @property
    def good(self) -> bool:
        return self.hits > 0 and not (self.lost or self.duplicated or self.beyond or self.contradicted or self.failure)

    def as_dict(self) -> dict[str, object]:
        return asdict(self) | {"good": self.good}


@dataclass(frozen=True)
class Fault:
    """``short`` and ``whole``: how many hits the two forms want, on each of ``databases``; 0 leaves it out."""

    name: str
    run: Run
    short: int
    whole: int
    databases: tuple[str, ...]


FAULTS: list[Fault] = []


def fault(name: str, *, short: int, whole: int, databases: tuple[str, ...] = ("postgresql",)) -> Callable[[Run], Run]:
    """Enter a function into the table: it does one run, and counts its hits."""

    def entered(run: Run) -> Run:
        FAULTS.append(Fault(name, run, short, whole, databases))
        return run

    return entered


def carry_out(chosen: Fault, field: Field, wanted: int) -> Row:
    """Run a fault until it has struck ``wanted`` times. What fails is told in the row, and what runs is started anew."""
    row = Row(chosen.name, field.ground.kind)
    began = time.monotonic()
    try:
        while row.hits < wanted and row.runs < 3 * wanted:
            row.runs += 1
            chosen.run(field, row)
        if row.hits < wanted:
            row.failure = f"it struck {row.hits} times instead of {wanted}"
    except Exception as error:  # whatever it is, the table goes on
        row.failure = f"{type(error).__name__}: {error} ({field.ground.diagnose()})"
        time.sleep(0.5)
        field.dismiss_senders()
    for name in field.deaths():
        row.failure = f"{row.failure} the worker {name} has ended by itself".strip()
    row.seconds = time.monotonic() - began
    return row


def finish(field: Field, row: Row, trial: Trial, bound: int) -> None:
    """See the mailing to its end and add what became of it to the row."""
    verdict = field.finish(trial)
    row.lost += verdict.lost
    row.duplicated += verdict.duplicated
    row.unknown += verdict.unknown
    row.contradicted += verdict.contradicted
    row.bound += bound
    if verdict.unknown > bound:
        row.beyond += verdict.unknown - bound
        row.failure = f"{verdict.unknown} unknown, {bound} allowed: {field.uncertain(trial)}"
    row.resumed += trial.resumed


def rest(most: float) -> None:
    """Let something happen."""
    time.sleep(random.uniform(0.05, most))
