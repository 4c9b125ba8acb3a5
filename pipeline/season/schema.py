"""Reading a season's file: YAML in, a checked :class:`Season` out, or every fault of it with its line."""

from __future__ import annotations

import datetime as dt
import difflib
import hashlib
import re
from collections.abc import Mapping as MappingType
from pathlib import Path
from zoneinfo import ZoneInfo

from pipeline.content import yaml12
from pipeline.content.errors import ContentError, Fault
from pipeline.season import calendar, keys, mails
from pipeline.season.fields import NAME, Reader
from pipeline.season.season import (
    Blackout,
    Cadence,
    Kind,
    PlannedSlot,
    Postponement,
    Season,
    Term,
)

MOST_BYTES = 64 * 1024
PALETTES = ("green", "brick", "blue")
_EXAMPLE = re.compile(r"exemple|example\.|\.invalid|à compléter", re.IGNORECASE)


def load(path: Path) -> Season:
    """Read the file at ``path``; the season is called after it. Raises :class:`ContentError` with every fault."""
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise ContentError(
                [Fault(str(path), 0, "", f"{size} octets ; {MOST_BYTES} au plus.", "Raccourcir le fichier.")]
            )
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ContentError(
            [Fault(str(path), 0, "", f"ne se lit pas ({error.strerror}).", "Vérifier le chemin.")]
        ) from error
    except UnicodeDecodeError as error:
        raise ContentError([Fault(str(path), 0, "", "n’est pas en UTF-8.", "L’enregistrer en UTF-8.")]) from error
    return parse(text, str(path))


def parse(text: str, path: str) -> Season:
    """Return the season that ``text`` describes. Raises :class:`ContentError` with every fault, each with its line."""
    try:
        root = yaml12.read(text)
    except yaml12.YamlError as error:
        raise ContentError([Fault(path, error.line, "", error.message, error.mend)]) from error
    if not isinstance(root, yaml12.Mapping):
        raise ContentError([Fault(path, 1, "", "le fichier ne contient pas de clés.", "Voir docs/schedules.md.")])
    reader = Reader(path, root)
    season = _season(reader, text, path)
    if not reader.faults:
        try:
            calendar.dated(season)
        except calendar.CalendarError as error:
            reader.faults.append(error.fault)
    if reader.faults:
        raise ContentError(list(dict.fromkeys(reader.faults)))
    return season


def check_fiches(season: Season, known: MappingType[str, str]) -> list[Fault]:
    """Faults of slots that name a fiche which is not there, or of another kind. ``known``: slug → kind."""
    faults: list[Fault] = []
    for slot in season.slots:
        for kind, slugs in slot.fiches.items():
            for slug in slugs:
                name = f"slots.{slot.name}.{kind}"
                if slug not in known:
                    close = difflib.get_close_matches(slug, list(known), 1)
                    mend = (
                        f"Vouliez-vous écrire « {close[0]} » ?"
                        if close
                        else f"Écrire fiches/{season.name}/{kind}/NN-{slug}.md."
                    )
                    faults.append(Fault(season.path, slot.line, name, f"aucune fiche ne s’appelle « {slug} ».", mend))
                elif known[slug] != kind:
                    message = f"la fiche « {slug} » est du genre « {known[slug]} », pas « {kind} »."
                    faults.append(Fault(season.path, slot.line, name, message, "La ranger sous son genre."))
    return faults


def publisher_faults(season: Season) -> list[Fault]:
    """Why nothing may leave this machine for this season: the publisher's values are still examples."""
    publisher = season.publisher
    mend = "Écrire les vraies valeurs sous « publisher », puis retirer « example: true »."
    if publisher.example:
        return [Fault(season.path, 0, "publisher", "l’éditeur porte des valeurs d’exemple.", mend)]
    return [
        Fault(season.path, 0, f"publisher.{name}", f"« {value} » est une valeur d’exemple.", mend)
        for name in (
            "sender_address",
            "reply_to",
            "postal_address",
            "legal_notice",
            "privacy_contact",
            "website",
            "list_id",
        )
        if _EXAMPLE.search(value := str(getattr(publisher, name)))
    ]


