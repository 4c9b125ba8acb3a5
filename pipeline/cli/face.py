"""What commands share: starting Django, naming a slot, saying things."""

from __future__ import annotations

import fcntl
import getpass
import json
import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from pipeline.environment import Environment
    from pipeline.release.audit import Actor


class Fault(Exception):
    """The command cannot be carried out; the message is French and goes to the person."""


def say(text: str = "") -> None:
    typer.echo(text)


def say_error(text: str) -> None:
    typer.echo(text, err=True)


def say_json(data: Any) -> None:
    typer.echo(json.dumps(data, ensure_ascii=False, indent=2))


def set_up() -> None:
    """Set Django up; the database is left as it is."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pipeline.settings")
    import django

    django.setup()


def start() -> Environment:
    """Set Django up and bring the database up to date; one process at a time does it, and says when it creates it."""
    set_up()
    from pipeline.release.wiring import environment

    held = environment()
    _check_transport(held)
    _migrate(held)
    return held


def _check_transport(held: Environment) -> None:
    """Say now what is wrong with the way out, not when the first mail is due."""
    from pipeline.delivery.bounces import lmtp, verp
    from pipeline.delivery.transports import TransportUrlError, open_transport
    from pipeline.environment import SettingsError

    faults = []
    try:
        open_transport(held.transport_url).close()
    except TransportUrlError as error:
        faults.append(f"KIT_SMTP_URL : {error}")
    try:
        if held.return_path:
            verp.Maker(held.return_path)
        if held.lmtp:
            lmtp.listen(held.lmtp)
    except (verp.ReturnPathError, lmtp.ListenError) as error:
        faults.append(str(error))
    if faults:
        raise SettingsError(faults)


def _migrate(held: Environment) -> None:
    from django.core.management import call_command
    from django.db import OperationalError, connection
    from django.db.migrations.executor import MigrationExecutor

    held.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (held.data_dir / "migrate.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            executor = MigrationExecutor(connection)
        except OperationalError as error:
            raise Fault(f"KIT_DATABASE_URL : la base ne répond pas ({error}).") from error
        if not executor.migration_plan(executor.loader.graph.leaf_nodes()):
            return
        new = not executor.loader.applied_migrations
        call_command("migrate", interactive=False, verbosity=0)
        if new:
            from pipeline import clock
            from pipeline.delivery import fence
            from pipeline.release import wiring

            fence.arm_if_new(wiring.identity(), now=clock.now())
            say_error(f"Base créée dans {held.data_dir}.")


def me() -> Actor:
    """The person at the keyboard."""
    from pipeline.release.audit import Actor

    return Actor("staff", f"{getpass.getuser()} (commande)")


def slot_of(text: str) -> tuple[str, str]:
    """`season/slot`, or the slot's name alone where one season only has it.

    Raises:
        Fault: unknown or ambiguous.
    """
    from pipeline.release import revisions

    seasons = revisions.applied_seasons(revisions.current_revision())
    if not seasons:
        raise Fault("Aucune saison n’est appliquée : « kit apply » d’abord.")
    season, _, slot = text.rpartition("/")
    having = [name for name, one in seasons.items() if slot in {planned.name for planned in one.slots}]
    if season:
        having = [name for name in having if name == season]
    if not having:
        known = ", ".join(f"{name}/{one.name}" for name, held in seasons.items() for one in held.slots)
        raise Fault(f"Aucun créneau « {text} ». Créneaux : {known}.")
    if len(having) > 1:
        raise Fault(f"« {text} » existe dans plusieurs saisons : {', '.join(f'{name}/{slot}' for name in having)}.")
    return having[0], slot


def confirm(question: str, yes: bool) -> None:
    """Ask before what cannot be taken back; `--yes` answers for scripts."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise Fault(f"{question} Personne n’est là pour répondre : ajouter --yes.")
    if not typer.confirm(question, default=False):
        raise Fault("Rien n’a été fait.")


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    """Print columns that a person reads."""
    from rich.console import Console
    from rich.table import Table

    shown = Table(*head, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        shown.add_row(*row)
    Console(width=None if sys.stdout.isatty() else 160).print(shown)
