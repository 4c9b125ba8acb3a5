"""`kit subscribers …`: the audience from the shell, with the rules of the form."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.face import Fault, confirm, say, say_error, say_json, start

app = typer.Typer(help="Les abonnés.", no_args_is_help=True)
SEASON = Annotated[str, typer.Option("--season", help="La saison, s’il y en a plusieurs.")]


@app.command("import")
def import_(
    path: Annotated[
        Path, typer.Argument(metavar="FILE.csv", help="Colonnes : email,name,organisation,consent_source,consent_at.")
    ],
    consent_source: Annotated[
        str, typer.Option("--consent-source", help="D’où vient leur accord, si le fichier ne le dit pas.")
    ] = "",
    choice: Annotated[str, typer.Option("--choice", help="Ce qu’ils reçoivent (choix de la saison).")] = "",
    skip_faulty: Annotated[bool, typer.Option("--skip-faulty", help="Laisser de côté les lignes fautives.")] = False,
    season: SEASON = "",
) -> None:
    """Inscrire les personnes d’un fichier CSV : elles sont abonnées aussitôt."""
    start()
    from pipeline import clock
    from pipeline.audience import imports

    name, choices = _season(season)
    if choice and choice not in choices:
        raise Fault(f"« --choice {choice} » : choisir parmi {', '.join(choices)}.")
    try:
        with path.open("rb") as stream:
            plan = imports.read_csv(stream, consent_source=consent_source or None)
    except (OSError, UnicodeDecodeError) as error:
        raise Fault(f"{path} ne se lit pas comme un fichier CSV en UTF-8 ({error}).") from error
    try:
        result = imports.apply(plan, name, choice or choices[0], now=clock.now(), skip_faulty=skip_faulty)
    except imports.ImportRefusedError as error:
        mend = "rien n’a été importé. Les corriger, ou ajouter --skip-faulty."
        raise Fault(f"{error}\n{len(error.faults)} ligne(s) fautive(s) : {mend}") from error
    for fault in result.notes:
        say_error(str(fault))
    say(
        f"{result.added} inscrit(s), {result.already} déjà inscrit(s), {result.suppressed} désinscrit(s) laissé(s) de côté."
    )


@app.command("export")
def export(
    out: Annotated[Path | None, typer.Option("--out", help="Fichier à écrire ; sinon, la sortie standard.")] = None,
    season: SEASON = "",
) -> None:
    """Écrire les abonnés d’une saison en CSV."""
    start()
    from pipeline.audience import exports

    name, _ = _season(season)
    if out is None:
        exports.export_csv(name, sys.stdout)
        return
    with out.open("w", encoding="utf-8", newline="") as stream:
        exports.export_csv(name, stream)


@app.command("show")
def show(email: Annotated[str, typer.Argument(help="L’adresse.")]) -> None:
    """Montrer tout ce qui est gardé d’une personne."""
    start()
    from pipeline.audience import exports
    from pipeline.audience.addresses import AddressError
    from pipeline.audience.consent import UnknownPersonError

    try:
        say_json(exports.show(email))
    except (AddressError, UnknownPersonError) as error:
        raise Fault(f"Personne n’est connu à l’adresse {email}. {error}".strip()) from error


@app.command("erase")
def erase(
    email: Annotated[str, typer.Argument(help="L’adresse.")],
    yes: Annotated[bool, typer.Option("--yes", help="Répondre oui aux questions.")] = False,
) -> None:
    """Effacer une personne : il n’en reste qu’une empreinte, pour ne plus jamais lui écrire."""
    start()
    from pipeline import clock
    from pipeline.audience import exports
    from pipeline.audience.addresses import AddressError
    from pipeline.audience.consent import UnknownPersonError

    confirm(f"Effacer {email} pour de bon ?", yes)
    try:
        exports.erase(email, now=clock.now())
    except (AddressError, UnknownPersonError) as error:
        raise Fault(f"Personne n’est connu à l’adresse {email}. {error}".strip()) from error
    say("Effacé.")


def _season(name: str) -> tuple[str, list[str]]:
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
    season = seasons[name] if name else next(iter(seasons.values()))
    return season.name, [choice.id for choice in season.choices]
