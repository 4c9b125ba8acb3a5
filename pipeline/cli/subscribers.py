"""`kit subscribers …`: the audience from the shell, with the rules of the form."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.cli import lists
from pipeline.cli.face import Fault, confirm, say, say_json, start

app = typer.Typer(help="Les abonnés.", no_args_is_help=True)
lists.register(app)


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
