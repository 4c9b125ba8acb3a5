"""What is told of a list: its columns, what importing it would change or has changed, and each line that was left out."""

from __future__ import annotations

import csv
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.cli.face import Fault, say, say_error, say_json

if TYPE_CHECKING:
    from pipeline.audience.imports import Difference, Plan, Result

SHOWN = 20
"""Lines that are told one by one; the report has them all."""


def say_difference(plan: Plan, difference: Difference, as_json: bool) -> None:
    if as_json:
        say_json({"dry_run": True, **_file(plan), **asdict(difference)})
        return
    say(columns(plan))
    say(
        f"{plan.count} personne(s), {plan.merged} doublon(s) fusionné(s), {plan.faulty} ligne(s) fautive(s).\n"
        f"Seraient inscrites : {difference.new} nouvelle(s), {difference.known} connue(s) par une autre saison, "
        f"{difference.waiting} en attente de confirmation, {difference.back} d’un import annulé.\n"
        f"Rien ne changerait pour {difference.already} déjà inscrite(s) et {difference.suppressed} désinscrite(s).\n"
        "Rien n’a été écrit."
    )
    _say_left(plan)


def say_result(plan: Plan, result: Result, as_json: bool) -> None:
    if as_json:
        say_json({"dry_run": False, **_file(plan), **asdict(result)})
        return
    _say_left(plan)
    say(
        f"{result.added} inscrit(s), {result.already} déjà inscrit(s), {result.suppressed} désinscrit(s) laissé(s) de côté."
    )
    say(f"Import {result.number} ; « kit subscribers undo-import {result.number} » l’annule, pendant 30 jours.")


def _say_left(plan: Plan) -> None:
    left = [*islice(plan.faults(), SHOWN + 1), *islice(plan.notes(), SHOWN + 1)]
    for fault in left[:SHOWN]:
        say_error(str(fault))
    if len(left) > SHOWN:
        say_error("… --report FICHIER.csv les écrit toutes.")


def columns(plan: Plan) -> str:
    read = ", ".join(f"{column} ← « {header} »" for column, header in plan.columns.items())
    ignored = f"\nIgnorées : {', '.join(plan.ignored)}." if plan.ignored else ""
    return f"Colonnes ({plan.format}) : {read or 'aucune'}.{ignored}"


def _file(plan: Plan) -> dict[str, Any]:
    return {
        "file": plan.path,
        "format": plan.format,
        "columns": plan.columns,
        "ignored": list(plan.ignored),
        "rows": plan.count,
        "merged": plan.merged,
        "faulty": plan.faulty,
    }


def write_report(plan: Plan, out: Path) -> None:
    """Every line that was left out or merged, in the order of the file, safe to open in a spreadsheet program."""
    from pipeline.audience.spreadsheet import guarded

    try:
        with out.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\r\n")
            writer.writerow(("line", "what", "column", "reason", "mend"))
            for what, faults in (("refused", plan.faults()), ("left", plan.notes())):
                for fault in faults:
                    cells = (str(fault.line), what, fault.field, fault.message, fault.mend)
                    writer.writerow([guarded(cell) for cell in cells])
            for one in plan.duplicates():
                writer.writerow((one.line, "merged", "email", f"même adresse qu’à la ligne {one.first}.", ""))
    except OSError as error:
        raise Fault(f"--report {out} : {error}") from error
