"""Files → database: check, plan, apply, diff, calendar, new-season, season activate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.face import Fault, confirm, me, say, say_error, say_json, start

if TYPE_CHECKING:
    from pipeline.release.revisions import Planned

season_app = typer.Typer(help="Les saisons.", no_args_is_help=True)
JSON = Annotated[bool, typer.Option("--json", help="Écrire du JSON.")]
YES = Annotated[bool, typer.Option("--yes", help="Répondre oui aux questions.")]


def register(app: typer.Typer) -> None:
    for name, command in (("check", check), ("plan", plan), ("apply", apply), ("diff", diff), ("calendar", calendar_)):
        app.command(name)(command)
    app.command("new-season")(new_season)


def check(as_json: JSON = False) -> None:
    """Vérifier les saisons, les fiches et les mails : toutes les fautes de tous les fichiers en une fois."""
    from pipeline import environment
    from pipeline.checks import all_faults

    held = environment.read()
    counts, faults = all_faults(held.schedules_dir, held.fiches_dir, held.emails_dir)
    if as_json:
        say_json([{name: getattr(fault, name) for name in fault.__slots__} for fault in faults])
    else:
        for fault in faults:
            say_error(str(fault))
        if not faults:
            say(
                f"{counts.seasons} saison(s), {counts.fiches} fiche(s), {counts.mails} modèle(s) de mail : tout est bon."
            )
    if faults:
        if not as_json:
            say_error(f"{len(faults)} faute(s).")
        raise typer.Exit(1)


def plan(as_json: JSON = False) -> None:
    """Montrer ce que les fichiers changeraient pour les lecteurs, et quand."""
    planned = _planned()
    if as_json:
        changes = [
            {"season": c.season, "what": c.what, "date": c.date.isoformat() if c.date else None}
            for c in planned.changes
        ]
        conflicts = [str(conflict) for conflict in planned.conflicts]
        say_json({"changes": changes, "conflicts": conflicts, "faults": [str(fault) for fault in planned.faults]})
        return
    _tell(planned)


def apply(yes: YES = False) -> None:
    """Lire les fichiers dans la base, comme une révision numérotée."""
    planned = _planned()
    from pipeline import clock
    from pipeline.release import revisions

    _tell(planned)
    if planned.conflicts:
        raise Fault("Rien n’a été appliqué : les fichiers contredisent des décisions de l’équipe.")
    if planned.empty:
        return
    confirm("Appliquer ?", yes)
    try:
        revision = revisions.apply(planned, actor=me(), now=clock.now())
    except revisions.ConflictError as error:
        raise Fault(str(error)) from error
    say(f"Révision {revision.number} appliquée.")


def diff(revision: Annotated[int, typer.Argument(help="Numéro de la révision.")], as_json: JSON = False) -> None:
    """Montrer ce qui a changé entre une révision et la précédente."""
    start()
    from pipeline.release import revisions

    try:
        changes = revisions.diff(revision)
    except KeyError as error:
        raise Fault(f"Aucune révision {revision}.") from error
    if as_json:
        say_json(
            [{"season": c.season, "what": c.what, "date": c.date.isoformat() if c.date else None} for c in changes]
        )
        return
    for change in changes:
        say(f"{change.season} : {change.what}")
    if not changes:
        say("Aucun changement.")


def calendar_(
    path: Annotated[Path, typer.Argument(metavar="SEASON.yaml", help="Le fichier de la saison.")],
    form: Annotated[str, typer.Option("--format", help="table, json ou ics.")] = "table",
    as_json: JSON = False,
) -> None:
    """Montrer les dates d’une saison."""
    form = "json" if as_json else form
    from pipeline import clock, environment
    from pipeline.content.errors import ContentError
    from pipeline.season import calendar, ics, schema, table

    if form not in ("table", "json", "ics"):
        raise Fault(f"« --format {form} » : choisir table, json ou ics.")
    try:
        season = schema.load(path)
        dated = calendar.dated(season)
    except ContentError as error:
        raise Fault(str(error)) from error
    except calendar.CalendarError as error:
        raise Fault(str(error)) from error
    if form == "ics":
        base = environment.read().base_url
        raw = ics.calendar(season, dated, url_for=lambda _: f"{base}/{season.name}/", now=clock.now())
        typer.echo(raw.decode(), nl=False)
    elif form == "json":
        say_json(table.rows(season, dated))
    else:
        say(table.as_table(season, dated))


def new_season(name: Annotated[str, typer.Argument(help="Nom de la saison : lettres, chiffres et tirets.")]) -> None:
    """Créer le fichier et le dossier d’une nouvelle saison, à compléter."""
    from pipeline import environment
    from pipeline.season import blank

    held = environment.read()
    path = held.schedules_dir / f"{name}.yaml"
    if path.exists():
        raise Fault(f"{path.name} existe déjà.")
    try:
        text = blank.season(name)
    except ValueError as error:
        raise Fault(str(error)) from error
    path.write_text(text, encoding="utf-8")
    (held.fiches_dir / name).mkdir(parents=True, exist_ok=True)
    say(f"Créés : {path} et {held.fiches_dir / name}. Compléter, puis « kit check ».")


@season_app.command("activate")
def activate(name: Annotated[str, typer.Argument(help="Nom de la saison.")]) -> None:
    """Faire courir une saison appliquée."""
    start()
    from pipeline import clock
    from pipeline.release import revisions

    try:
        changed = revisions.activate(name, actor=me(), now=clock.now())
    except KeyError as error:
        raise Fault(f"Aucune saison « {name} » n’est appliquée : « kit apply » d’abord.") from error
    say(f"La saison {name} court." if changed else f"La saison {name} courait déjà.")


def _planned() -> Planned:
    held = start()
    from pipeline.content.errors import ContentError
    from pipeline.release import revisions

    try:
        return revisions.plan(revisions.read(held.schedules_dir, held.fiches_dir))
    except ContentError as error:
        raise Fault(str(error)) from error


def _tell(planned: Planned) -> None:
    for change in planned.changes:
        date = f" (le {change.date:%d/%m/%Y})" if change.date else ""
        say(f"{change.season} : {change.what}{date}")
    for fault in planned.faults:
        say_error(f"à mender : {fault}")
    for conflict in planned.conflicts:
        say_error(f"conflit : {conflict}")
    if planned.empty:
        say("Rien à appliquer : la base dit ce que disent les fichiers.")
