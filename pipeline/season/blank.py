"""A new season's file, to be filled in."""

from __future__ import annotations

from pipeline.season.fields import NAME

_TEXT = """\
# Une saison, à compléter : docs/schedules.md explique chaque clé, « kit check » dit ce qui manque.
title: {name}
tagline: À compléter.
language: fr
zone: Europe/Paris
time: "09:00"
first: 2030-01-08
cadence: {{every: 2, unit: weeks}}
grace: 48h
kinds:
  fiche:
    singular: Fiche
    plural: Fiches
    mark: generic
    palette: blue
    part: Les fiches
    sections: [En bref]
pattern: {{fiche: 1}}
slots:
  - name: "1"
    kind: launch
    fiches: {{}}
competences: {{}}
territories: {{}}
themes: {{}}
choices:
  - {{id: tout, label: Tous les envois}}
blackouts: []
postponements: []
publisher:
  name: À compléter
  sender_name: {name}
  sender_address: kit@example.org
  reply_to: contact@example.org
  postal_address: À compléter
  legal_notice: À compléter
  privacy_contact: donnees@example.org
  website: https://example.org
  list_id: kit.example.org
  example: true
subjects:
  launch: "{{{{ kit }}}} : c’est parti"
  release: "{{{{ kit }}}} n° {{{{ number }}}} : {{{{ titles }}}}"
  single: "{{{{ kit }}}} n° {{{{ number }}}} : {{{{ titles }}}}"
  final: "{{{{ kit }}}} : la version finale"
  confirmation: "{{{{ kit }}}} : confirmez votre inscription"
  welcome: "{{{{ kit }}}} : bienvenue"
edition:
  provisional: édition provisoire
  final: version finale
"""


def season(name: str) -> str:
    """The text of ``schedules/<name>.yaml``. Raises :class:`ValueError` (French) for a name that will not do."""
    if not NAME.fullmatch(name):
        raise ValueError(f"« {name} » ne convient pas : lettres minuscules, chiffres et tirets.")
    return _TEXT.format(name=name)
