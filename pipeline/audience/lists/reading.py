"""Reading a list of people, whatever its format: each record becomes a row, a duplicate of an earlier one, or faults with their mends."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Mapping
from typing import IO, Literal, TypeAlias, get_args

from pipeline.audience.lists import delimited, json_lines, workbook
from pipeline.audience.lists.columns import COLUMNS, Layout, map_header
from pipeline.audience.lists.judging import Finding, Judge, Row
from pipeline.audience.lists.plan import Plan
from pipeline.audience.lists.table import Table, Told, UnreadableError
from pipeline.audience.lists.vocabulary import ANY, Vocabulary

Format: TypeAlias = Literal["csv", "xlsx", "jsonl"]
FORMATS: tuple[Format, ...] = get_args(Format)
_READERS: dict[Format, Callable[[IO[bytes], Told], Table]] = {
    "csv": delimited.read,
    "xlsx": workbook.read,
    "jsonl": json_lines.read,
}
_OLD_EXCEL = b"\xd0\xcf\x11\xe0"
_EVERY = 1_000


def read(
    stream: IO[bytes],
    *,
    consent_source: str = "",
    choice: str = "",
    form: Format | None = None,
    told: Mapping[str, str] | None = None,
    vocabulary: Vocabulary = ANY,
    now: dt.datetime | None = None,
    path: str = "",
    moved: Callable[[int], None] = lambda _: None,
) -> Plan:
    """Judge a whole file. ``stream`` can be sought in.

    ``form``: by its content, if it is not told. ``told``: columns and their headers (:func:`~.columns.parse`). ``consent_source`` stands in
    where a line names none, ``choice`` likewise. ``now``: no consent is dated after it. ``path`` is what faults call the file; its own name
    if it has one. ``moved`` is told now and then how many bytes were read.
    """
    plan = Plan(path or str(getattr(stream, "name", "") or "(fichier)"))
    try:
        form = form or guess(stream)
        table = _READERS[form](stream, plan.fault)
        plan.format = form
        layout, sound = _layout(plan, table, told or {}, consent_source)
        if sound:
            judge = Judge(layout, vocabulary, consent_source, choice, table.bare, now)
            for count, (line, cells) in enumerate(table.records):
                judged = judge.judge(line, cells)
                if isinstance(judged, Row):
                    plan.add(judged)
                else:
                    for finding in judged:
                        plan.fault(finding)
                if not count % _EVERY:
                    moved(stream.tell())
    except UnreadableError as error:
        plan.readable = False
        plan.fault(error.finding)
    plan.sha256 = _digest(stream)
    return plan


def guess(stream: IO[bytes]) -> Format:
    """The format that a file's first bytes are of. Raises :class:`UnreadableError`: one that is not read."""
    head = stream.read(512)
    stream.seek(0)
    if head.startswith(b"PK\x03\x04"):
        return "xlsx"
    if head.startswith(_OLD_EXCEL):
        raise UnreadableError(1, "c’est un classeur de l’ancien format XLS.", "Enregistrez-le en « .xlsx ».")
    return "jsonl" if head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{") else "csv"


def _layout(plan: Plan, table: Table, told: Mapping[str, str], consent_source: str) -> tuple[Layout, bool]:
    layout, misfits = map_header(table.header, told)
    plan.columns, plan.guessed, plan.ignored = layout.shown, layout.guessed, layout.ignored
    findings = [Finding(1, *(misfit.column, misfit.message, misfit.mend)) for misfit in misfits]
    named = {finding.column for finding in findings} | set(layout.places)
    if "email" not in named:
        mend = f"La première ligne nomme les colonnes : {', '.join(COLUMNS)}. Ou dites laquelle : --map email=…"
        findings.append(Finding(1, "email", "la colonne « email » manque.", mend))
    if "consent_source" not in named and not consent_source:
        message = "rien ne dit d’où vient le consentement de ces personnes."
        mend = "Ajoutez la colonne « consent_source », ou indiquez l’origine pour tout le fichier (--consent-source)."
        findings.append(Finding(1, "consent_source", message, mend))
    for finding in findings:
        plan.fault(finding)
    plan.readable = not findings
    return layout, not findings


def _digest(stream: IO[bytes]) -> str:
    stream.seek(0)
    return hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]
