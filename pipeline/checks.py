"""`kit check`: every fault of every file, in one run, without a database."""

from __future__ import annotations

from dataclasses import dataclass, replace
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
    paths = sorted(schedules.glob("*.yaml"))
    for path in sorted(schedules.glob("*.yml")):
        faults.append(Fault(str(path), 0, "", "ce fichier n’est pas lu.", f"Le nommer {path.stem}.yaml."))
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
        if not (fiches / season.name).is_dir():
            mend = f"Créer {fiches / season.name}, un sous-dossier par genre de fiche."
            faults.append(Fault(str(path), 0, "", "la saison n’a pas de dossier de fiches.", mend))
            continue
        held = library.read(fiches / season.name, season.rules)
        read += len(held.fiches) + len(held.broken)
        faults += [replace(fault, path=str(fiches / fault.path)) for fault in held.faults]
        known = {slug: fiche.kind for slug, fiche in held.fiches.items()}
        wrong = schema.check_fiches(season, known)
        faults += [fault for fault in wrong if not any(f"« {slug} »" in fault.message for slug in held.broken)]
    faults += newsletters.check_templates(emails)
    return Counts(seasons, read, len(list(emails.glob("*.mjml.j2")))), sorted(set(faults))
