"""`kit webhooks …`: who else is told what happens, and what became of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from pipeline.cli.face import Fault, confirm, me, say, say_json, start, table

app = typer.Typer(help="Les webhooks : prévenir d’autres systèmes de ce qui arrive.", no_args_is_help=True)
NUMBER = Annotated[int, typer.Argument(metavar="ID", help="Le numéro du webhook.")]
JSON = Annotated[bool, typer.Option("--json", help="Écrire du JSON.")]

STATES = {"active": "actif", "failing": "en échec", "disabled": "désactivé"}


@app.command("add")
def add(
    url: Annotated[str, typer.Argument(metavar="URL", help="Où les évènements sont postés : https://…")],
    events: Annotated[
        str, typer.Option("--events", help="Les types voulus, séparés par des virgules ; sans cela, tous.")
    ] = "",
    with_address: Annotated[
        bool, typer.Option("--with-address", help="Donner aussi l’adresse et le nom des personnes.")
    ] = False,
    as_json: JSON = False,
) -> None:
    """Ajouter un webhook. Son secret n’est montré qu’ici."""
    start()
    from pipeline import clock
    from pipeline.hooks import endpoints, wiring

    types = [one.strip() for one in events.split(",") if one.strip()]
    with _told():
        made, secret = endpoints.add(
            url, types, with_address=with_address, local=wiring.is_local(), actor=me(), now=clock.now()
        )
    if as_json:
        say_json({"id": made.pk, "url": made.url, "events": made.types, "secret": secret})
        return
    say(f"Webhook {made.pk} : {made.host}, {', '.join(made.types)}.")
    if with_address:
        say("Il reçoit des adresses : le nommer dans l’information donnée à l’inscription (RGPD, art. 13-1-e).")
    _show(secret)
    say(f"L’essayer : « kit webhooks test {made.pk} ».")


@app.command("list")
def list_(as_json: JSON = False) -> None:
    """Montrer les webhooks et comment ils se portent."""
    start()
    from pipeline.hooks import listing

    rows = listing.endpoints()
    if as_json:
        say_json(rows)
        return
    head = ("id", "URL", "évènements", "adresses", "état", "en attente", "remis", "abandonnés")
    table(
        head,
        (
            (
                str(one["id"]),
                one["url"],
                ", ".join(one["events"]),
                "oui" if one["with_address"] else "non",
                STATES[one["state"]] + (f" ({one['why']})" if one["why"] else ""),
                str(one["waiting"]),
                str(one["delivered"]),
                str(one["given_up"]),
            )
            for one in rows
        ),
    )


@app.command("remove")
def remove(
    number: NUMBER, yes: Annotated[bool, typer.Option("--yes", help="Répondre oui aux questions.")] = False
) -> None:
    """Retirer un webhook, avec ses secrets et ce qui l’attend."""
    start()
    from pipeline import clock
    from pipeline.hooks import endpoints

    with _told():
        found = endpoints.find(number)
        confirm(f"Retirer le webhook {found.pk} ({found.host}) ?", yes)
        endpoints.remove(found, actor=me(), now=clock.now())
    say("Retiré.")


@app.command("test")
def test(number: NUMBER) -> None:
    """Envoyer maintenant un évènement d’essai, et dire la réponse."""
    start()
    from pipeline.hooks import endpoints, sending, wiring

    with _told():
        result = sending.test(wiring.courier(), endpoints.find(number))
    if result.content:
        say(result.content[:500].decode(errors="replace"))
    if result.kind != "delivered":
        raise Fault(f"Échec : {result.text}.")
    say(f"Reçu : {result.text}.")


@app.command("rotate")
def rotate(number: NUMBER) -> None:
    """Donner un nouveau secret ; l’ancien signe encore pendant 24 heures."""
    start()
    from pipeline import clock
    from pipeline.hooks import endpoints

    with _told():
        _show(endpoints.rotate(endpoints.find(number), actor=me(), now=clock.now()))


@app.command("enable")
def enable(number: NUMBER) -> None:
    """Réactiver un webhook que ses échecs ont fait désactiver."""
    start()
    from pipeline import clock
    from pipeline.hooks import endpoints

    with _told():
        endpoints.enable(endpoints.find(number), actor=me(), now=clock.now())
    say(f"Réactivé. Ce qui avait été abandonné : « kit webhooks resend {number} ».")


@app.command("resend")
def resend(number: NUMBER) -> None:
    """Essayer à nouveau ce qui avait été abandonné (gardé 30 jours)."""
    start()
    from pipeline import clock
    from pipeline.hooks import endpoints

    with _told():
        count = endpoints.resend(endpoints.find(number), actor=me(), now=clock.now())
    say(f"{count} évènement(s) à nouveau en attente.")


@app.command("deliveries")
def deliveries(
    number: Annotated[int | None, typer.Argument(metavar="[ID]", help="Le numéro du webhook ; sans lui, tous.")] = None,
    state: Annotated[
        list[str] | None, typer.Option("--state", help="Seulement ceux-là (se répète) : waiting, delivered, given-up…")
    ] = None,
    most: Annotated[int, typer.Option("--limit", min=1, help="Combien, des plus récents.")] = 50,
    as_json: JSON = False,
) -> None:
    """Dire ce que sont devenus les évènements, les plus récents d’abord."""
    start()
    from pipeline.hooks import endpoints, listing
    from pipeline.hooks.models import Delivery

    unknown = set(state or ()) - set(Delivery.State.values)
    if unknown:
        raise Fault(f"« --state {min(unknown)} » : choisir parmi {', '.join(Delivery.State.values)}.")
    with _told():
        endpoint = None if number is None else endpoints.find(number)
    rows = listing.deliveries(endpoint, states=tuple(state or ()), most=most)
    if as_json:
        say_json(rows)
        return
    columns = ("webhook", "at", "type", "state", "attempts", "answer", "message")
    head = ("id", "quand", "évènement", "état", "essais", "réponse", "message")
    words = dict(Delivery.State.choices)
    table(head, ([str(words[one[key]] if key == "state" else one[key]) for key in columns] for one in rows))


@contextmanager
def _told() -> Iterator[None]:
    from pipeline.hooks.endpoints import EndpointError

    try:
        yield
    except EndpointError as error:
        raise Fault(str(error)) from error


def _show(secret: str) -> None:
    say(f"Secret, à donner à qui reçoit (il n’est plus montré ensuite) :\n{secret}")
