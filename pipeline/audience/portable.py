"""What is held about a person (:func:`pipeline.audience.rights.held`) as files that other programs read: JSON, and CSV in a zip."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from typing import Any

from pipeline.audience.spreadsheet import guarded

_WHEN = (1980, 1, 1, 0, 0, 0)
"""The same data are the same bytes: no date of making in the archive."""
_BOM = "\ufeff"
"""Without it, Excel takes UTF-8 for another encoding."""

_README = """Vos données
===========

Cette archive contient tout ce que nous gardons à votre sujet. Chaque fichier est un tableau (CSV, UTF-8, séparé par des
virgules), qu'un tableur ouvre ; les dates et heures sont en temps universel (UTC). Une cellule qu'un tableur prendrait pour une formule
est précédée d'une apostrophe. Le même contenu se télécharge aussi en JSON, pour un programme.

Vous pouvez demander de corriger ces données, de les effacer ou de ne plus vous écrire depuis la page de vos préférences, dont
chaque mail porte le lien ; et vous adresser à la CNIL (https://www.cnil.fr/fr/plaintes).

"""


def as_json(held: dict[str, Any]) -> bytes:
    """UTF-8, indented for people."""
    return json.dumps(held, ensure_ascii=False, indent=2).encode() + b"\n"


def as_csv_zip(held: dict[str, Any]) -> bytes:
    """A zip with one CSV for each part that has rows, and « LISEZMOI.txt » in French. Cells are guarded against formulas."""
    about: dict[str, str] = held["about"]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        _write(archive, "LISEZMOI.txt", _readme(held, about))
        for name in about:
            if held[name]:
                _write(archive, f"{name}.csv", _table(held[name]))
    return packed.getvalue()


def _write(archive: zipfile.ZipFile, name: str, text: str) -> None:
    info = zipfile.ZipInfo(name, _WHEN)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    archive.writestr(info, (_BOM + text).encode())


def _readme(held: dict[str, Any], about: dict[str, str]) -> str:
    lines = [_README]
    for name, sentence in about.items():
        count = len(held[name])
        what = f"{name}.csv, {count} ligne{'s' if count > 1 else ''}" if count else f"{name} : rien, pas de fichier"
        lines.append(f"- {what}\n  {sentence}\n")
    return "".join(lines)


def _table(rows: list[dict[str, Any]]) -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\r\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: guarded(_cell(value)) for name, value in row.items()})
    return text.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    return " ".join(value) if isinstance(value, list) else str(value)
