"""`kit rehearse` and `kit build`."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.face import Fault, say, start


def register(app: typer.Typer) -> None:
    app.command("rehearse")(rehearse)
    app.command("build")(build)


def rehearse(
    path: Annotated[Path, typer.Argument(metavar="SEASON.yaml", help="Le fichier de la saison.")],
    subscribers: Annotated[int, typer.Option("--subscribers", min=0, help="Combien d’abonnés.")] = 100,
    out: Annotated[Path, typer.Option("--out", help="Dossier où écrire.")] = Path("build/rehearsal"),
) -> None:
    """Jouer une saison entière sous une horloge simulée, et vérifier que chacun reçoit tout, une fois."""
    from pipeline import environment

    held = environment.read()
    if not path.is_file():
        raise Fault(f"{path} n’existe pas.")
    out = out.absolute()
    os.environ |= {
        "KIT_DATA_DIR": str(out / "scratch"),
        "KIT_SMTP_URL": f"file://{out / 'mailbox'}?fsync=no",
        "KIT_SECRET_KEY": held.secret_key or "répétition : cette clé ne garde rien de secret",
    }
    for name in (
        "KIT_DATABASE_URL",
        "KIT_DATABASE_URL_FILE",
        "KIT_SMTP_URL_FILE",
        "KIT_SECRET_KEY_FILE",
        "KIT_INSTALLATION_ID",
    ):
        os.environ.pop(name, None)
    beside = path.absolute().parent.parent / "fiches"
    fiches = held.fiches_dir if (held.fiches_dir / path.stem).is_dir() or not (beside / path.stem).is_dir() else beside
    from pipeline.cli.rehearsal import run_into

    raise typer.Exit(run_into(path, fiches, out, subscribers=subscribers))


def build(
    out: Annotated[Path, typer.Option("--out", help="Dossier où écrire.")],
    as_of: Annotated[str, typer.Option("--as-of", help="Ce qui était publié à cette date : AAAA-MM-JJ.")] = "",
    form: Annotated[str, typer.Option("--format", help="pdf,epub,html,zip.")] = "pdf,epub,html,zip",
    season: Annotated[str, typer.Option("--season", help="La saison, s’il y en a plusieurs.")] = "",
) -> None:
    """Fabriquer le kit de ce qui est publié."""
    held = start()
    from pipeline import clock
    from pipeline.kit import build as kit
    from pipeline.kit.book import FORMATS
    from pipeline.release import books, revisions

    wanted = [one for one in FORMATS if one in form.split(",")]
    if set(form.split(",")) - set(FORMATS):
        raise Fault(f"« --format {form} » : choisir parmi {','.join(FORMATS)}.")
    seasons = revisions.applied_seasons(revisions.current_revision())
    if (season and season not in seasons) or (not season and len(seasons) != 1):
        raise Fault(f"Dire la saison par --season : {', '.join(seasons) or 'aucune n’est appliquée (« kit apply »)'}.")
    chosen = seasons[season or next(iter(seasons))]
    try:
        limit = dt.date.fromisoformat(as_of) if as_of else None
    except ValueError as error:
        raise Fault(f"« --as-of {as_of} » n’est pas une date : AAAA-MM-JJ.") from error
    today = limit or clock.now().astimezone(chosen.zone).date()
    book = books.released(chosen, base_url=held.base_url, as_of=today, final=False, up_to=limit)
    if not book.entries:
        raise Fault("Rien n’est publié : il n’y a pas de kit à fabriquer.")
    out.mkdir(parents=True, exist_ok=True)
    try:
        for built in kit.build(book, wanted).values():
            (out / built.name).write_bytes(built.content)
            say(f"{out / built.name} ({len(built.content)} octets)")
    except kit.KitError as error:
        raise Fault(str(error)) from error
