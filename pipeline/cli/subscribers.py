"""`kit subscribers …`: the audience from the shell, with the rules of the form."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline.cli import lists
from pipeline.cli.face import Fault, confirm, say, say_error, say_json, start, table

app = typer.Typer(help="Les abonnés.", no_args_is_help=True)
lists.register(app)

LONGEST = 200
"""Characters of a value that a person is shown."""


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


@app.command("purge")
def purge(
    as_json: Annotated[bool, typer.Option("--json", help="Pour un programme.")] = False,
) -> None:
    """Retirer tout de suite ce qui a été gardé assez longtemps ; cela se fait aussi seul, toutes les heures (docs/operator.md)."""
    start()
    from pipeline import clock
    from pipeline.audience import retention

    people = rows = 0
    while True:
        done = retention.purge(clock.now())
        people, rows = people + done.people, rows + done.rows
        if done.finished:
            break
    lapsed = retention.lapse(clock.now(), seconds=3600)
    if as_json:
        say_json({"people": people, "rows": rows, "lapsed": lapsed, "unanswered": done.unanswered})
        return
    say(
        f"{people} personne(s) jamais confirmée(s) retirée(s), {rows} trace(s) effacée(s), {lapsed} inscription(s) non renouvelée(s)."
    )
    if done.unanswered:
        say_error(
            f"{done.unanswered} inscription(s) attendent une réponse depuis plus d’un jour : voir les messages de « kit serve »."
        )


@app.command("flagged")
def flagged(
    as_json: Annotated[bool, typer.Option("--json", help="Pour un programme.")] = False,
) -> None:
    """Montrer les adresses de service ou jetables des abonnés, d’après KIT_ROLE_ADDRESSES et KIT_DISPOSABLE_ADDRESSES."""
    held = start()
    from pipeline.audience import flags

    found = flags.raised(flags.Policy.of(held))
    if as_json:
        say_json([{"email": mailbox, "flags": sorted(raised)} for mailbox, raised in found])
        return
    words = {"role": "de service", "disposable": "jetable"}
    table(("adresse", "signalée"), ((one, ", ".join(words[flag] for flag in sorted(raised))) for one, raised in found))


@contextmanager
def _known(email: str) -> Iterator[None]:
    from pipeline.audience.addresses import AddressError
    from pipeline.audience.consent import UnknownPersonError

    try:
        yield
    except AddressError as error:
        raise Fault(f"« {email} » : {error}") from error
    except UnknownPersonError as error:
        raise Fault(f"Personne n’est connu à l’adresse {email}.") from error


def _say_parts(held: dict[str, Any]) -> None:
    for name, about in held["about"].items():
        say(f"{name} : {about}")
        for row in held[name] or [{}]:
            told = [f"{key} {_short(value)}" for key, value in row.items() if value not in (None, "", [])]
            say("  " + (", ".join(told) or "rien"))
        say()


def _short(value: Any) -> str:
    """One line of it: whole mails are for `--json` and `--csv`."""
    text = " ".join(str(value).split())
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}… (en entier : --json)"
