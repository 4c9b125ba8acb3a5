"""The book of what is released, for the kit."""

from __future__ import annotations

import datetime as dt

from pipeline.content.fiche import Fiche
from pipeline.kit.book import Book, Entry, Planned
from pipeline.release import addresses, revisions
from pipeline.release.models import Release, ReleasedFiche, Revision, SlotState, StoredImage
from pipeline.season import calendar
from pipeline.season.season import Season


def latest_fiches(season: str, *, as_of: dt.date | None = None) -> list[tuple[ReleasedFiche, Fiche]]:
    """Every released fiche in its latest version, by number."""
    rows = ReleasedFiche.objects.filter(season=season).select_related("release", "stored").order_by("number", "version")
    if as_of is not None:
        rows = rows.filter(release__date__lte=as_of)
    newest = {row.slug: row for row in rows.defer("release__web_version")}
    return [(row, revisions.stored_fiche(row.stored)) for row in sorted(newest.values(), key=lambda row: row.number)]


def released(season: Season, *, base_url: str, as_of: dt.date, final: bool, up_to: dt.date | None = None) -> Book:
    """The book of the season's released fiches; with ``up_to``, of those released by that day."""
    pairs = latest_fiches(season.name, as_of=up_to)
    order = {kind: at for at, kind in enumerate(season.kinds)}
    pairs.sort(key=lambda pair: (order.get(pair[1].kind, len(order)), pair[1].number))
    entries = tuple(
        Entry(fiche, row.release.date, base_url + addresses.fiche_path(season.name, fiche.slug)) for row, fiche in pairs
    )
    revision = revisions.current_revision()
    shown = {image.sha256 for entry in entries for image in entry.fiche.images}
    images = StoredImage.objects.filter(sha256__in=shown).values_list("sha256", "content")
    return Book(
        season=season,
        final=final,
        as_of=as_of,
        entries=entries,
        planned=() if final else _planned(season, revision, {entry.fiche.slug for entry in entries}),
        base_url=base_url,
        glossary=revisions.glossary(revision, season.name) if revision else None,
        images={sha256: bytes(content) for sha256, content in images},
    )


def _planned(season: Season, revision: Revision | None, out: set[str]) -> tuple[Planned, ...]:
    if revision is None:
        return ()
    skipped = set(SlotState.objects.filter(season=season.name, skipped=True).values_list("slot", flat=True))
    skipped -= set(Release.objects.filter(season=season.name).values_list("slot", flat=True))
    dated = [one for one in calendar.dated(season) if one.slot.name not in skipped]
    wanted = {slug: one.date for one in dated for slug in one.slot.slugs if slug not in out}
    good, _ = revisions.applied_fiches(revision, season.name, wanted)
    fiches = sorted(good.values(), key=lambda fiche: fiche.number)
    return tuple(Planned(fiche.number, fiche.kind, fiche.short_title, wanted[fiche.slug]) for fiche in fiches)