def _season(reader: Reader, text: str, path: str) -> Season:
    reader.known(*keys.names("season"))
    name = Path(path).stem
    if not NAME.fullmatch(name):
        reader.fault(
            0,
            "",
            f"le nom du fichier « {name} » ne convient pas.",
            "Lettres minuscules, chiffres et tirets : kit-2020.yaml.",
        )
    kinds = _kinds(reader)
    themes = _terms(reader, "themes")
    edition = reader.below("edition")
    edition.known(*keys.names("edition"))
    slots = _slots(reader, kinds)
    return Season(
        name=name,
        path=path,
        title=reader.prose("title", most=100),
        tagline=reader.prose("tagline"),
        language=reader.word("language", ("fr",), default="fr"),
        zone=reader.parsed("zone", ZoneInfo, "Écrire un fuseau comme Europe/Paris.") or ZoneInfo("UTC"),
        time=reader.parsed("time", _time, 'Écrire une heure entre guillemets, comme "09:00".') or dt.time(9),
        cadence=_cadence(reader),
        first=reader.date("first") or dt.date(1970, 1, 1),
        kinds=kinds,
        pattern=_pattern(reader, kinds),
        slots=_checked(reader, slots, _pattern(Reader(path, reader.node), kinds)),
        competences=_terms(reader, "competences"),
        territories=_terms(reader, "territories"),
        themes=themes,
        choices=mails.choices(reader, kinds, themes),
        blackouts=_blackouts(reader),
        postponements=_postponements(reader, slots),
        grace=reader.parsed("grace", _span, "Écrire une durée comme 48h ou 2d.", default="48h")
        or dt.timedelta(hours=48),
        publisher=mails.publisher(reader),
        subjects=mails.subjects(reader),
        edition_provisional=edition.prose("provisional"),
        edition_final=edition.prose("final"),
        source_sha256=hashlib.sha256(text.encode()).hexdigest(),
        roles=_terms(reader, "roles"),
        digest_day=mails.digest_day(reader),
        source=text,
    )


def _time(text: str) -> dt.time:
    if not re.fullmatch(r"\d{2}:\d{2}", text):
        raise ValueError(text)
    return dt.time.fromisoformat(text)


def _span(text: str) -> dt.timedelta:
    match = re.fullmatch(r"(\d{1,4})\s*(h|d|j)", text)
    if not match:
        raise ValueError(text)
    return dt.timedelta(**{"hours" if match[2] == "h" else "days": int(match[1])})


def _cadence(reader: Reader) -> Cadence:
    below = reader.below("cadence")
    below.known(*keys.names("cadence"))
    unit = below.word("unit", ("days", "weeks", "months"))
    return Cadence(below.number("every", 1, 366), unit if unit in ("days", "weeks", "months") else "weeks")  # type: ignore[arg-type]


def _kinds(reader: Reader) -> dict[str, Kind]:
    below = reader.below("kinds")
    found: dict[str, Kind] = {}
    for name in below.node.entries:
        if not NAME.fullmatch(name):
            below.fault(
                below.line(name), name, "ce nom de genre ne convient pas.", "Lettres minuscules, chiffres et tirets."
            )
        one = below.below(name)
        one.known(*keys.names("kind"))
        singular = one.prose("singular", most=60)
        found[name] = Kind(
            name=name,
            singular=singular,
            plural=one.prose("plural", most=60),
            mark=one.text("mark", default="generic", most=40),
            palette=one.word("palette", PALETTES, default="blue"),
            sections=one.names("sections"),
            part=one.prose("part", default=singular, most=100),
        )
    if not found:
        reader.fault(reader.line("kinds"), "kinds", "aucun genre de fiche.", "En déclarer un au moins.")
    return found


def _pattern(reader: Reader, kinds: dict[str, Kind]) -> dict[str, int]:
    below = reader.below("pattern", required=False)
    below.known(*kinds)
    return {kind: below.number(kind, 0, 50) for kind in below.node.entries if kind in kinds}


def _slots(reader: Reader, kinds: dict[str, Kind]) -> tuple[PlannedSlot, ...]:
    found: list[PlannedSlot] = []
    for one in reader.each("slots", required=True):
        one.known(*keys.names("slot"))
        kind = one.word("kind", ("launch", "release"), default="release")
        found.append(_slot(one, kind, kinds))
    if "finale" in reader.node.entries:
        one = reader.below("finale")
        one.known(*keys.names("finale"))
        found.append(_slot(one, "final", kinds))
    return tuple(found)


