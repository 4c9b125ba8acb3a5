"""What the public pages ask: released texts, the season's line, files. Nothing here shows a text before its release."""

from __future__ import annotations

import datetime as dt

from pipeline import clock
from pipeline.content.fiche import Fiche
from pipeline.release import addresses, board, books, revisions
from pipeline.release.board import SlotView
from pipeline.release.models import KitFile, Release, StoredImage
from pipeline.release.published import (
    LineFiche,
    LineSlot,
    LineState,
    PublicFiche,
    PublicFile,
    PublicRelease,
    SeasonPage,
)
from pipeline.season import ics
from pipeline.season.season import Season


def active_seasons() -> tuple[str, ...]:
    """The names of the seasons that run."""
    return tuple(revisions.active_seasons())


def season(name: str) -> Season | None:
    """The season of that name, without what it has released; None where no such season runs."""
    return revisions.active_seasons().get(name)


def season_page(name: str) -> SeasonPage | None:
    """A season's home; None where no such season runs."""
    found = season(name)
    return _page(found) if found is not None else None


def preview_page(name: str) -> SeasonPage | None:
    """The same for staff, before the season runs; None where no such season is applied."""
    season = revisions.applied_seasons(revisions.current_revision()).get(name)
    return _page(season) if season is not None else None


def _page(season: Season) -> SeasonPage:
    name = season.name
    fiches = _fiches(name)
    views = board.views(season, local=True)
    line = _line(season, views, {one.fiche.slug: one for one in fiches})
    rows = list(Release.objects.filter(season=name).order_by("-released_at", "-pk").defer("web_version"))
    last = next((row.slot for row in rows if any(one.slot == row.slot for one in fiches)), "")
    revision = revisions.current_revision()
    return SeasonPage(
        season=season,
        line=line,
        next=next((one for one in line if one.state == "planned"), None),
        latest=tuple(one for one in fiches if one.slot == last),
        fiches=fiches,
        kit=tuple(_file(name, row) for row in _kit(name)),
        releases=tuple(_release(season, row, fiches, html="") for row in rows),
        glossary=revisions.glossary(revision, name) if revision else None,
    )


def public_fiche(season: str, slug: str) -> PublicFiche | None:
    """A released fiche in its latest version; None before its release."""
    if season not in revisions.active_seasons():
        return None
    return next((one for one in _fiches(season) if one.fiche.slug == slug), None)


def released_paths(season: str) -> dict[str, str]:
    """slug → path of every released fiche: what links between fiches resolve to."""
    return {row.slug: addresses.fiche_path(season, row.slug) for row, _ in books.latest_fiches(season)}


def public_release(season: str, slot: str) -> PublicRelease | None:
    """The web version of what went out at a slot; None before."""
    found = revisions.active_seasons().get(season)
    row = Release.objects.filter(season=season, slot=slot).first()
    if found is None or row is None:
        return None
    return _release(found, row, _fiches(season), html=row.web_version)


def image(sha256: str) -> tuple[str, bytes] | None:
    """The media type and the bytes of an image that a release shows; None before."""
    row = StoredImage.objects.filter(sha256=sha256, released=True).values_list("media_type", "content").first()
    return (row[0], bytes(row[1])) if row else None


def kit_file(season: str, name: str) -> tuple[PublicFile, bytes] | None:
    """A file of the final kit; None before its release."""
    row = KitFile.objects.filter(release__season=season, name=name).order_by("-pk").first()
    return (_file(season, row), bytes(row.content)) if row else None


def calendar_ics(season: str) -> bytes | None:
    """The season's dates as iCalendar; None where no such season runs."""
    found = revisions.active_seasons().get(season)
    if found is None:
        return None
    from pipeline.release.wiring import environment  # noqa: PLC0415 - settings are read by faces only

    base = environment().base_url
    views = board.views(found, local=True)
    paths = {view.name: _slot_path(season, view) for view in views}
    states = {view.name: _line_state(view) for view in views}
    kept = tuple(view.dated for view in views)
    return ics.calendar(found, kept, url_for=lambda slot: base + paths[slot], now=clock.now(), states=states)


def _slot_path(season: str, view: SlotView) -> str:
    released = view.state == "released"
    return addresses.release_path(season, view.name) if released else addresses.season_path(season)


def _line_state(view: SlotView) -> LineState:
    if view.state in ("released", "skipped", "held"):
        return view.state
    return "planned"


def _line(season: Season, views: tuple[SlotView, ...], out: dict[str, PublicFiche]) -> tuple[LineSlot, ...]:
    revision = revisions.current_revision()
    slugs = [slug for view in views for slug in view.dated.slot.slugs]
    good = revisions.applied_fiches(revision, season.name, slugs)[0] if revision else {}
    fiches = good | {slug: one.fiche for slug, one in out.items()}
    return tuple(
        LineSlot(
            name=view.name,
            number=view.dated.number,
            kind=view.dated.slot.kind,
            date=view.release.date if view.release else view.dated.date,
            status=view.dated.slot.status,
            state=_line_state(view),
            fiches=tuple(_line_fiche(fiches[slug], slug in out) for slug in view.dated.slot.slugs if slug in fiches),
            event=view.dated.slot.event,
            path=_slot_path(season.name, view) if view.state == "released" else "",
        )
        for view in views
    )


def _line_fiche(fiche: Fiche, released: bool) -> LineFiche:
    path = addresses.fiche_path(fiche.season, fiche.slug) if released else ""
    return LineFiche(fiche.number, fiche.kind, fiche.short_title, fiche.slug, path)


def _fiches(season: str) -> tuple[PublicFiche, ...]:
    pairs = books.latest_fiches(season)
    around = [None, *(_line_fiche(fiche, True) for _, fiche in pairs), None]
    return tuple(
        PublicFiche(
            fiche=fiche,
            slot=row.release.slot,
            released=row.release.date,
            path=addresses.fiche_path(season, fiche.slug),
            previous=around[at],
            following=around[at + 2],
        )
        for at, (row, fiche) in enumerate(pairs)
    )


def _release(season: Season, row: Release, fiches: tuple[PublicFiche, ...], *, html: str) -> PublicRelease:
    return PublicRelease(
        season=season,
        slot=row.slot,
        number=row.number,
        kind=row.kind,  # type: ignore[arg-type]
        date=row.date,
        released_at=row.released_at.astimezone(dt.UTC),
        subject=row.subject,
        html=html,
        fiches=tuple(one for one in fiches if one.slot == row.slot),
        path=addresses.release_path(season.name, row.slot),
    )


def _kit(season: str) -> list[KitFile]:
    return list(KitFile.objects.filter(release__season=season).order_by("pk").defer("content"))


def _file(season: str, row: KitFile) -> PublicFile:
    return PublicFile(
        format=row.format,
        name=row.name,
        media_type=row.media_type,
        size=row.size,
        sha256=row.sha256,
        pages=row.pages,
        path=addresses.kit_path(season, row.name),
    )
