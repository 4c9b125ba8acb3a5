"""Files → database. :func:`plan` shows what the tree would change for readers and when; :func:`apply` does it as one revision."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from django.db import transaction
from django.db.models import Max

from pipeline.content import library, tree
from pipeline.content.errors import ContentError, Fault
from pipeline.content.fiche import Fiche
from pipeline.release import audit
from pipeline.release.audit import Actor
from pipeline.release.models import (
    AppliedFiche,
    AppliedSeason,
    Release,
    Revision,
    SeasonState,
    SlotState,
    StoredFiche,
    StoredImage,
)
from pipeline.season import calendar, schema
from pipeline.season.season import Season

MOST_FICHES = 500
_FICHES: dict[str, Fiche] = {}


@dataclass(frozen=True, slots=True)
class ReadSeason:
    """A season as the files have it now."""

    season: Season
    library: library.Library


@dataclass(frozen=True, slots=True)
class Change:
    """One difference that readers would notice; ``date`` is when (None: no date, or at once)."""

    season: str
    what: str
    date: dt.date | None = None


@dataclass(frozen=True, slots=True)
class Conflict:
    """The file and a staff decision say different things about a slot's date: both values, and the mend."""

    season: str
    slot: str
    file_date: dt.date | None
    staff_date: dt.date

    def __str__(self) -> str:
        said = self.file_date.isoformat() if self.file_date else "sans date"
        return (
            f"{self.season}/{self.slot} : le fichier dit {said}, l’équipe a décidé {self.staff_date.isoformat()}. Écrire la date "
            f"voulue dans le fichier, ou la décider par « kit postpone {self.season}/{self.slot} DATE --reason … »."
        )


@dataclass(frozen=True, slots=True)
class Planned:
    """What :func:`apply` would do. ``faults`` of a fiche leave its slot not ready; they do not stop an application."""

    seasons: tuple[ReadSeason, ...]
    changes: tuple[Change, ...]
    conflicts: tuple[Conflict, ...]
    faults: tuple[Fault, ...] = field(default=())

    @property
    def empty(self) -> bool:
        return not self.changes


class ConflictError(Exception):
    """The files contradict staff decisions; ``conflicts`` shows both values of each."""

    def __init__(self, conflicts: Iterable[Conflict]) -> None:
        self.conflicts = tuple(conflicts)
        super().__init__("\n".join(map(str, self.conflicts)))


def read(schedules: Path, fiches: Path) -> tuple[ReadSeason, ...]:
    """Read every season's file and its fiches.

    Raises:
        ContentError: a season's file cannot be used; every fault of every file is told.
    """
    faults: list[Fault] = []
    found: list[ReadSeason] = []
    for path in sorted(schedules.glob("*.yaml")):
        try:
            found.append(read_season(path, fiches))
        except ContentError as error:
            faults += error.faults
    if faults:
        raise ContentError(faults)
    return tuple(found)


def read_season(path: Path, fiches: Path) -> ReadSeason:
    """Read one season's file and its folder of fiches. Raises :class:`ContentError` for the season's own faults."""
    season = schema.load(path)
    held = library.read(fiches / season.name, season.rules)
    known = {slug: fiche.kind for slug, fiche in held.fiches.items()}
    wrong = schema.check_fiches(season, known | _planned_kinds(season, known))
    if wrong:
        raise ContentError(wrong)
    return ReadSeason(season, held)


def missing(read: ReadSeason) -> list[Fault]:
    """The fiches that the season's file names and that nobody has written (or written under another name)."""
    known = {slug: fiche.kind for slug, fiche in read.library.fiches.items()}
    wrong = schema.check_fiches(read.season, known)
    return [fault for fault in wrong if not any(f"« {slug} »" in fault.message for slug in read.library.broken)]


def plan(seasons: tuple[ReadSeason, ...]) -> Planned:
    """Compare the files with what is applied."""
    before = current_revision()
    changes: list[Change] = []
    conflicts: list[Conflict] = []
    faults: list[Fault] = []
    for one in seasons:
        faults += one.library.faults
        faults += missing(one)
        changes += _season_changes(one, before)
        conflicts += _conflicts(one.season)
    gone = set(applied_seasons(before)) - {one.season.name for one in seasons}
    changes += [Change(name, "la saison n’a plus de fichier : elle est retirée") for name in sorted(gone)]
    return Planned(seasons, tuple(changes), tuple(conflicts), tuple(faults))