def _slot(one: Reader, kind: str, kinds: dict[str, Kind]) -> PlannedSlot:
    name = one.text("name", default="finale" if kind == "final" else None, most=60)
    if name and not NAME.fullmatch(name):
        one.fault(one.line("name"), "name", f"« {name} » ne convient pas.", "Lettres minuscules, chiffres et tirets.")
    below = one.below("fiches", required=False)
    below.known(*kinds)
    return PlannedSlot(
        name=name,
        kind=kind,  # type: ignore[arg-type]
        fiches={kind: slugs for kind in kinds if (slugs := below.names(kind))},
        title=one.prose("title", default=""),
        date=one.date("date", required=False),
        status=one.word("status", ("firm", "provisional"), default="firm"),  # type: ignore[arg-type]
        event=one.prose("event", default=""),
        note=one.prose("note", default="", most=1000),
        line=one.node.line,
    )


def _checked(reader: Reader, slots: tuple[PlannedSlot, ...], pattern: dict[str, int]) -> tuple[PlannedSlot, ...]:
    names: dict[str, int] = {}
    where: dict[str, str] = {}
    for slot in slots:
        if slot.name in names:
            reader.fault(slot.line, "slots", f"deux créneaux s’appellent « {slot.name} ».", "Changer l’un des noms.")
        names[slot.name] = slot.line
        for slug in slot.slugs:
            if slug in where:
                message = f"la fiche « {slug} » est déjà au créneau {where[slug]}."
                reader.fault(slot.line, f"slots.{slot.name}", message, "Ne la garder qu’à un créneau.")
            where[slug] = slot.name
        counts = {kind: len(slugs) for kind, slugs in slot.fiches.items()}
        if slot.kind == "release" and pattern and counts != {k: n for k, n in pattern.items() if n} and not slot.note:
            wanted = ", ".join(f"{number} {kind}" for kind, number in pattern.items())
            message = f"ne suit pas le modèle ({wanted})."
            reader.fault(
                slot.line, f"slots.{slot.name}", message, "Compléter le créneau, ou dire pourquoi dans « note »."
            )
    if not slots:
        reader.fault(reader.line("slots"), "slots", "aucun créneau.", "En écrire un au moins.")
    return slots


def _terms(reader: Reader, key: str) -> tuple[Term, ...]:
    below = reader.below(key, required=False)
    for id_ in below.node.entries:
        if not NAME.fullmatch(id_):
            below.fault(
                below.line(id_), id_, "cet identifiant ne convient pas.", "Lettres minuscules, chiffres et tirets."
            )
    for id_, line in below.node.repeated:
        below.fault(line, id_, "cette clé est écrite deux fois.", "N’en garder qu’une.")
    return tuple(Term(id_, below.prose(id_, most=100)) for id_ in below.node.entries)


def _blackouts(reader: Reader) -> tuple[Blackout, ...]:
    found: list[Blackout] = []
    for one in reader.each("blackouts"):
        one.known(*keys.names("blackout"))
        start = one.date("from")
        end = one.date("to", required=False) or start
        action = one.word("action", ("next-day", "next-slot", "hold"), default="hold")
        if start and end and end < start:
            one.fault(one.line("to"), "to", "finit avant de commencer.", "Mettre les deux dates dans l’ordre.")
        elif start and end:
            found.append(Blackout(start, end, one.prose("reason"), action, one.node.line))  # type: ignore[arg-type]
    return tuple(found)


def _postponements(reader: Reader, slots: tuple[PlannedSlot, ...]) -> tuple[Postponement, ...]:
    found: list[Postponement] = []
    names = [slot.name for slot in slots]
    for one in reader.each("postponements"):
        one.known(*keys.names("postponement"))
        slot = one.word("slot", names)
        date = one.date("date")
        if slot in {other.slot for other in found}:
            one.fault(one.line("slot"), "slot", f"« {slot} » est déjà reporté plus haut.", "N’en garder qu’un.")
        reason, shift = one.prose("reason"), one.flag("shift_later", default=False)
        if date is not None:
            found.append(Postponement(slot, date, reason, shift, one.node.line))
    return tuple(found)
