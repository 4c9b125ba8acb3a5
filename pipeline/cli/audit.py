"""`kit audit …`: whether the consent ledger is as it was written."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from pipeline.cli.face import Fault, say, say_error, say_json, start, table

app = typer.Typer(help="Le registre des consentements.", no_args_is_help=True)
JSON = Annotated[bool, typer.Option("--json", help="Pour un programme.")]


@app.command("verify")
def verify(
    expect: Annotated[
        str, typer.Option("--expect", metavar="HEX", help="Un sceau noté ailleurs, qui doit être dans la chaîne.")
    ] = "",
    as_json: JSON = False,
) -> None:
    """Vérifier que rien n’a été changé, ajouté ou retiré dans le registre : 0 s’il est intact, 1 sinon."""
    start()
    from pipeline.audience import verifying

    try:
        verdict = verifying.verify(expect=expect)
    except ValueError as error:
        raise Fault(str(error)) from error
    if as_json:
        say_json(asdict(verdict))
    else:
        say(
            f"{verdict.seals} sceau(x), {verdict.opened + verdict.closed} entrée(s) : {verdict.opened} relue(s), "
            f"{verdict.closed} fermée(s) par un effacement, {verdict.unsealed} à sceller encore."
        )
        say(f"Dernier sceau : {verdict.head or 'aucun'}")
    for fault in verdict.faults if not as_json else ():
        say_error(fault)
    if verdict.faults:
        raise Fault("Le registre n’est plus tel qu’il fut écrit : comparer avec une sauvegarde.")
    if not as_json:
        say("Le registre est intact.")


@app.command("seals")
def seals(as_json: JSON = False) -> None:
    """Montrer les sceaux, du premier au dernier : à garder ailleurs, ou à remettre avec une preuve."""
    start()
    from pipeline.audience import proving, sealing

    if as_json:
        say_json([proving.seal_shown(one, previous) for one, previous in sealing.chain()])
        return
    rows = (
        (str(one.number), one.at.isoformat(timespec="seconds"), str(one.count), bytes(one.digest).hex())
        for one, _ in sealing.chain()
    )
    table(("sceau", "posé", "entrées", "empreinte"), rows)
