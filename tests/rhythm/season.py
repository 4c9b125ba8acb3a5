"""A season of six slots, two weeks apart, whose fiches have themes; people who want this or that of it; and days that go by."""

from __future__ import annotations

import datetime as dt
import mailbox
from email.parser import BytesParser
from email.policy import default
from functools import partial
from pathlib import Path

from pipeline.audience import consent
from pipeline.audience.addresses import parse
from pipeline.audience.models import CatchUp, Person, Rhythm
from pipeline.audience.wishes import Wish
from pipeline.delivery.models import Recipient
from pipeline.release import revisions
from pipeline.release.models import Carrying
from pipeline.rhythm import catching_up
from pipeline.season.season import Season
from tests.audience.factories import PROOF
from tests.stage import Stage, stage

DAY = dt.timedelta(days=1)
MORNING = dt.datetime(2020, 1, 1, 8, tzinfo=dt.UTC)
"""09:00 in Paris, in winter."""
CHOICES = """\
  - {id: eau, label: L'eau, themes: [eau]}
  - {id: choisis, label: Mes thèmes, pick_themes: true}
"""
THEMES = {1: ["eau", "air"], 2: ["eau"], 3: ["air"], 4: ["eau"], 5: ["air"], 6: ["eau"]}
"""Of each fiche; slot n has fiche n."""
SLOTS = {n: dt.date(2020, 1, 22) + (n - 1) * 14 * DAY for n in THEMES}
FINALE = dt.date(2020, 4, 15)
"""The day of the final kit, where a test has one."""


def opened(folder: Path, *, now: dt.datetime = MORNING, **season: object) -> Stage:
    """The stage with nobody on it, at ``now``."""
    play = stage(folder, people=0, now=now, slots=6, more=CHOICES, **season)
    file = folder / "schedules/essai.yaml"
    file.write_text(file.read_text().replace("themes: {eau: Eau}", "themes: {eau: Eau, air: Air}"))
    for number, themes in THEMES.items():
        fiche = folder / f"fiches/essai/conseil/{number:02}-fiche-{number}.md"
        fiche.write_text(fiche.read_text().replace("version: 1\n", f"version: 1\nthemes: [{', '.join(themes)}]\n"))
    play.apply()
    return play


def joined(play: Stage, name: str, choice: str = "tout", rhythm: str = Rhythm.EACH, *themes: str) -> Person:
    """Somebody subscribes and confirms."""
    wish = Wish(choice, themes, rhythm)
    person = consent.subscribe(parse(f"{name}@example.org"), "essai", wish, PROOF, now=play.now).person
    consent.confirm("essai", person.public_id, now=play.now)
    return person


def essai() -> Season:
    return revisions.active_seasons()["essai"]


def asks(play: Stage, person: Person, rhythm: str = CatchUp.Rhythm.WEEKLY) -> CatchUp:
    """Somebody wants to catch up."""
    first = catching_up.first_at(essai(), play.now)
    return consent.catch_up("essai", person.public_id, rhythm, first=first, now=play.now)


def live(play: Stage, until: dt.date, *, daily: bool = False) -> list[str]:
    """Time goes by, with a tick in the morning of every day on which a slot or a digest is due, or of every day, and of ``until``.
    The names of what left beside the live mails."""
    made = []
    while play.now.date() < until:
        play.now = dt.datetime.combine(play.now.date() + DAY, dt.time(8), dt.UTC)
        if daily or play.now.day == 1 or play.now.date() in (*SLOTS.values(), FINALE, until):
            play.tick()
            made += play.keep_rhythms()
    return made


def had(person: Person) -> list[str]:
    """The slots that a person was on a list for, by every mailing that carried them."""
    mailings = Recipient.objects.filter(person=person.pk).values("mailing")
    carried = Carrying.objects.filter(mailing__in=mailings).order_by("release__slot", "pk")
    return list(carried.values_list("release__slot", flat=True))


def listed(person: Person) -> list[str]:
    """The mailings that a person is on the list of, oldest first."""
    rows = Recipient.objects.filter(person=person.pk).order_by("mailing_id")
    return list(rows.values_list("mailing__name", flat=True))


def received(play: Stage, person: Person) -> list[str]:
    """What is in the mailbox for this person, as text, oldest first."""
    box = mailbox.Maildir(play.folder / "mailbox", factory=partial(BytesParser(policy=default).parse))
    mails = sorted(
        (mail for mail in box if mail["X-Original-To"] == person.email), key=lambda mail: mail["Date"].datetime
    )
    return [f"{mail['Subject']}\n{mail.get_body(('plain',)).get_content()}" for mail in mails]
