"""What a season's file says of its mails: who may ask for which, who sends them, what they are called."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pipeline.season import keys
from pipeline.season.fields import Reader
from pipeline.season.season import Choice, Kind, Publisher, Subjects, Term

_ADDRESS = re.compile(r"[^@\s<>\"]+@[^@\s<>\"]+\.[^@\s<>\"]+")


def choices(reader: Reader, kinds: Mapping[str, Kind], themes: tuple[Term, ...]) -> tuple[Choice, ...]:
    """What a person may ask for."""
    found: list[Choice] = []
    known_themes = {term.id for term in themes}
    for one in reader.each("choices", required=True):
        one.known(*keys.names("choice"))
        choice = Choice(
            id=one.text("id", most=60),
            label=one.prose("label", most=200),
            kinds=one.names("kinds"),
            themes=one.names("themes"),
            releases=one.flag("releases", default=True),
            pick_themes=one.flag("pick_themes", default=False),
        )
        for key, names, known in (("kinds", choice.kinds, set(kinds)), ("themes", choice.themes, known_themes)):
            for name in names:
                if name not in known:
                    one.fault(
                        one.line(key),
                        key,
                        f"« {name} » n’est pas déclaré.",
                        f"Choisir parmi : {', '.join(sorted(known))}.",
                    )
        if choice.pick_themes:
            _can_pick(one, choice, themes)
        if choice.id in {other.id for other in found}:
            one.fault(one.line("id"), "id", f"deux choix s’appellent « {choice.id} ».", "Changer l’un des deux.")
        found.append(choice)
    return tuple(found)


def publisher(reader: Reader) -> Publisher:
    """Who answers for the mails."""
    below = reader.below("publisher")
    texts = tuple(name for name in keys.names("publisher") if name != "example")
    below.known(*texts, "example")
    prose = ("name", "postal_address", "legal_notice")
    values = {name: (below.prose if name in prose else below.text)(name, most=2000) for name in texts}
    for name in ("sender_address", "reply_to", "privacy_contact"):
        if values[name] and not _ADDRESS.fullmatch(values[name]):
            below.fault(
                below.line(name), name, f"« {values[name][:60]} » n’est pas une adresse.", "Écrire nom@domaine.fr."
            )
    if values["website"] and not values["website"].startswith("https://"):
        below.fault(below.line("website"), "website", "doit commencer par https://.", "Corriger l’adresse.")
    return Publisher(**values, example=below.flag("example", default=False))


def subjects(reader: Reader) -> Subjects:
    """The patterns of subjects."""
    below = reader.below("subjects")
    below.known(*keys.names("subjects"))
    return Subjects(**{key.name: _subject(below, key) for key in keys.PARTS["subjects"]})


def digest_day(reader: Reader) -> int:
    """The day of the month from which on a digest leaves."""
    below = reader.below("digest", required=False)
    below.known(*keys.names("digest"))
    return below.number("day", 1, 28, default=1)


def _can_pick(one: Reader, choice: Choice, themes: tuple[Term, ...]) -> None:
    key, line = "pick_themes", one.line("pick_themes")
    if choice.themes:
        message = "ne va pas avec « themes » : l’un laisse choisir, l’autre a choisi."
        one.fault(line, key, message, "Retirer l’un des deux.")
    if not choice.releases:
        message = "ne va pas avec « releases: false » : le kit final n’a pas de thème."
        one.fault(line, key, message, "Retirer l’un des deux.")
    if not themes:
        one.fault(
            line, key, "la saison ne déclare aucun thème à choisir.", "Les déclarer sous « themes », ou retirer la clé."
        )


def _subject(below: Reader, key: keys.Key) -> str:
    text = below.text(key.name, default=key.default or None, most=key.most)
    if key.default and not text:
        below.fault(below.line(key.name), key.name, "est vide.", "Écrire l’objet, ou retirer la clé.")
    for word in re.findall(r"\{\{\s*(\w*)", text):
        if word not in keys.SUBJECT_WORDS[key.name]:
            possible = ", ".join(sorted(keys.SUBJECT_WORDS[key.name]))
            message = f"« {word} » n’est pas connu ici."
            below.fault(below.line(key.name), key.name, message, f"Noms possibles : {possible}.")
    return text
