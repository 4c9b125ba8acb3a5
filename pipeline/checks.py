"""`kit check`: every fault of every file, in one run, without a database."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.compose import newsletters
from pipeline.content import library
from pipeline.content.errors import ContentError, Fault
from pipeline.season import calendar, schema


@dataclass(frozen=True, slots=True)
class Counts:
    """How much was checked."""

    seasons: int
    fiches: int
    mails: int


def all_faults(schedules: Path, fiches: Path, emails: Path) -> tuple[Counts, list[Fault]]:
    """Check the seasons' files, their fiches and the mail templates."""
    faults: list[Fault] = []
    seasons = read = 0
    paths = sorted(schedules.glob("*.y*ml"))
    if not paths:
        faults.append(
            Fault(str(schedules), 0, "", "Aucune saison.", "Écrire un fichier NOM.yaml (« kit new-season NOM »).")
        )
    for path in paths:
        seasons += 1
        try:
            season = schema.load(path)
            calendar.dated(season)
        except ContentError as error:
            faults += error.faults
            continue
        held = library.read(fiches / season.name, season.rules)
        read += len(held.fiches) + len(held.broken)
        faults += held.faults
        known = {slug: fiche.kind for slug, fiche in held.fiches.items()}
        wrong = schema.check_fiches(season, known)
        faults += [fault for fault in wrong if not any(f"« {slug} »" in fault.message for slug in held.broken)]
    faults += newsletters.check_templates(emails)
    return Counts(seasons, read, len(list(emails.glob("*.mjml.j2")))), sorted(set(faults))
