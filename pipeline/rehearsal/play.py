"""Playing a season: the same code that runs it, at the speed of the machine, into a scratch database and a Maildir."""

from __future__ import annotations

import datetime as dt
import io
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipeline import broker, clock
from pipeline.audience import imports
from pipeline.delivery import fence, mailings, outbox, sender, takeover
from pipeline.delivery.sender import Desk
from pipeline.release import board, decisions, due, releases, revisions
from pipeline.release.audit import Actor
from pipeline.release.board import SlotView
from pipeline.release.letters import Press
from pipeline.release.revisions import ReadSeason
from pipeline.season.season import Season

ACTOR = Actor("rehearsal", "répétition")
WARNINGS = tuple(dt.timedelta(days=days) for days in (7, 2, 1))
BYPASSED = (
    "courtier (Redis) : la répétition fait elle-même ce que les messages demandent aux ouvriers",
    "beat : l’horloge simulée va d’un instant à l’autre",
    "SMTP : les mails vont dans une boîte Maildir, sans fsync",
)
Progress = Callable[[str, int, int], None]
"""Called with (step, steps, what) as the play goes on."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Where a season is played: presses, the mailbox's desk, the journal's folder."""

    press: Press
    desk: Desk
    mailbox: Path


@dataclass(frozen=True, slots=True)
class Played:
    """What was played. ``seconds``: by phase (read, audience, build, send)."""

    season: Season
    views: tuple[SlotView, ...]
    subscribers: int
    seconds: dict[str, float]
    bypassed: tuple[str, ...]


def people(count: int, consented: dt.date) -> bytes:
    """A CSV of ``count`` subscribers at a domain that can receive nothing (RFC 2606)."""
    out = io.StringIO()
    out.write("email,name,organisation,consent_source,consent_at\n")
    for number in range(1, count + 1):
        out.write(f"abonne-{number:06d}@example.org,,,répétition,{consented}\n")
    return out.getvalue().encode()


def play(read: ReadSeason, stage: Stage, *, subscribers: int, progress: Progress) -> Played:
    """Play a season from before its first slot to its end.

    Raises:
        pipeline.content.errors.ContentError: its files cannot be used.
    """
    season = read.season
    seconds: dict[str, float] = dict.fromkeys(("audience", "build", "send"), 0.0)
    bypassed = list(BYPASSED)
    time_now = _before(season)
    with broker.bypassed(), clock.simulated(lambda: time_now):
        revisions.apply(revisions.plan((read,)), actor=ACTOR, now=time_now)
        revisions.activate(season.name, actor=ACTOR, now=time_now)
        fence.arm_if_new(stage.desk.identity, now=time_now)
        started = time.monotonic()
        _subscribe(season, subscribers, time_now)
        seconds["audience"] = time.monotonic() - started
        bypassed += _date_the_finale(season, time_now)
        instants = _instants(season)
        for step, instant in enumerate(instants, start=1):
            time_now = max(instant, time_now)
            due.check(actor=ACTOR, now=time_now, local=stage.press.here, staff=("equipe@example.org",))
            started = time.monotonic()
            for intention in due.intentions(time_now):
                releases.fulfil(intention, stage.press, now=time_now)
            seconds["build"] += time.monotonic() - started
            started = time.monotonic()
            while mailings.open_batches(time_now) and sender.run(stage.desk, seconds=3600):
                pass
            takeover.reclaim(stage.desk.journals, now=time_now)
            while outbox.run(stage.desk, seconds=60):
                pass
            seconds["send"] += time.monotonic() - started
            progress(f"répétition, {instant.astimezone(season.zone):%d/%m/%Y}", step, len(instants))
        views = board.views(season, local=stage.press.here)
    return Played(season, views, subscribers, seconds, tuple(bypassed))


def _before(season: Season) -> dt.datetime:
    first = dt.datetime.combine(season.first, dt.time(), dt.UTC)
    return first - dt.timedelta(days=8)


def _instants(season: Season) -> list[dt.datetime]:
    """Every slot's instant, and those at which staff would be warned before it."""
    dues = [view.due for view in board.views(season, local=True) if view.due is not None]
    return sorted({due - warning for due in dues for warning in WARNINGS} | set(dues))


def _subscribe(season: Season, count: int, now: dt.datetime) -> None:
    plan = imports.read_csv(io.BytesIO(people(count, now.date())), consent_source=None)
    imports.apply(plan, season.name, season.choices[0].id, now=now)


def _date_the_finale(season: Season, now: dt.datetime) -> list[str]:
    """A finale without a date gets one, a cadence after the last slot: staff would have set it by then."""
    views = board.views(season, local=True)
    waiting = [view for view in views if view.dated.slot.kind == "final" and view.dated.date is None]
    dates = [view.dated.date for view in views if view.dated.date is not None]
    if not waiting or not dates:
        return []
    date = max(dates) + dt.timedelta(days=14)
    decisions.postpone(season.name, waiting[0].name, date, "date de répétition", actor=ACTOR, now=now)
    return [f"date de la finale : inconnue, jouée le {date.isoformat()}"]