def apply(planned: Planned, *, actor: Actor, now: dt.datetime) -> Revision:
    """Read the files into the database as one numbered revision; nothing changes where it fails.

    Raises:
        ConflictError: the files contradict what staff decided.
    """
    with transaction.atomic():
        conflicts = [conflict for one in planned.seasons for conflict in _conflicts(one.season)]
        if conflicts:
            raise ConflictError(conflicts)
        number = (Revision.objects.aggregate(n=Max("number"))["n"] or 0) + 1
        revision = Revision.objects.create(number=number, applied_at=now, applied_by=actor.who)
        for one in planned.seasons:
            _store(revision, one)
            _adopt_dates(one.season)
            SeasonState.objects.get_or_create(season=one.season.name)
        audit.record(
            actor, "apply", now=now, revision=number, changes=[change.what for change in planned.changes][:200]
        )
    return revision


def diff(number: int) -> list[Change]:
    """What a revision changed against the one before it. Raises :class:`KeyError` for an unknown number."""
    revision = Revision.objects.filter(number=number).first()
    if revision is None:
        raise KeyError(number)
    before = Revision.objects.filter(number__lt=number).order_by("-number").first()
    new, old = _held(revision), _held(before)
    changes: list[Change] = []
    for season, slug in sorted(new.keys() | old.keys()):
        if new.get((season, slug)) != old.get((season, slug)):
            word = "nouvelle" if (season, slug) not in old else "retirée" if (season, slug) not in new else "modifiée"
            what = f"fiche {slug} {word}" if slug else f"saison {word}"
            changes.append(Change(season, what))
    return changes


def _held(revision: Revision | None) -> dict[tuple[str, str], str]:
    """(season, slug) → digest; the season's own file under an empty slug."""
    if revision is None:
        return {}
    fiches = AppliedFiche.objects.filter(revision=revision).values_list("season", "slug", "stored__digest")
    seasons = AppliedSeason.objects.filter(revision=revision).values_list("name", "sha256")
    return {(season, slug): digest_ or "" for season, slug, digest_ in fiches} | {
        (name, ""): sha for name, sha in seasons
    }


def activate(name: str, *, actor: Actor, now: dt.datetime) -> bool:
    """Let a season run; False where it runs already.

    Raises:
        KeyError: no revision holds a season of that name.
    """
    if name not in applied_seasons(current_revision()):
        raise KeyError(name)
    with transaction.atomic():
        changed = SeasonState.objects.filter(season=name, active=False).update(active=True, activated_at=now)
        if changed:
            audit.record(actor, "activate", now=now, season=name)
    return bool(changed)


def current_revision() -> Revision | None:
    return Revision.objects.order_by("-number").first()


def applied_seasons(revision: Revision | None) -> dict[str, Season]:
    """The seasons a revision holds, by name."""
    if revision is None:
        return {}
    rows = AppliedSeason.objects.filter(revision=revision).order_by("name").values_list("name", "source", "path")
    return {name: _parsed(source, path) for name, source, path in rows}


def active_seasons() -> dict[str, Season]:
    """The applied seasons that run."""
    active = set(SeasonState.objects.filter(active=True).values_list("season", flat=True))
    return {name: season for name, season in applied_seasons(current_revision()).items() if name in active}


def applied_fiches(
    revision: Revision, season: str, slugs: Iterable[str]
) -> tuple[dict[str, Fiche], dict[str, list[str]]]:
    """The fiches a revision holds among ``slugs``, and for those with faults, what they are."""
    rows = AppliedFiche.objects.filter(revision=revision, season=season, slug__in=list(slugs)).select_related("stored")
    good: dict[str, Fiche] = {}
    bad: dict[str, list[str]] = {}
    for row in rows:
        if row.stored is None:
            bad[row.slug] = list(row.faults)
        else:
            good[row.slug] = stored_fiche(row.stored)
    return good, bad


def glossary(revision: Revision, season: str) -> tree.Document | None:
    data = AppliedSeason.objects.filter(revision=revision, name=season).values_list("glossary", flat=True).first()
    return tree.from_json(data) if data else None


def stored_fiche(row: StoredFiche) -> Fiche:
    """The fiche of a stored row. A row never changes, so one reading of it serves the process."""
    found = _FICHES.get(row.digest)
    if found is None:
        if len(_FICHES) >= MOST_FICHES:
            _FICHES.clear()
        found = _FICHES[row.digest] = Fiche.from_json(row.data)
    return found


def digest(fiche: Fiche) -> str:
    """The hash by which a fiche is stored."""
    return hashlib.sha256(json.dumps(fiche.to_json(), sort_keys=True, ensure_ascii=False).encode()).hexdigest()


@lru_cache(maxsize=32)
def _parsed(source: str, path: str) -> Season:
    return schema.parse(source, path)


