"""What a rehearsal tells: `report.json` for programs, `report.html` for people."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pipeline.delivery import ledger
from pipeline.delivery.models import Mailing
from pipeline.rehearsal.checks import Delivered, Findings
from pipeline.rehearsal.play import Played
from pipeline.release.board import SlotView
from pipeline.release.models import KitFile, ReleasedFiche
from pipeline.season.words import long_date, long_instant


@dataclass(frozen=True, slots=True)
class Files:
    """What lies beside the report: paths relative to it, by slot or by format."""

    mails: dict[str, str]
    pages: dict[str, str]
    site: str


def data(played: Played, findings: Findings, *, seconds: float) -> dict[str, Any]:
    """The report as JSON-ready data. ``duplicates`` and ``missing`` come from the mailbox's files, not from the ledger."""
    releases = [_release(view, findings.delivered.get(view.name)) for view in played.views if view.release is not None]
    unknown = sum(ledger.tally(one).unknown for one in Mailing.objects.filter(season=played.season.name))
    kit = KitFile.objects.filter(release__season=played.season.name).defer("content")
    return {
        "season": played.season.name,
        "releases": releases,
        "mails_total": sum(one.mails for one in findings.delivered.values()),
        "duplicates": findings.duplicates,
        "missing": findings.missing,
        "unknown": unknown,
        "bypassed": list(played.bypassed),
        "seconds": round(seconds, 3),
        "kit": {one.format: {"size": one.size, "pages": one.pages, "sha256": one.sha256} for one in kit},
        "subscribers": played.subscribers,
        "phases": {name: round(value, 3) for name, value in played.seconds.items()},
        "broken": list(findings.broken),
    }


def write(out: Path, report: dict[str, Any], played: Played, files: Files, titles: Sequence[dict[str, Any]]) -> None:
    """Write both reports into ``out``."""
    (out / "report.json").write_text(json.dumps(report, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["date"] = long_date
    environment.filters["instant"] = lambda text: long_instant(dt.datetime.fromisoformat(text), played.season.zone)
    html = environment.get_template("report.html.j2").render(
        report=report, season=played.season, views=played.views, files=files, titles=titles
    )
    (out / "report.html").write_text(html, encoding="utf-8")


def fiches(played: Played) -> list[dict[str, Any]]:
    """Number, kind and short title of every released fiche, with its slot."""
    rows = (
        ReleasedFiche.objects.filter(season=played.season.name).select_related("release", "stored").order_by("number")
    )
    return [
        {"slot": row.release.slot, "number": row.number, "kind": row.kind, "title": row.stored.data["short_title"]}
        for row in rows
    ]


def _release(view: SlotView, delivered: Delivered | None) -> dict[str, Any]:
    release = view.release
    if release is None:
        raise ValueError(view.key)
    numbers: dict[str, list[int]] = {kind: [] for kind in view.season.kinds}
    for kind, number in ReleasedFiche.objects.filter(release=release).order_by("number").values_list("kind", "number"):
        numbers[kind].append(number)
    mailing = Mailing.objects.filter(name=release.mailing).first()
    stands = ledger.tally(mailing) if mailing else None
    told = {
        "slot": view.name,
        "kind": release.kind,
        "due": release.due.isoformat() if release.due else None,
        "released_at": release.released_at.isoformat(),
        "fiches": {kind: found for kind, found in numbers.items() if found},
        "subject": release.subject,
        "recipients": stands.frozen if stands else 0,
        "sent": delivered.mails if delivered else 0,
        "duplicates": delivered.duplicates if delivered else 0,
        "missing": delivered.missing if delivered else 0,
    }
    # Aliases: one key per kind, its only number, or the list where a slot carries several.
    aliases = {kind: (found[0] if len(found) == 1 else found or None) for kind, found in numbers.items()}
    return aliases | told
