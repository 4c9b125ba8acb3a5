"""The operator's: serve, arm, user."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.cli.face import Fault, confirm, me, say, start


def register(app: typer.Typer) -> None:
    app.command("serve")(serve)
    app.command("arm")(arm)


def serve(
    host: Annotated[str, typer.Option("--host", help="Adresse d’écoute.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Port d’écoute.")] = 8000,
) -> None:
    """Tout faire tourner : base, Redis, ouvriers, calendrier et site. Ctrl-C arrête tout proprement."""
    held = start()
    say(f"Données : {held.data_dir}")
    from pipeline.release import wiring
    from pipeline.serve.first import prepare
    from pipeline.serve.main import CannotServe
    from pipeline.serve.main import serve as run

    for line in prepare(held):
        say(line)
    if not held.smtp_url:
        say(f"KIT_SMTP_URL n’est pas donné : rien ne part ; les mails vont dans {held.data_dir / 'mailbox'}.")
    elif wiring.mails_stay_here():
        say("Le serveur d’envoi est cette machine.")
    try:
        run(held, host=host, port=port, ready=lambda: say(f"Site : http://{host}:{port}/ (Ctrl-C pour arrêter)"))
    except CannotServe as error:
        raise Fault(str(error)) from error
    say("Arrêté.")


def arm(yes: Annotated[bool, typer.Option("--yes", help="Répondre oui aux questions.")] = False) -> None:
    """Laisser cette installation envoyer, et elle seule (après une copie ou une restauration)."""
    start()
    from pipeline import clock
    from pipeline.delivery import fence
    from pipeline.release import decisions, revisions, wiring
    from pipeline.season import schema

    identity = wiring.identity()
    if fence.is_armed(identity):
        say("Cette installation envoie déjà.")
        return
    if not wiring.mails_stay_here():
        faults = [str(f) for season in revisions.active_seasons().values() for f in schema.publisher_faults(season)]
        if faults:
            raise Fault("\n".join([*faults, "Rien ne peut être armé tant que l’éditeur porte des valeurs d’exemple."]))
    confirm("L’autre installation est-elle bien arrêtée ?", yes)
    decisions.arm(identity, actor=me(), now=clock.now())
    say("Cette installation envoie, et elle seule.")
