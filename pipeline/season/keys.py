"""The keys of a season's file, declared once: reading, the JSON Schema and the table for editors come from here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from pipeline.season.season import DEFAULT_SUBJECTS

NAME = r"[a-z0-9]+(?:-[a-z0-9]+)*"
"""What names and identifiers are made of."""

Type: TypeAlias = Literal[
    "text",
    "lines",
    "name",
    "number",
    "flag",
    "date",
    "time",
    "span",
    "names",
    "texts",
    "part",
    "each",
    "terms",
    "counts",
]
"""``lines``: text that may have several lines; ``part``: a mapping with keys of its own; ``each``: a list of such; ``terms``:
identifier → label; ``counts``: kind → number; ``names`` and ``texts``: lists."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key: what it holds, in French for people. ``most``: characters, or the largest number. ``part`` names the table of
    :data:`PARTS` that tells the keys below; ``by_name``: these stand below names that the file chooses."""

    name: str
    type: Type
    help: str
    required: bool = True
    most: int = 500
    least: int = 0
    choices: tuple[str, ...] = ()
    default: str = ""
    part: str = ""
    by_name: bool = False


def _subject(name: str, help_: str) -> Key:
    return Key(name, "text", help_, required=False, most=200, default=DEFAULT_SUBJECTS[name])


PARTS: dict[str, tuple[Key, ...]] = {
    "season": (
        Key("title", "text", "Le titre du kit, montré partout et en tête des objets de mails.", most=100),
        Key("tagline", "lines", "Une phrase qui dit ce que c’est."),
        Key("language", "text", "La langue des textes.", required=False, choices=("fr",), default="fr"),
        Key("zone", "text", "Le fuseau horaire, par exemple Europe/Paris.", most=60),
        Key("time", "time", "L’heure des envois, dans ce fuseau, entre guillemets : \"09:00\"."),
        Key("first", "date", "La date du premier créneau."),
        Key("cadence", "part", "L’intervalle d’un créneau au suivant.", part="cadence"),
        Key("grace", "span", "Le retard au-delà duquel un créneau ne part plus seul.", required=False, default="48h"),
        Key("kinds", "part", "Les genres de fiches, dans l’ordre où ils sont montrés.", part="kind", by_name=True),
        Key("pattern", "counts", "Combien de fiches de chaque genre porte un créneau ordinaire.", required=False, most=50),
        Key("slots", "each", "Les créneaux, dans l’ordre.", part="slot"),
        Key("finale", "part", "La version finale du kit. Sans cette clé, la saison reste ouverte.", False, part="finale"),
        Key("competences", "terms", "Les compétences que les fiches peuvent citer.", required=False, most=100),
        Key("territories", "terms", "Les territoires que les fiches peuvent citer.", required=False, most=100),
        Key("themes", "terms", "Les thèmes que les fiches peuvent citer.", required=False, most=100),
        Key("choices", "each", "Ce qu’une personne peut demander à recevoir ; le premier est celui d’un import.", part="choice"),
        Key("roles", "terms", "Ce qu’une personne peut dire d’elle en s’inscrivant.", required=False, most=100),
        Key("digest", "part", "Le récapitulatif du mois, pour qui le préfère à chaque envoi.", required=False, part="digest"),
        Key("blackouts", "each", "Les jours sans envoi.", required=False, part="blackout"),
        Key("postponements", "each", "Les reports décidés d’avance.", required=False, part="postponement"),
        Key("publisher", "part", "Qui répond des mails et des pages.", part="publisher"),
        Key("subjects", "part", "Les objets des mails.", part="subjects"),
        Key("edition", "part", "Les mentions de la couverture du kit.", part="edition"),
    ),
    "cadence": (
        Key("every", "number", "Toutes les combien d’unités.", least=1, most=366),
        Key("unit", "text", "L’unité.", choices=("days", "weeks", "months")),
    ),
    "kind": (
        Key("singular", "text", "Le mot au singulier.", most=60),
        Key("plural", "text", "Le mot au pluriel.", most=60),
        Key("mark", "name", "Le dessin : lever, leaf, book ou generic (celui de tout autre nom).", False, 40, default="generic"),
        Key("palette", "text", "La couleur.", required=False, choices=("green", "brick", "blue"), default="blue"),
        Key("part", "text", "Le titre de sa partie dans le kit ; à défaut, le singulier.", required=False, most=100),
        Key("sections", "texts", "Les titres des sections qu’une fiche doit avoir, dans l’ordre.", required=False, most=120),
    ),
    "slot": (
        Key("name", "name", "Le nom du créneau, dans les adresses et les commandes.", most=60),
        Key("kind", "text", "launch pour le lancement, sinon release.", False, choices=("launch", "release"), default="release"),
        Key("title", "text", "Un titre, pour un créneau à part.", required=False, most=200),
        Key("fiches", "names", "Les slugs des fiches, par genre.", required=False, most=60),
        Key("date", "date", "Une date fixée ; à défaut, celle de la cadence.", required=False),
        Key("note", "lines", "Pourquoi le créneau s’écarte du modèle.", required=False, most=1000),
    ),
    "finale": (
        Key("name", "name", "Le nom du créneau.", required=False, most=60, default="finale"),
        Key("title", "text", "Le titre.", required=False, most=200),
        Key("date", "date", "La date ; sans elle, la finale attend que l’équipe en décide une.", required=False),
        Key("status", "text", "provisional : la date est montrée « à confirmer ».", False, choices=("firm", "provisional"), default="firm"),
        Key("event", "text", "L’événement où le kit final est présenté.", required=False, most=200),
        Key("note", "lines", "Une remarque pour l’équipe.", required=False, most=1000),
    ),
    "choice": (
        Key("id", "name", "L’identifiant, gardé avec chaque inscription : ne plus le changer.", most=60),
        Key("label", "text", "Ce que lit la personne.", most=200),
        Key("kinds", "names", "Seulement les envois qui portent un de ces genres.", required=False, most=60),
        Key("themes", "names", "Seulement les envois qui portent un de ces thèmes.", required=False, most=60),
        Key("releases", "flag", "false : le kit final seulement.", required=False, default="true"),
        Key("pick_themes", "flag", "true : la personne coche elle-même des thèmes de la saison.", False, default="false"),
    ),
    "digest": (
        Key("day", "number", "Le jour du mois suivant où il part ; un jour sans envoi le repousse.", False, 28, 1, default="1"),
    ),
    "blackout": (
        Key("from", "date", "Le premier jour sans envoi."),
        Key("to", "date", "Le dernier ; à défaut, le même.", required=False),
        Key("reason", "text", "La raison, montrée avec la nouvelle date.", most=200),
        Key("action", "text", "Ce que devient un créneau qui y tombe.", False, choices=("next-day", "next-slot", "hold"), default="hold"),
    ),
    "postponement": (
        Key("slot", "name", "Le nom du créneau.", most=60),
        Key("date", "date", "Sa nouvelle date."),
        Key("reason", "text", "La raison, montrée aux lecteurs.", most=300),
        Key("shift_later", "flag", "true : les créneaux suivants glissent d’autant (la finale garde sa date).", False, default="false"),
    ),
    "publisher": (
        Key("name", "text", "Le nom de l’éditeur.", most=200),
        Key("sender_name", "text", "Le nom d’expéditeur.", most=100),
        Key("sender_address", "text", "L’adresse d’expéditeur.", most=254),
        Key("reply_to", "text", "L’adresse où arrivent les réponses.", most=254),
        Key("postal_address", "lines", "L’adresse postale, au pied de chaque mail."),
        Key("legal_notice", "lines", "Les mentions légales.", most=4000),
        Key("privacy_contact", "text", "L’adresse pour les données personnelles.", most=254),
        Key("website", "text", "Le site de l’éditeur, en https.", most=300),
        Key("list_id", "text", "L’identifiant de la liste (RFC 2919), par exemple kit.mon-reseau.fr.", most=200),
        Key("example", "flag", "true tant que des valeurs sont des exemples : rien ne peut partir.", False, default="false"),
    ),
    "subjects": (
        Key("launch", "text", "Le lancement.", most=200),
        Key("release", "text", "Un envoi de plusieurs fiches.", most=200),
        Key("single", "text", "Un envoi d’une seule fiche.", most=200),
        Key("final", "text", "Le kit final.", most=200),
        Key("confirmation", "text", "La demande de confirmation d’une inscription.", most=200),
        Key("welcome", "text", "La bienvenue.", most=200),
        _subject("reminder", "Le rappel d’une inscription qui n’est pas confirmée."),
        _subject("digest", "Le récapitulatif du mois."),
        _subject("catch_up", "Un envoi passé, pour qui rattrape la saison."),
        _subject("moving", "La demande de confirmation d’une nouvelle adresse."),
        _subject("moved", "L’avis à l’ancienne adresse."),
        _subject("renewal", "La question posée à qui n’a rien choisi depuis longtemps."),
        _subject("link", "Le lien vers les préférences, à qui l’a demandé."),
    ),
    "edition": (
        Key("provisional", "text", "Tant que la saison court.", most=100),
        Key("final", "text", "Sur la version finale.", most=100),
    ),
}  # fmt: skip

SUBJECT_WORDS: dict[str, frozenset[str]] = {
    "launch": frozenset({"kit", "number", "titles", "event"}),
    "release": frozenset({"kit", "number", "titles", "event"}),
    "single": frozenset({"kit", "number", "titles", "event"}),
    "final": frozenset({"kit", "number", "titles", "event"}),
    "digest": frozenset({"kit", "month", "titles"}),
    "catch_up": frozenset({"kit", "number", "titles"}),
    **dict.fromkeys(("confirmation", "welcome", "reminder", "moving", "moved", "renewal", "link"), frozenset({"kit"})),
}
"""Subject → the words that may stand in it as ``{{ word }}``."""


def names(part: str) -> tuple[str, ...]:
    """The keys that may stand in a part of the file."""
    return tuple(key.name for key in PARTS[part])


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a season's file, with which an editor completes keys. It knows each key by itself;
    what contradicts what is told by ``kit check``."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Saison",
    } | _object("season")


def table() -> str:
    """The Markdown table of every key, in French, for docs/schedules.md."""
    rows = ["| Clé | Obligatoire | Contenu | Règle |", "|---|---|---|---|"]
    rows += _rows("season", "")
    return "\n".join(rows) + "\n"


def _object(part: str) -> dict[str, Any]:
    keys = PARTS[part]
    return {
        "type": "object",
        "additionalProperties": False,
        "required": [key.name for key in keys if key.required],
        "properties": {key.name: _json(key) | {"description": key.help} for key in keys},
    }


def _named(below: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "propertyNames": {"pattern": f"^{NAME}$"}, "additionalProperties": below}


def _json(key: Key) -> dict[str, Any]:  # noqa: PLR0911, PLR0912 - one line for each type
    slug = {"type": ["string", "integer"], "pattern": f"^{NAME}$", "maxLength": key.most}
    text: dict[str, Any] = {"type": "string", "maxLength": key.most} | ({"minLength": 1} if key.required else {})
    match key.type:
        case "text" | "lines":
            return {"enum": list(key.choices)} if key.choices else text
        case "name":
            return slug
        case "number":
            return {"type": "integer", "minimum": key.least, "maximum": key.most}
        case "flag":
            return {"type": "boolean"}
        case "date":
            return {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$"}
        case "time":
            return {"type": "string", "pattern": r"^([01]\d|2[0-3]):[0-5]\d$"}
        case "span":
            return {"type": "string", "pattern": r"^[1-9]\d{0,2}\s*[hdj]$"}
        case "names" if key.name == "fiches":
            return _named({"type": "array", "items": slug})
        case "names":
            return {"type": "array", "items": slug}
        case "texts":
            return {"type": "array", "items": {"type": "string", "maxLength": key.most}}
        case "terms":
            return _named(text | {"minLength": 1})
        case "counts":
            return _named({"type": "integer", "minimum": 0, "maximum": key.most})
        case "each":
            return {"type": "array", "items": _object(key.part)}
        case "part":
            return _named(_object(key.part)) if key.by_name else _object(key.part)


def _rows(part: str, prefix: str) -> list[str]:
    found: list[str] = []
    for key in PARTS[part]:
        required = "oui" if key.required else "non"
        found.append(f"| `{prefix}{key.name}` | {required} | {key.help} | {_rule(key)} |")
        if key.part:
            below = "[]." if key.type == "each" else ".<nom>." if key.by_name else "."
            found += _rows(key.part, f"{prefix}{key.name}{below}")
    return found


def _rule(key: Key) -> str:
    told = {
        "text": f"{key.most} caractères au plus, sur une ligne",
        "lines": f"{key.most} caractères au plus",
        "name": f"minuscules sans accent, chiffres, traits d’union ; {key.most} au plus",
        "number": f"un nombre entier de {key.least} à {key.most}",
        "flag": "`true` ou `false`",
        "date": "`AAAA-MM-JJ`, de 1970 à 2200",
        "time": "`\"HH:MM\"`",
        "span": "`48h`, `2j`… ; 31 jours au plus",
        "names": "une liste de noms" if key.name != "fiches" else "genre : liste de slugs",
        "texts": "une liste de textes",
        "part": "un nom par genre" if key.by_name else "les clés ci-dessous",
        "each": "une liste ; clés ci-dessous",
        "terms": "identifiant : libellé",
        "counts": "genre : nombre",
    }[key.type]  # fmt: skip
    if key.choices:
        told = ", ".join(f"`{choice}`" for choice in key.choices)
    return f"{told} ; à défaut `{key.default}`" if key.default else told
