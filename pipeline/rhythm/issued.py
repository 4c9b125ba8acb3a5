"""Releases as they can be sent again: in the words that were frozen, to those whom they concern."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pipeline.audience.models import Rhythm
from pipeline.audience.selection import Choices
from pipeline.compose.letter import Download, Issue, LetterFiche
from pipeline.content.fiche import Fiche
from pipeline.release import addresses, books, letters
from pipeline.release.models import KitFile, Release
from pipeline.season.season import Season


@dataclass(frozen=True, slots=True)
class Issued:
    """A release with what a letter says of it. ``choices``: whom it concerns, whatever their rhythm."""

    release: Release
    issue: Issue
    choices: Choices


def issued(season: Season, releases: Sequence[Release], base_url: str) -> tuple[Issued, ...]:
    """These releases in the same order, with their fiches in the latest version that was released. A final one bears them all."""
    pairs = books.latest_fiches(season.name)
    order = {kind: at for at, kind in enumerate(season.kinds)}
    everything = sorted((fiche for _, fiche in pairs), key=lambda one: (order.get(one.kind, len(order)), one.number))
    files = KitFile.objects.filter(release__in=[one.pk for one in releases]).order_by("pk").defer("content")
    kits: dict[int, list[KitFile]] = {}
    for file in files:
        kits.setdefault(file.release_id, []).append(file)
    found = []
    for release in releases:
        own = [fiche for row, fiche in pairs if row.release_id == release.pk]
        shown = everything if release.kind == "final" else own
        issue = _issue(season, release, shown, kits.get(release.pk, ()), base_url)
        live = letters.eligible(season, issue.kind, own)
        found.append(Issued(release, issue, replace(live, rhythms=tuple(Rhythm.values))))
    return tuple(found)


def _issue(season: Season, release: Release, fiches: Sequence[Fiche], kit: Sequence[KitFile], base_url: str) -> Issue:
    return Issue(
        kind=release.kind,  # type: ignore[arg-type]
        number=release.number,
        date=release.date,
        web_url=base_url + addresses.release_path(season.name, release.slot),
        fiches=tuple(LetterFiche(one, base_url + addresses.fiche_path(season.name, one.slug)) for one in fiches),
        downloads=tuple(
            Download(file.format, base_url + addresses.kit_path(season.name, file.name), file.size, file.pages)
            for file in kit
        ),
        event=release.event,
    )
