"""A whole rehearsal into a folder: play, check, lay out the files, report."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.rehearsal import checks, report
from pipeline.rehearsal.play import Progress, Stage, play
from pipeline.release.models import KitFile, Release
from pipeline.release.revisions import ReadSeason

Site = Callable[[str, Path], dict[str, str]]
"""Writes a season's public pages below a folder, and returns the page of each slot, relative to it."""


def rehearse(
    read: ReadSeason, stage: Stage, out: Path, *, subscribers: int, site: Site, progress: Progress
) -> dict[str, Any]:
    """Play the season into ``out``; return the report. ``broken`` in it lists every invariant that did not hold."""
    started = time.monotonic()
    played = play(read, stage, subscribers=subscribers, progress=progress)
    findings = checks.check(played, stage.mailbox)
    seconds = time.monotonic() - started
    name = read.season.name
    pages = site(name, out / "site")
    mails = _mails(name, out)
    _kit(name, out / "kit")
    told = report.data(played, findings, seconds=seconds)
    files = report.Files(mails, {slot: f"site/{page}" for slot, page in pages.items()}, "site/index.html")
    report.write(out, told, played, files, report.fiches(played))
    return told


def _mails(season: str, out: Path) -> dict[str, str]:
    """The web version of each mail, for the report to show."""
    folder = out / "mails"
    folder.mkdir(parents=True, exist_ok=True)
    shown: dict[str, str] = {}
    for slot, html in Release.objects.filter(season=season).values_list("slot", "web_version"):
        (folder / f"{slot}.html").write_text(html, encoding="utf-8")
        shown[slot] = f"mails/{slot}.html"
    return shown


def _kit(season: str, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for file in KitFile.objects.filter(release__season=season):
        (folder / file.name).write_bytes(bytes(file.content))
