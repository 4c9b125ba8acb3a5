"""`make chaos`: every fault, counted from the receiving server's own record. Exit code 1 where anybody was lost or written to twice.

``python -m tests.faults.chaos [--short] [--database postgresql|sqlite] [--only WORDS] [--json FILE]``
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import django

from tests.faults.ground import Ground

if TYPE_CHECKING:
    from tests.faults.table import Row

DATABASES = ("postgresql", "sqlite")
MINUTES = {"postgresql": 20, "sqlite": 5}
"""After so many nothing more is begun."""
LOGS = Path("build/chaos-logs")
"""Where the workers' words are kept."""
GOOD = "Nobody lost, nobody twice, nothing uncertain beyond its bound."
_HEAD = ("fault", "database", "runs", "hits", "lost", "twice", "unknown", "bound", "wrong", "resumed", "s")
_WIDTHS = (66, 11, 5, 6, 5, 6, 8, 6, 6, 8, 5)


def line(cells: Sequence[object]) -> str:
    first, *rest = (str(cell) for cell in cells)
    return first.ljust(_WIDTHS[0]) + "".join(cell.rjust(width) for cell, width in zip(rest, _WIDTHS[1:], strict=True))


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def told(row: Row) -> str:
    """A row of the table, with what failed below it."""
    struck = (row.fault, row.database, row.runs, row.hits)
    found = (row.lost, row.duplicated, row.unknown, row.bound, row.contradicted)
    text = line((*struck, *found, row.resumed, round(row.seconds)))
    return text + ("" if row.good else f"\n    ^^^ {row.failure or 'NOT AS IT SHOULD BE'}")


def play(kind: str, *, short: bool, only: str, end: float) -> list[Row]:
    """Play the faults meant for one database, on ground of its own, and tell of each. What has not begun at ``end`` fails."""
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    try:
        with Ground(folder, kind) as ground:
            os.environ.update(ground.environ)
            django.setup()  # under the settings just made
            from tests.faults import deaths, outages, people, table, trials  # noqa: F401 - each enters its faults into the table

            rows = []
            field = trials.Field(ground)
            for chosen in table.FAULTS:
                wanted = chosen.short if short else chosen.whole
                if kind not in chosen.databases or not wanted or only not in chosen.name:
                    continue
                if time.monotonic() < end:
                    rows.append(table.carry_out(chosen, field, wanted))
                else:
                    rows.append(table.Row(chosen.name, kind, failure="out of time"))
                say(told(rows[-1]))
            again = field.end()
            rows.append(table.Row("the whole record", kind, runs=1, hits=1, duplicated=again))
            say(told(rows[-1]))
            return rows
    finally:
        LOGS.mkdir(parents=True, exist_ok=True)
        for log in folder.glob("*.log"):
            shutil.copy(log, LOGS / f"{kind}-{log.name}")
        shutil.rmtree(folder, ignore_errors=True)


def play_each(kinds: Sequence[str], arguments: Sequence[str]) -> list[dict[str, Any]]:
    """One process per database: Django has its settings once."""
    found: list[dict[str, Any]] = []
    for kind in kinds:
        with tempfile.NamedTemporaryFile(suffix=".json") as file:
            command = [sys.executable, "-m", "tests.faults.chaos", *arguments, "--database", kind, "--json", file.name]
            with subprocess.Popen(command) as process:
                try:
                    process.wait()
                except BaseException:
                    process.terminate()  # and wait until it has cleaned up
                    raise
            said = file.read()
        missing = {"fault": "everything", "database": kind, "good": False, "failure": "the suite itself failed"}
        found += json.loads(said) if said else [missing]
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="the form of `make test`")
    parser.add_argument("--database", choices=DATABASES)
    parser.add_argument("--only", default="", help="faults whose name holds these words")
    parser.add_argument("--json", type=Path, default=Path("build/chaos.json"))
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    began = time.monotonic()
    if options.database:
        say(line(_HEAD))
        share = MINUTES[options.database] * 60
        rows = play(options.database, short=options.short, only=options.only, end=began + share)
        results = [row.as_dict() for row in rows]
    else:
        results = play_each(DATABASES, [*(["--short"] if options.short else []), "--only", options.only])
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(results, indent=1, ensure_ascii=False))
    bad = [f"{one['fault']} ({one['database']})" for one in results if not one["good"]]
    if not options.database:
        say(f"{time.monotonic() - began:.0f} s, written to {options.json}")
        say("Not as it should be: " + "; ".join(bad) if bad else GOOD)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
