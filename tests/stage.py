"""A season applied in the test's database, with people, a real mailbox and the production rooms."""

from __future__ import annotations

import datetime as dt
import io
from dataclasses import dataclass, field
from pathlib import Path

from pipeline import environment
from pipeline.audience import imports
from pipeline.delivery import fence, sender, throttle
from pipeline.delivery.letters import Stationery
from pipeline.delivery.sender import Desk
from pipeline.delivery.transports import open_transport
from pipeline.release import board, due, releases, revisions
from pipeline.release.audit import Actor
from pipeline.release.letters import Press
from pipeline.release.models import Release
from pipeline.rhythm import catching_up, digest
from tests.factories import subscribers_csv, write_season

BEAT = Actor("beat", "calendrier")
STAFF = Actor("staff", "équipe")
LAUNCH = dt.datetime(2020, 1, 22, 8, tzinfo=dt.UTC)


@dataclass
class Stage:
    """``now`` is moved by the test; ``url`` is where mails go."""

    folder: Path
    now: dt.datetime
    url: str = ""
    identity: str = "essai"
    season: str = "essai"
    throttles: str = ""
    stationery: Stationery = field(default_factory=Stationery)
    _desk: Desk | None = field(default=None, repr=False)

    @property
    def press(self) -> Press:
        return Press(
            environment.ROOT / "emails",
            "https://essai.org",
            local=True,
            here=True,
            throttles=throttle.parse(self.throttles),
            stationery=self.stationery,
        )

    @property
    def desk(self) -> Desk:
        if self._desk is None:
            url = self.url or f"file://{self.folder}/mailbox?fsync=no"
            self._desk = Desk(
                self.folder / "journal",
                self.identity,
                open_transport(url),
                lambda: self.now,
                throttles=throttle.parse(self.throttles),
                stationery=self.stationery,
            )
        return self._desk

    def apply(self) -> None:
        read = revisions.read(self.folder / "schedules", self.folder / "fiches")
        revisions.apply(revisions.plan(read), actor=STAFF, now=self.now)

    def tick(self) -> None:
        """What the calendar's task does, workers included."""
        due.check(actor=BEAT, now=self.now, local=True, staff=("equipe@essai.org",))
        for intention in due.intentions(self.now):
            releases.fulfil(intention, self.press, now=self.now)

    def keep_rhythms(self) -> list[str]:
        """What the same task does for digests and catching up; the names of the mailings it made."""
        made = [
            mailing
            for season, month in digest.due(self.now)
            for mailing in digest.make(season, month, self.press, now=self.now, staff=("equipe@essai.org",))
        ]
        for season in catching_up.due(self.now):
            made += catching_up.send(season, self.press, now=self.now, staff=("equipe@essai.org",))
        return [one.name for one in made]

    def send(self) -> None:
        while sender.run(self.desk, seconds=60):
            pass

    def states(self) -> dict[str, str]:
        season = revisions.applied_seasons(revisions.current_revision())[self.season]
        return {view.name: view.state for view in board.views(season, local=True)}

    def view(self, slot: str) -> board.SlotView:
        season = revisions.applied_seasons(revisions.current_revision())[self.season]
        return board.view(season, slot, local=True)

    def released(self) -> list[str]:
        return list(Release.objects.order_by("pk").values_list("slot", flat=True))

    def subscribe(self, count: int) -> None:
        plan = imports.read_csv(io.BytesIO(subscribers_csv(count)), consent_source=None)
        imports.apply(plan, self.season, "tout", now=self.now - dt.timedelta(days=1))


def stage(folder: Path, *, people: int = 3, now: dt.datetime = LAUNCH, url: str = "", **season: object) -> Stage:
    """Write, apply and activate a season; arm; subscribe ``people``."""
    made = Stage(folder, now - dt.timedelta(days=30), url)
    write_season(folder, **season)  # type: ignore[arg-type]
    made.apply()
    revisions.activate("essai", actor=STAFF, now=made.now)
    fence.arm_if_new("essai", now=made.now)
    made.subscribe(people)
    made.now = now
    return made
