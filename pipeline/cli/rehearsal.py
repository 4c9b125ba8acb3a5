"""What `kit rehearse` does once the environment says where."""

from __future__ import annotations

import shutil
from pathlib import Path

from pipeline.cli.face import Fault, say, say_error, start
from pipeline.cli.progress import bar


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
    with bar() as progress:
        told = run.rehearse(read, stage, out, subscribers=subscribers, site=export, progress=progress)
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
