"""`kit bounces …`: reports by hand, or from a mail server's pipe."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.face import Fault, say, say_error, start

app = typer.Typer(help="Ce qui revient : avis de non-remise, plaintes, désinscriptions.", no_args_is_help=True)


@app.command("read")
def read(
    path: Annotated[str, typer.Argument(metavar="FILE|-", help="Le mail ; « - » : l’entrée standard.")],
    to: Annotated[
        str, typer.Option("--to", help="Le destinataire de l’enveloppe ; sinon, ce que l’en-tête en dit.")
    ] = "",
) -> None:
    """Lire un mail qui revient, comme le fait le tube d’un serveur de messagerie : 0 lu, 75 (EX_TEMPFAIL) à présenter de nouveau."""
    try:
        say(_read(path, to))
    except Exception as error:
        # Whatever is wrong here, the mail server must keep the mail: any other status would lose it.
        say_error(str(error) or type(error).__name__)
        sys.exit(os.EX_TEMPFAIL)


@app.command("poll")
def poll() -> None:
    """Relever maintenant la boîte de KIT_BOUNCES_URL."""
    held = start()
    from pipeline import clock
    from pipeline.delivery.bounces import inbox
    from pipeline.delivery.bounces.box import BoxError

    if not held.bounces_url:
        raise Fault("KIT_BOUNCES_URL n’est pas donné : il n’y a pas de boîte à relever.")
    try:
        say(f"{inbox.poll(held.bounces_url, now=clock.now)} mail(s) lu(s).")
    except BoxError as error:
        raise Fault(str(error)) from error


def _read(path: str, to: str) -> str:
    start()
    from pipeline import clock
    from pipeline.delivery.bounces import intake, report

    if path == "-":
        raw = sys.stdin.buffer.read(report.LONGEST)
        while sys.stdin.buffer.read(65536):  # a pipe that is closed early is a failed delivery to some servers
            pass
    else:
        with Path(path).open("rb") as file:
            raw = file.read(report.LONGEST)
    taken = intake.take(raw, [to] if to else report.addressees(raw), now=clock.now())
    if taken.kind == "ignored":
        return f"Rien à faire : {taken.why}."
    kinds = {"hard": "adresse morte", "soft": "échec passager", "complaint": "plainte", "unsubscribe": "désinscription"}
    return f"{kinds[taken.kind].capitalize()}{'' if taken.new else ', déjà connu'}."
