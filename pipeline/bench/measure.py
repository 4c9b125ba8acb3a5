"""A whole bench: people, a newsletter, rivals before and after, the production path between them, and a second run that is counted."""

from __future__ import annotations

import datetime as dt
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from pipeline import clock
from pipeline.bench import letter, people, rivals, run, sinks
from pipeline.bench.ground import Database
from pipeline.bench.plan import Plan
from pipeline.bench.report import Report, Rivals
from pipeline.bench.run import Crew, Progress, Sent
from pipeline.bench.sinks import Sink
from pipeline.compose.letter import Letter
from pipeline.compose.message import Compiled
from pipeline.environment import Environment


@dataclass(frozen=True, slots=True)
class Bench:
    """What every run of a bench works with."""

    environment: Environment
    plan: Plan
    scratch: Path
    database: Database
    redis: int
    progress: Progress

    @property
    def crew(self) -> Crew:
        return Crew(self.plan.workers, self.plan.connections // self.plan.workers)

    def send(self, name: str, what: tuple[Letter, Compiled], sink: Sink) -> Sent:
        mailing, seconds = run.freeze(*what, name)
        servers = {"database": self.database.pid, "redis": self.redis}
        return run.send(self.environment, mailing, seconds, sink, self.crew, servers=servers, progress=self.progress)

    def rivals(self, compiled: Compiled, sink: Sink) -> tuple[float | None, float | None]:
        """Messages per second of smtp-source and of the plain way, now; None for what is not asked for, or not installed."""
        plan = self.plan
        if not plan.compare:
            return None, None
        source = None
        if rivals.has_source():
            self.progress("smtp-source", 0, plan.recipients)
            source = rivals.smtp_source(sink, size=plan.size, connections=plan.connections, recipients=plan.recipients)
        self.progress("un EmailMultiAlternatives par personne", 0, plan.recipients)
        return source, rivals.plain(sink, compiled, size=plan.size, recipients=plan.recipients)


def measure(bench: Bench) -> Report:
    """Carry out the bench.

    Raises:
        pipeline.bench.children.BenchError: it cannot be carried out, or the mailing came to no end.
    """
    plan, now = bench.plan, clock.now()
    what = letter.compose(plan.size, bench.environment.emails_dir, now=now)
    bench.progress("inscription", 0, plan.recipients)
    season = what[0].season
    people.enrol(plan.recipients, season.name, season.choices[0].id, now=now - dt.timedelta(days=1))
    with _sink(bench) as sink:
        before = bench.rivals(what[1], sink)
        sent = bench.send("banc/1", what, sink)
        after = bench.rivals(what[1], sink)
    again, counted = sent, None
    if sink.kind != "given":
        with sinks.counting(bench.scratch) as own:
            again = bench.send("banc/2", what, own)
            counted = own.counted()
    return Report(
        plan=plan,
        database=bench.database.kind,
        sink=sink.kind,
        bytes=letter.weight(what[1]),
        sent=sent,
        checked=again.tally,
        counted=counted,
        source=Rivals(before[0], after[0]),
        plain=Rivals(before[1], after[1]),
    )


def _sink(bench: Bench) -> AbstractContextManager[Sink]:
    """Where figures are taken: the server given, else Postfix's sink, else our own."""
    if bench.plan.smtp:
        return nullcontext(sinks.given(bench.plan.smtp))
    return sinks.compiled(bench.scratch) if sinks.has_compiled() else sinks.counting(bench.scratch)
