"""Seasons and fiches of no real season: one kind, called `conseil`, unless a test asks otherwise."""

from __future__ import annotations

import datetime as dt
import textwrap
from pathlib import Path

SEASON = """\
title: Carnet d'essai
tagline: Une saison pour les essais.
language: fr
zone: Europe/Paris
time: "{time}"
first: {first}
cadence: {{every: {every}, unit: {unit}}}
grace: {grace}
kinds:
  conseil: {{singular: Conseil, plural: Conseils, mark: generic, palette: blue, part: Les conseils, sections: [En bref]}}
pattern: {{conseil: 1}}
slots:
{slots}
{finale}
competences: {{finances: Finances}}
territories: {{rural: Rural}}
themes: {{eau: Eau}}
choices:
  - {{id: tout, label: Tout}}
  - {{id: fin, label: Le kit seulement, releases: false}}
{more}
blackouts: {blackouts}
postponements: {postponements}
publisher:
  name: Un réseau
  sender_name: Carnet d'essai
  sender_address: carnet@essai.org
  reply_to: contact@essai.org
  postal_address: 1 rue de la Paix, 75002 Paris
  legal_notice: Une mention.
  privacy_contact: donnees@essai.org
  website: https://essai.org
  list_id: carnet.essai.org
subjects:
  launch: "{{{{ kit }}}} : c'est parti"
  release: "{{{{ kit }}}} n° {{{{ number }}}} : {{{{ titles }}}}"
  single: "{{{{ kit }}}} n° {{{{ number }}}} : {{{{ titles }}}}"
  final: "{{{{ kit }}}} : la fin"
  confirmation: "{{{{ kit }}}} : confirmez"
  welcome: "{{{{ kit }}}} : bienvenue"
edition: {{provisional: provisoire, final: finale}}
"""


def season_yaml(
    *,
    slots: int = 3,
    first: dt.date | str = "2020-01-22",
    time: str = "09:00",
    every: int = 2,
    unit: str = "weeks",
    grace: str = "48h",
    finale: str = "",
    blackouts: str = "[]",
    postponements: str = "[]",
    slot_lines: str = "",
    more: str = "",
) -> str:
    """A season's file; slot n carries the fiche `fiche-n`. ``more``: choices, then other keys, as lines of the file."""
    lines = slot_lines or "\n".join(
        f'  - {{name: "{n}", kind: {"launch" if n == 1 else "release"}, fiches: {{conseil: [fiche-{n}]}}}}'
        for n in range(1, slots + 1)
    )
    return SEASON.format(
        time=time,
        first=first,
        every=every,
        unit=unit,
        grace=grace,
        slots=lines,
        finale=finale,
        blackouts=blackouts,
        postponements=postponements,
        more=more,
    )


def fiche_markdown(number: int, *, body: str = "Un texte court, avec ses accents : été.", title: str = "") -> str:
    """A fiche that passes every check."""
    summary = " ".join(["mot"] * 45)
    head = f"""\
        ---
        title: "{title or f"Comment faire la chose numéro {number} ?"}"
        short_title: "Chose {number}"
        number: {number}
        kind: conseil
        slug: fiche-{number}
        summary: "{summary}"
        actions: ["Faire ceci.", "Faire cela.", "Puis le reste."]
        sources:
          - {{title: Un livre, publisher: Un éditeur, date: "2020", url: "https://example.org/livre"}}
        version: 1
        updated: 2020-01-22
        ---

        ## En bref

        """
    return textwrap.dedent(head) + body + "\n"


def write_season(folder: Path, *, name: str = "essai", fiches: int | None = None, **options: object) -> Path:
    """Write `schedules/<name>.yaml` and its fiches below ``folder``; return the season's file."""
    slots = int(options.get("slots", 3))  # type: ignore[call-overload]
    (folder / "schedules").mkdir(parents=True, exist_ok=True)
    kind = folder / "fiches" / name / "conseil"
    kind.mkdir(parents=True, exist_ok=True)
    for number in range(1, (slots if fiches is None else fiches) + 1):
        (kind / f"{number:02}-fiche-{number}.md").write_text(fiche_markdown(number), encoding="utf-8")
    path = folder / "schedules" / f"{name}.yaml"
    path.write_text(season_yaml(**options), encoding="utf-8")  # type: ignore[arg-type]
    return path


def subscribers_csv(count: int) -> bytes:
    rows = "".join(f"p{n}@example.org,,,salon,2019-01-01\n" for n in range(1, count + 1))
    return ("email,name,organisation,consent_source,consent_at\n" + rows).encode()
