"""What it takes to import a list: seconds, rows a second, the most memory; then to undo it.

``.venv/bin/python -m tests.benchmarks.importing --rows 1000000 --database postgres`` (or ``sqlite``). The list has six columns; two
lines in a hundred name somebody twice, one in a thousand is faulty. Meanwhile a thread subscribes people and has them leave, over and over:
told is how long it waited at most.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

SEASON, OTHER = "essai-2031", "autre-2032"
HEADER = "email,name,organisation,consent_source,consent_at,department\n"


def write(path: Path, rows: int) -> None:
    """The list that is imported."""
    with path.open("w", encoding="utf-8") as file:
        file.write(HEADER)
        for number in range(rows):
            if number % 1000 == 999:
                file.write("pas une adresse,,,registre,,\n")
                continue
            who = number - 1 if number % 50 == 49 else number
            file.write(
                f"personne-{who:07}@commune-{who % 4999}.example,Personne Numéro {who},Commune {who % 4999},"
                f"registre 2019,2019-0{who % 9 + 1}-15,{who % 89 + 1:02}\n"
            )


def peak_mb() -> float:
    """The most memory that this process ever held (VmHWM)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("no VmHWM")


class Leaver(threading.Thread):
    """Somebody who subscribes and leaves while the import runs, and how long it took each time."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.done = threading.Event()
        self.waits: list[float] = []

    def run(self) -> None:
        from django.db import connection

        from pipeline import clock
        from pipeline.audience import consent
        from pipeline.audience.addresses import parse
        from pipeline.audience.consent import Proof
        from pipeline.audience.wishes import Wish

        number = 0
        while not self.done.wait(0.2):
            number += 1
            started = time.perf_counter()
            now = clock.now()
            asked = consent.subscribe(parse(f"tiers-{number}@x.example"), OTHER, Wish("tout"), Proof("page"), now=now)
            consent.unsubscribe(OTHER, asked.person.public_id, now=now, source="page")
            self.waits.append(time.perf_counter() - started)
        connection.close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="postgres")
    told = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "liste.csv")
        write(path, told.rows)
        os.environ |= {"DJANGO_SETTINGS_MODULE": "pipeline.settings", "KIT_DATA_DIR": folder}
        if told.database == "postgres":
            from tests.postgres import postgres_url

            os.environ["KIT_DATABASE_URL"] = postgres_url("importing")
        measure(path, told.database)


def measure(path: Path, database: str) -> None:
    import django

    django.setup()
    from django.core.management import call_command

    from pipeline import clock
    from pipeline.audience import imports

    call_command("migrate", verbosity=0)
    leaver = Leaver()
    leaver.start()
    times: dict[str, float] = {}
    started, busy = time.perf_counter(), time.process_time()

    def lap(name: str) -> None:
        nonlocal started
        times[name], started = time.perf_counter() - started, time.perf_counter()

    with path.open("rb") as stream:
        plan = imports.read(stream, now=clock.now())
    lap("lire")
    result = imports.apply(plan, SEASON, "tout", now=clock.now(), skip_faulty=True)
    lap("inscrire")
    peak, cpu = peak_mb(), time.process_time() - busy
    waits = list(leaver.waits)
    total = times["lire"] + times["inscrire"]
    rows = result.added + result.refused + plan.merged
    say(
        lignes=rows,
        secondes=f"{total:.1f}",
        processeur=f"{cpu:.1f}",
        par_seconde=round(rows / total),
        mo=round(peak),
    )
    with path.open("rb") as stream:
        difference = imports.compare(imports.read(stream, now=clock.now()), SEASON)
    lap("comparer à nouveau")
    undone = imports.undo(result.number, now=clock.now())
    lap("annuler")
    leaver.done.set()
    leaver.join()
    say(database=database, **{name.replace(" ", "_"): f"{seconds:.1f} s" for name, seconds in times.items()})
    say(
        inscrits=result.added,
        déjà=difference.already,
        effacés=undone.removed,
        désinscrits=undone.ended,
        mo_en_tout=round(peak_mb()),
    )
    say(
        départs_pendant=len(waits),
        le_plus_long=f"{max(waits, default=0):.2f} s",
        pendant_annulation=f"{max(leaver.waits[len(waits) :], default=0):.2f} s",
    )


def say(**told: Any) -> None:
    sys.stdout.write(" ; ".join(f"{name} {value}" for name, value in told.items()) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
