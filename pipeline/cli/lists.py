"""`kit subscribers import | imports | undo-import | export`: lists of people, from files and to files."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli import list_report
from pipeline.cli.face import Fault, confirm, me, say, say_error, say_json, start, table
from pipeline.cli.progress import bar

if TYPE_CHECKING:
    from pipeline.audience.imports import Format, Import, Plan
    from pipeline.season.season import Season

SEASON = Annotated[str, typer.Option("--season", help="La saison, s’il y en a plusieurs.")]
FORMAT = Annotated[str, typer.Option("--format", help="csv, xlsx ou jsonl ; sinon, d’après le fichier.")]
YES = Annotated[bool, typer.Option("--yes", help="Répondre oui aux questions.")]
JSON = Annotated[bool, typer.Option("--json", help="Écrire du JSON.")]


def register(app: typer.Typer) -> None:
    app.command("import")(import_)
    app.command("imports")(imports_)
    app.command("undo-import")(undo_import)
    app.command("export")(export)


def import_(  # noqa: PLR0917 - one parameter per option
    path: Annotated[
        Path, typer.Argument(metavar="FILE", help="CSV, XLSX ou lignes JSON ; docs/staff.md dit les colonnes.")
    ],
    consent_source: Annotated[
        str, typer.Option("--consent-source", help="D’où vient leur accord, si le fichier ne le dit pas.")
    ] = "",
    choice: Annotated[str, typer.Option("--choice", help="Ce qu’ils reçoivent, si le fichier ne le dit pas.")] = "",
    mapping: Annotated[
        list[str] | None, typer.Option("--map", help="COLONNE=EN-TÊTE (se répète), ex. : email=Courriel.")
    ] = None,
    form: FORMAT = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Dire ce qui changerait, et ne rien changer.")] = False,
    skip_faulty: Annotated[bool, typer.Option("--skip-faulty", help="Laisser de côté les lignes fautives.")] = False,
    report: Annotated[
        Path | None, typer.Option("--report", help="Écrire en CSV chaque ligne laissée de côté, et pourquoi.")
    ] = None,
    as_json: JSON = False,
    yes: YES = False,
    season: SEASON = "",
) -> None:
    """Inscrire les personnes d’un fichier : elles sont abonnées aussitôt, toutes ou aucune."""
    start()
    from pipeline import clock
    from pipeline.audience import imports

    _finish_what_is_left()
    chosen = _season(season)
    choices = [one.id for one in chosen.choices]
    if choice and choice not in choices:
        raise Fault(f"« --choice {choice} » : choisir parmi {', '.join(choices)}.")
    now = clock.now()
    with bar() as move:
        plan = _read(path, chosen, consent_source.strip(), choice or choices[0], _format(form), mapping or [], move)
        difference = imports.compare(plan, chosen.name, progress=move) if dry_run else None
    try:
        if difference is not None:
            list_report.say_difference(plan, difference, as_json)
            return
        if plan.guessed and plan.readable:
            say_error(list_report.columns(plan))
            confirm("Ces colonnes ont été devinées. Importer ?", yes)
        with bar() as move:
            result = imports.apply(
                plan, chosen.name, choice or choices[0], now=now, skip_faulty=skip_faulty, who=me().who, progress=move
            )
    except imports.ImportRefusedError as error:
        told = "\n".join(map(str, error.faults[: list_report.SHOWN]))
        mend = "Les corriger, ou ajouter --skip-faulty." if plan.readable else "Corriger le fichier."
        raise Fault(f"{told}\n{error.lines} ligne(s) fautive(s) : rien n’a été importé. {mend}") from error
    finally:
        if report is not None:
            list_report.write_report(plan, report)
    _note(result.number)
    list_report.say_result(plan, result, as_json)


def imports_(as_json: JSON = False) -> None:
    """Lister les imports, du dernier au premier."""
    start()
    from pipeline.audience.imports import Import

    found = Import.objects.order_by("-pk")
    if as_json:
        say_json([_told(one) for one in found])
        return
    heads = ("n°", "le", "saison", "fichier", "état", "inscrits", "déjà", "de côté", "fautives", "annulés")
    table(
        heads,
        (
            [
                *(str(one.pk), f"{one.at:%d/%m/%Y %H:%M} UTC", one.season, one.path, one.get_state_display()),
                *(str(count) for count in (one.added, one.already, one.held, one.refused, one.ended + one.removed)),
            ]
            for one in found
        ),
    )


def undo_import(
    number: Annotated[int, typer.Argument(metavar="ID", help="Le numéro, donné par « kit subscribers imports ».")],
    yes: YES = False,
) -> None:
    """Annuler un import (30 jours) : qui n’a rien fait depuis n’est plus inscrit."""
    start()
    from pipeline import clock
    from pipeline.audience import imports

    _finish_what_is_left()
    told = imports.Import.objects.filter(pk=number).first()
    if told is not None and told.state == imports.Import.State.DONE:
        confirm(f"Annuler l’import {number} ({told.path}, {told.added} inscrit(s)) ?", yes)
    try:
        told = imports.undo(number, now=clock.now())
    except imports.UndoError as error:
        raise Fault(str(error)) from error
    _note(number)
    kept = told.added - told.ended - told.removed
    say(
        f"Import {number} annulé : {told.ended} désinscrit(s), {told.removed} effacé(s) que rien d’autre ne connaissait, "
        f"{kept} gardé(s) qui ont agi depuis."
    )


def export(
    out: Annotated[Path | None, typer.Option("--out", help="Fichier à écrire ; sinon, la sortie standard.")] = None,
    form: FORMAT = "",
    status: Annotated[
        list[str] | None, typer.Option("--status", help="active (sinon), pending, ended ; se répète.")
    ] = None,
    season: SEASON = "",
) -> None:
    """Écrire les abonnés d’une saison en CSV, XLSX ou lignes JSON."""
    start()
    from pipeline.audience.lists import writing
    from pipeline.audience.models import Status

    name = _season(season).name
    by_suffix = out.suffix.lstrip(".").lower() if out is not None else ""
    chosen = _format(form) or _format(by_suffix if by_suffix in _formats() else "") or "csv"
    for one in status or ():
        if one not in Status.values:
            raise Fault(f"« --status {one} » : choisir parmi {', '.join(Status.values)}.")
    statuses = [Status(one) for one in status or ("active",)]
    try:
        if out is None:
            writing.write(name, sys.stdout.buffer, form=chosen, statuses=statuses)
            return
        part = out.with_name(f".{out.name}.{os.getpid()}")
        try:
            with part.open("wb") as stream:
                writing.write(name, stream, form=chosen, statuses=statuses)
            part.replace(out)
        finally:
            part.unlink(missing_ok=True)
    except (writing.TooLongError, OSError) as error:
        raise Fault(f"{out or 'la sortie standard'} : {error}") from error


def _read(  # noqa: PLR0917
    path: Path,
    season: Season,
    consent_source: str,
    choice: str,
    form: Format | None,
    mapping: list[str],
    move: Callable[[str, int, int], None],
) -> Plan:
    from pipeline import clock
    from pipeline.audience import imports
    from pipeline.audience.lists import columns

    try:
        told = columns.parse(mapping)
    except ValueError as error:
        raise Fault(str(error)) from error
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            return imports.read(
                stream,
                consent_source=consent_source,
                choice=choice,
                form=form,
                told=told,
                vocabulary=imports.Vocabulary.of(season),
                now=clock.now(),
                moved=lambda done: move("lecture", done, size),
            )
    except OSError as error:
        raise Fault(f"{path} ne se lit pas ({error}).") from error


def _finish_what_is_left() -> None:
    from pipeline.audience import imports

    for told in imports.resume():
        say_error(f"L’import {told.pk} ({told.path}) était resté en chemin : le voilà {told.get_state_display()}.")


def _note(number: int) -> None:
    """One line of the audit stands for all of the import."""
    from pipeline import clock
    from pipeline.audience.imports import Import
    from pipeline.release import audit

    told = Import.objects.get(pk=number)
    action = "undo-import" if told.undone_at else "import"
    audit.record(me(), action, now=clock.now(), **_told(told))


def _told(told: Import) -> dict[str, Any]:
    names = (
        "season",
        "path",
        "sha256",
        "who",
        "state",
        "rows",
        "refused",
        "added",
        "already",
        "held",
        "ended",
        "removed",
    )
    undone = told.undone_at.isoformat() if told.undone_at else None
    return {"number": told.pk, "at": told.at.isoformat(), "undone_at": undone} | {
        name: getattr(told, name) for name in names
    }


def _formats() -> tuple[Format, ...]:
    from pipeline.audience.imports import FORMATS

    return FORMATS


def _format(text: str) -> Format | None:
    for form in _formats():
        if form == text:
            return form
    if text:
        raise Fault(f"« --format {text} » : choisir parmi {', '.join(_formats())}.")
    return None


def _season(name: str) -> Season:
    from pipeline.release import revisions

    seasons = revisions.applied_seasons(revisions.current_revision())
    if name and name not in seasons:
        raise Fault(
            f"Aucune saison « {name} » n’est appliquée. Connues : {', '.join(seasons) or 'aucune (« kit apply »)'}."
        )
    if not name and len(seasons) != 1:
        raise Fault(
            f"Dire laquelle par --season : {', '.join(seasons)}."
            if seasons
            else "Aucune saison : « kit apply » d’abord."
        )
    return seasons[name] if name else next(iter(seasons.values()))
