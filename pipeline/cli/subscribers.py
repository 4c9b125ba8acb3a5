"""`kit subscribers …`: the audience from the shell, with the rules of the form."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

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
def show(
    email: Annotated[str, typer.Argument(help="L’adresse.")],
    csv: Annotated[Path | None, typer.Option("--csv", metavar="FILE.zip", help="Écrire un tableau par partie.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Pour un programme.")] = False,
) -> None:
    """Montrer tout ce qui est gardé d’une personne, ou l’écrire pour le lui remettre."""
    start()
    from pipeline.audience import rights

    with _known(email):
        held = rights.show(email)
    if csv is not None:
        csv.write_bytes(rights.as_csv_zip(held))
        say(f"{csv} écrit.")
    elif as_json:
        say_json(held)
    else:
        _say_parts(held)


@app.command("proof")
def proof(
    email: Annotated[str, typer.Argument(help="L’adresse.")],
    out: Annotated[Path | None, typer.Option("--out", help="Fichier à écrire ; sinon, la sortie standard.")] = None,
) -> None:
    """Écrire la preuve de ses consentements : un document JSON qu’un tiers vérifie (docs/security.md)."""
    start()
    from pipeline.audience import rights
    from pipeline.audience.evidence import TamperedError

    try:
        with _known(email):
            document = rights.as_json(rights.proof(rights.whose(email)))
    except TamperedError as error:
        raise Fault(f"Le registre a été modifié ({error}) : « kit audit verify » dit où.") from error
    if out is None:
        say(document.decode().rstrip())
        return
    out.write_bytes(document)
    say(f"{out} écrit.")


@app.command("erase")
def erase(
    email: Annotated[str, typer.Argument(help="L’adresse.")],
    yes: Annotated[bool, typer.Option("--yes", help="Répondre oui aux questions.")] = False,
) -> None:
    """Effacer une personne : il n’en reste qu’une empreinte, pour ne plus jamais lui écrire."""
    start()
    from pipeline import clock
    from pipeline.audience import rights

    with _known(email):
        rights.whose(email)
        confirm(f"Effacer {email} pour de bon ?", yes)
        rights.erase(email, now=clock.now())
    say("Effacé.")


@contextmanager
def _known(email: str) -> Iterator[None]:
    from pipeline.audience.addresses import AddressError
    from pipeline.audience.consent import UnknownPersonError

    try:
        yield
    except (AddressError, UnknownPersonError) as error:
        raise Fault(f"Personne n’est connu à l’adresse {email}. {error}".strip()) from error


def _say_parts(held: dict[str, Any]) -> None:
    for name, about in held["about"].items():
        say(f"{name} : {about}")
        for row in held[name] or [{}]:
            told = [f"{key} {value}" for key, value in row.items() if value not in (None, "", [])]
            say("  " + (", ".join(told).replace("\r\n", " ⏎ ") or "rien"))
        say()


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
