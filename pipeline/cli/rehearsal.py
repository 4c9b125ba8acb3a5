"""What `kit rehearse` does once the environment says where."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.cli.face import Fault, say, say_error, start

if TYPE_CHECKING:
    from pipeline.rehearsal.play import Progress


def run_into(path: Path, fiches: Path, out: Path, *, subscribers: int) -> int:
    """Play the season of ``path`` into ``out``; 0 where every invariant holds, else 1."""
    _clean(out)
    start()
    from pipeline.content.errors import ContentError
    from pipeline.rehearsal import run
    from pipeline.release import revisions

    try:
        read = revisions.read_season(path, fiches)
    except ContentError as error:
        raise Fault(str(error)) from error
    wrong = [*read.library.faults, *revisions.missing(read)]
    if wrong:
        raise Fault("\n".join(map(str, wrong)) + f"\n{len(wrong)} faute(s) : rien n’a été joué.")
    from pipeline.rehearsal.play import Stage
    from pipeline.release import wiring
    from pipeline.web.export import export

    stage = Stage(wiring.press(), wiring.desk(), out / "mailbox")
    told = _with_progress(
        lambda progress: run.rehearse(read, stage, out, subscribers=subscribers, site=export, progress=progress)
    )
    say(
        f"{len(told['releases'])} publications, {told['mails_total']} mails, {told['duplicates']} en double, "
        f"{told['missing']} manquant(s), {told['seconds']:.1f} s."
    )
    for broken in told["broken"]:
        say_error(f"invariant rompu : {broken}")
    say(f"À ouvrir : {out / 'report.html'}")
    return 1 if told["broken"] else 0


def _clean(out: Path) -> None:
    """Empty what a former rehearsal left, and nothing else: the names below are ours."""
    for name in ("mailbox", "site", "kit", "mails", "scratch"):
        shutil.rmtree(out / name, ignore_errors=True)
    for name in ("report.json", "report.html"):
        (out / name).unlink(missing_ok=True)
    out.mkdir(parents=True, exist_ok=True)


def _with_progress(play: Callable[[Progress], dict[str, Any]]) -> dict[str, Any]:
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        TimeElapsedColumn(),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("répétition", total=None)
        return play(lambda step, steps, what: bar.update(task, completed=step, total=steps, description=what))
