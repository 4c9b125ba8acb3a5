"""What `kit preview` writes."""

from __future__ import annotations

import datetime as dt
from pathlib import Path


def write_preview(season: str, slot: str, out: Path, *, now: dt.datetime) -> list[Path]:
    """Write the mail (HTML, text, .eml) and the pages of a slot below ``out``; nothing is released.

    Raises:
        pipeline.release.decisions.Refusal: the slot cannot be composed as it stands.
        pipeline.compose.preflight.PreflightError: the mail may not leave as it is.
    """
    from pipeline.compose import newsletters
    from pipeline.release import releases, wiring
    from pipeline.web.preview import fiche_page

    press = wiring.press()
    letter, fiches = releases.draft(season, slot, press, now=now)
    mail = newsletters.preview(letter, press.templates)
    out.mkdir(parents=True, exist_ok=True)
    files: dict[str, bytes] = {
        "mail.html": mail.html.encode(),
        "mail.txt": mail.text.encode(),
        "mail.eml": mail.eml,
    }
    files |= {f"{fiche.number:02}-{fiche.slug}.html": fiche_page(fiche, slot, letter.date).encode() for fiche in fiches}
    for name, content in files.items():
        (out / name).write_bytes(content)
    return [out / name for name in files]