def _planned_kinds(season: Season, known: dict[str, str]) -> dict[str, str]:
    """A slot's text may be missing: until it is written, its slug is taken to be of the kind the slot gives it."""
    return {
        slug: kind
        for slot in season.slots
        for kind, slugs in slot.fiches.items()
        for slug in slugs
        if slug not in known
    }


def _season_changes(one: ReadSeason, before: Revision | None) -> list[Change]:
    name = one.season.name
    old = applied_seasons(before).get(name)
    rows = AppliedFiche.objects.filter(revision=before, season=name).select_related("stored") if before else []
    had = {row.slug: row.stored.digest if row.stored else "" for row in rows}
    when = _dates(one.season)
    if old is None:
        return [
            Change(name, f"nouvelle saison « {one.season.title} », {len(one.season.slots)} dates", one.season.first)
        ]
    changes: list[Change] = []
    if old.source_sha256 != one.season.source_sha256:
        before_dates = {dated.slot.name: dated.date for dated in calendar.dated(old)}
        after_dates = {dated.slot.name: dated.date for dated in calendar.dated(one.season)}
        changes.append(Change(name, "le fichier de la saison a changé"))
        for slot, date in after_dates.items():
            if before_dates.get(slot, date) != date:
                changes.append(Change(name, f"le créneau {slot} passe du {before_dates[slot]} au {date}", date))
    now_has = {slug: digest(fiche) for slug, fiche in one.library.fiches.items()} | dict.fromkeys(
        one.library.broken, ""
    )
    for slug in sorted(now_has.keys() | had.keys()):
        if now_has.get(slug) != had.get(slug):
            word = "nouvelle" if slug not in had else "retirée" if slug not in now_has else "modifiée"
            word = "en faute" if now_has.get(slug) == "" else word
            changes.append(Change(name, f"fiche {slug} {word}", when.get(slug)))
    return changes


def _dates(season: Season) -> dict[str, dt.date | None]:
    return {slug: dated.date for dated in calendar.dated(season) for slug in dated.slot.slugs}


def _conflicts(season: Season) -> list[Conflict]:
    overrides = SlotState.objects.filter(season=season.name, date__isnull=False)
    if not overrides:
        return []
    dates = {dated.slot.name: dated.date for dated in calendar.dated(season)}
    released = set(Release.objects.filter(season=season.name).values_list("slot", flat=True))
    found: list[Conflict] = []
    for state in overrides:
        said = dates.get(state.slot)
        # The file may stay as it was when staff decided, or say what they decided; anything else contradicts them.
        if state.date is not None and state.slot not in released and said not in (state.date, state.file_date):
            found.append(Conflict(season.name, state.slot, said, state.date))
    return found


def _adopt_dates(season: Season) -> None:
    """The file now says what staff had decided: it decides again."""
    dates = {dated.slot.name: dated.date for dated in calendar.dated(season)}
    for state in SlotState.objects.filter(season=season.name, date__isnull=False):
        if dates.get(state.slot) == state.date:
            state.date = state.file_date = None
            state.date_reason = ""
            state.version += 1
            state.save(update_fields=["date", "file_date", "date_reason", "version"])


def _store(revision: Revision, one: ReadSeason) -> None:
    season, held = one.season, one.library
    AppliedSeason.objects.create(
        revision=revision,
        name=season.name,
        path=season.path,
        source=season.source,
        sha256=season.source_sha256,
        glossary=tree.to_json(held.glossary) if held.glossary else None,
    )
    digests = {slug: digest(fiche) for slug, fiche in held.fiches.items()}
    StoredFiche.objects.bulk_create(
        [StoredFiche(digest=digests[slug], data=fiche.to_json()) for slug, fiche in held.fiches.items()],
        ignore_conflicts=True,
    )
    stored = {row.digest: row.pk for row in StoredFiche.objects.filter(digest__in=digests.values()).only("digest")}
    AppliedFiche.objects.bulk_create(
        [
            AppliedFiche(revision=revision, season=season.name, slug=slug, stored_id=stored[digests[slug]])
            for slug in held.fiches
        ]
        + [
            AppliedFiche(revision=revision, season=season.name, slug=slug, faults=[str(fault) for fault in faults])
            for slug, faults in held.broken.items()
            if slug not in held.fiches
        ]
    )
    types = {image.sha256: image.media_type for fiche in held.fiches.values() for image in fiche.images}
    StoredImage.objects.bulk_create(
        [
            StoredImage(sha256=sha, media_type=types[sha], content=content)
            for sha, content in held.images.items()
            if sha in types
        ],
        ignore_conflicts=True,
    )
