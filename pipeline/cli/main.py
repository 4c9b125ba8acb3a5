"""The `kit` command: its groups, and how its errors are told."""

from __future__ import annotations

import sys

import typer

from pipeline.cli import audit, bench, bounces, delivering, dns, files, hooks, operator, playing, slots, subscribers
from pipeline.cli.face import Fault, say_error
from pipeline.environment import SettingsError

app = typer.Typer(
    name="kit",
    help="Publie une saison de fiches à ses dates, l’envoie à ses lecteurs, et en fait le kit final.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for room in (files, slots, delivering, playing, operator, dns):
    room.register(app)
app.add_typer(subscribers.app, name="subscribers")
app.add_typer(audit.app, name="audit")
app.add_typer(bounces.app, name="bounces")
app.add_typer(hooks.app, name="webhooks")
app.add_typer(files.season_app, name="season")
app.add_typer(bench.app, name="bench")


def main() -> None:
    """Entry point: 0 done, 1 refused or faulty, 2 wrong usage or settings."""
    try:
        app(standalone_mode=True)
    except Fault as error:
        say_error(str(error))
        sys.exit(1)
    except SettingsError as error:
        say_error(str(error))
        sys.exit(2)


if __name__ == "__main__":
    main()
