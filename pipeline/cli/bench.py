"""`kit bench`."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.face import Fault, say, say_error, table
from pipeline.cli.progress import bar

if TYPE_CHECKING:
    from pipeline.bench.ground import Database
    from pipeline.bench.plan import Plan
    from pipeline.bench.report import Report

app = typer.Typer(help="Mesurer, sur cette machine, le chemin de production.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Mesurer, sur cette machine, le chemin de production."""


@app.command("send")
def send(  # noqa: PLR0917 - one parameter per option
    recipients: Annotated[int, typer.Option("--recipients", min=1, help="Combien de personnes (inventées).")],
    json_file: Annotated[Path, typer.Option("--json", help="Où écrire les mesures.")],
    smtp: Annotated[str, typer.Option("--smtp", help="Le serveur qui reçoit ; rien : un puits lancé ici.")] = "",
    database: Annotated[
        str, typer.Option("--database", help="postgresql://…, « postgres » (lancé ici) ; rien : SQLite.")
    ] = "",
    size: Annotated[int, typer.Option("--size", min=1, help="Octets de chaque mail.")] = 30_000,
    connections: Annotated[int, typer.Option("--connections", min=1, max=512, help="Connexions, en tout.")] = 8,
    workers: Annotated[
        int | None,
        typer.Option("--workers", min=1, max=64, help="Processus d’envoi ; sinon deux, ou un pour un nombre impair."),
    ] = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="Mesurer aussi smtp-source et la manière simple de Django.")
    ] = False,
    signed: Annotated[bool, typer.Option("--signed", help="Signer chaque mail (DKIM, deux clés).")] = False,
    outside: Annotated[bool, typer.Option("--outside", help="Permettre un serveur hors de cette machine.")] = False,
) -> None:
    """Envoyer un numéro à des personnes inventées, par la base, Redis et de vrais ouvriers, et mesurer."""
    from pipeline import environment
    from pipeline.bench import ground
    from pipeline.bench.children import BenchError
    from pipeline.bench.plan import Plan

    held = environment.read()
    processes = workers or (1 if connections % 2 else 2)
    plan = Plan(recipients, size, connections, processes, tuple(smtp.split()), compare, signed)
    _check_file(json_file)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what was started is stopped and removed, as by Ctrl-C
    try:
        plan.check(outside=outside)
        with ground.folder() as scratch, ground.database(database, scratch) as one:
            _enter(ground.settings(scratch, one, emails=held.emails_dir, signed=signed))
            report = _measure(plan, scratch, one)
    except BenchError as error:
        raise Fault(str(error)) from error
    json_file.write_text(json.dumps(report.data(), ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    table(("mesure", ""), report.lines())
    say(f"Mesures : {json_file}")
    faults = report.faults()
    for fault in faults:
        say_error(fault)
    if faults:
        raise typer.Exit(1)


def _check_file(path: Path) -> None:
    """Say before a run of minutes, not after it, that its figures cannot be written."""
    if not path.absolute().parent.is_dir():
        raise Fault(f"--json : le dossier {path.absolute().parent} n’existe pas.")
    if path.is_dir():
        raise Fault(f"--json : {path} est un dossier ; nommer un fichier.")


def _enter(told: dict[str, str]) -> None:
    """Make this process, and those that it starts, the installation under test: a new database, armed."""
    for name in [name for name in os.environ if name.startswith("KIT_")]:
        del os.environ[name]
    os.environ |= {**told, "DJANGO_SETTINGS_MODULE": "pipeline.settings"}
    import django

    django.setup()
    from django.core.management import call_command

    from pipeline import clock
    from pipeline.delivery import fence
    from pipeline.release import wiring

    call_command("migrate", interactive=False, verbosity=0)
    fence.arm_if_new(wiring.identity(), now=clock.now())


def _measure(plan: Plan, scratch: Path, database: Database) -> Report:
    from django.db import connections

    from pipeline.bench import workers
    from pipeline.bench.measure import Bench, measure
    from pipeline.release import wiring

    held = wiring.environment()
    try:
        with bar() as progress, workers.redis(held) as redis:
            return measure(Bench(held, plan, scratch, database, redis, progress))
    finally:
        connections.close_all()
