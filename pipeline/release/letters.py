"""From a slot to the letter that announces it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.audience.models import Rhythm
from pipeline.audience.selection import Choices
from pipeline.compose.letter import Download, Letter, LetterFiche, Planned
from pipeline.content.fiche import Fiche
from pipeline.delivery.letters import Stationery
from pipeline.delivery.throttle import Throttles
from pipeline.kit.book import BuiltFile
from pipeline.release import addresses, board, revisions
from pipeline.release.board import SlotView
from pipeline.season.season import Season, SlotKind


@dataclass(frozen=True, slots=True)
class Press:
    """Where letters are made: the templates' folder and the public site's address. ``here``: mails stay on this machine, so that
    a publisher's example values harm nobody; ``local``: the site is this machine too, so that http will do. ``throttles``: which
    mailbox providers are written to at a pace of their own. ``stationery``: what every mail carries; ``cfbl_address``: see
    :class:`pipeline.compose.letter.Letter`."""

    templates: Path
    base_url: str
    local: bool
    here: bool
    throttles: Throttles = field(default_factory=Throttles)
    stationery: Stationery = field(default_factory=Stationery)
    cfbl_address: str = ""


def letter(
    press: Press,
    view: SlotView,
    following: Sequence[SlotView],
    fiches: Sequence[Fiche],
    *,
    titles: dict[str, Fiche],
    kit: Sequence[BuiltFile] = (),
    now: dt.datetime,
) -> Letter:
    """The letter of a slot. ``following`` are the slots after it, ``titles`` the applied fiches by slug (for what comes next)."""
    season, slot = view.season, view.dated.slot
    date = view.dated.date or now.astimezone(season.zone).date()
    return Letter(
        season=season,
        kind=slot.kind,
        key=view.key,
        number=view.dated.number,
        date=date,
        sent_at=now,
        base_url=press.base_url,
        web_url=press.base_url + addresses.release_path(season.name, slot.name),
        fiches=tuple(
            LetterFiche(fiche, press.base_url + addresses.fiche_path(season.name, fiche.slug)) for fiche in fiches
        ),
        upcoming=_upcoming(following, titles),
        downloads=tuple(
            Download(
                one.format, press.base_url + addresses.kit_path(season.name, one.name), len(one.content), one.pages
            )
            for one in kit
        ),
        event=slot.event,
        local=press.local,
        mailto=bool(press.stationery.return_path),
        cfbl_address=press.cfbl_address,
    )


def eligible(season: Season, kind: SlotKind, fiches: Sequence[Fiche]) -> Choices:
    """Whom a release concerns: by what people chose, and by the themes that they picked. A final kit goes to everybody at once; of the
    others, those who asked for a monthly mail get them with it."""
    if kind == "final":
        return Choices(tuple(choice.id for choice in season.choices))
    kinds = {fiche.kind for fiche in fiches}
    themes = {theme for fiche in fiches for theme in fiche.themes}
    wanting = [
        choice
        for choice in season.choices
        if choice.releases
        and (not choice.kinds or kinds & set(choice.kinds))
        and (not choice.themes or themes & set(choice.themes))
    ]
    return Choices(
        all_of=tuple(choice.id for choice in wanting if not choice.pick_themes),
        picked=tuple(choice.id for choice in wanting if choice.pick_themes),
        themes=tuple(sorted(themes)),
        rhythms=(Rhythm.EACH,),
    )


def next_up(season: Season, *, local: bool) -> Planned | None:
    """What the season brings next, as applied; None at its end. ``local``: see :func:`pipeline.release.board.views`."""
    revision = revisions.current_revision()
    views = board.views(season, local=local)
    slugs = [slug for view in views for slug in view.dated.slot.slugs]
    titles = revisions.applied_fiches(revision, season.name, slugs)[0] if revision else {}
    return _upcoming(views, titles)


def _upcoming(following: Sequence[SlotView], titles: dict[str, Fiche]) -> Planned | None:
    for view in following:
        slot = view.dated.slot
        if view.state in ("released", "skipped"):
            continue
        return Planned(
            date=view.dated.date,
            status=slot.status,
            final=slot.kind == "final",
            titles=tuple(
                (kind, titles[slug].short_title)
                for kind, slugs in slot.fiches.items()
                for slug in slugs
                if slug in titles
            ),
            event=slot.event,
        )
    return None
