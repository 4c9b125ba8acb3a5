"""A fiche's front matter, declared once (:data:`FIELDS`): validation, JSON Schema and the table for editors come from here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from pipeline.content import yaml12
from pipeline.content.errors import Fault
from pipeline.content.fiche import Correction, KeyFigure, Place, Rules, Source
from pipeline.content.fields import (
    Chosen,
    Date,
    Faults,
    Field,
    Id,
    Many,
    Number,
    Row,
    SourceDate,
    Text,
    Url,
    read_row,
)
from pipeline.content.yaml12 import Mapping, Sequence, YamlError

FIELDS: tuple[Field, ...] = (
    Field("title", Text(160), "Le titre : la question à laquelle la fiche répond."),
    Field("short_title", Text(40), "Le titre court, pour l’objet du mail et les listes."),
    Field("number", Number(1, 999), "Le numéro de la fiche, le même que dans le nom du fichier."),
    Field("kind", Chosen("kinds"), "La sorte de fiche, le même nom que celui du dossier."),
    Field("slug", Id(60), "Le nom de la fiche dans les adresses, le même que dans le nom du fichier."),
    Field("summary", Text(600, words=(40, 60)), "Le résumé, montré dans le mail."),
    Field("actions", Many(Text(200), 3, 3), "Trois choses que la collectivité peut faire."),
    Field("competences", Many(Chosen("competences"), unique=True), "Compétences concernées.", required=False),
    Field("territories", Many(Chosen("territories"), unique=True), "Territoires concernés.", required=False),
    Field("themes", Many(Chosen("themes"), unique=True), "Thèmes.", required=False),
    Field("see_also", Many(Id(60), unique=True), "Slugs d’autres fiches de la saison.", required=False),
    Field(
        "places",
        Many(
            Row(
                Place,
                (
                    Field("name", Text(80), "Le nom du lieu."),
                    Field("departement", Text(60), "Le nom du département."),
                ),
            )
        ),
        "Lieux des exemples.",
        required=False,
    ),
    Field(
        "key_figures",
        Many(
            Row(
                KeyFigure,
                (
                    Field("value", Text(60, numbers=True), "Le chiffre, avec son unité."),
                    Field("label", Text(200), "Ce qu’il dit."),
                    Field("source", Number(1, 99), "Sa source : sa place dans « sources », à partir de 1."),
                ),
            ),
            0,
            12,
        ),
        "Chiffres clés.",
        required=False,
    ),
    Field("partners", Many(Text(160), unique=True), "Réseaux et organismes à contacter.", required=False),
    Field(
        "sources",
        Many(
            Row(
                Source,
                (
                    Field("title", Text(300), "Le titre du document."),
                    Field("publisher", Text(160), "Qui l’a publié."),
                    Field("date", SourceDate(), "Sa date."),
                    Field("url", Url(), "Son adresse."),
                ),
            ),
            1,
            99,
        ),
        "Les sources, dans l’ordre des numéros cités.",
    ),
    Field("version", Number(1, 999), "Le numéro de version ; 1 à la première parution."),
    Field("updated", Date(), "La date de la dernière mise à jour."),
    Field(
        "corrections",
        Many(
            Row(
                Correction,
                (Field("date", Date(), "Le jour."), Field("reason", Text(300), "Ce qui a été corrigé, et pourquoi.")),
            )
        ),
        "Corrections apportées après la parution.",
        required=False,
    ),
)


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """The checked values by name, typeset, ready for :class:`~pipeline.content.fiche.Fiche`, and the line of each key."""

    values: dict[str, Any]
    lines: dict[str, int]


def split(text: str) -> tuple[str, str, int]:
    """Return the front matter, the body and the line of the file on which the body begins; ``("", text, 1)`` without front matter.

    The front matter stands between a first line ``---`` and the next line ``---``.
    """
    if not text.startswith("---\n"):
        return "", text, 1
    end = text.find("\n---\n", 3)
    if end < 0 and text.endswith("\n---"):
        end = len(text) - 4
    if end < 0:
        return "", text, 1
    head, body = text[4 : end + 1], text[end + 5 :]
    return head, body, head.count("\n") + 3


def read(head: str, path: str, rules: Rules) -> tuple[FrontMatter | None, list[Fault]]:
    """Check the front matter ``head`` (which begins on line 2 of ``path``) against :data:`FIELDS`, ``rules`` and its path.

    The front matter is None when there is any fault.
    """
    faults = Faults(path, rules)
    if not head:
        faults.add(
            1,
            "",
            "la fiche n’a pas d’en-tête.",
            "Commencer le fichier par une ligne « --- », l’en-tête, puis une ligne « --- ».",
        )
        return None, faults.found
    try:
        root = yaml12.read(head, first_line=2)
    except YamlError as error:
        faults.add(error.line, "", error.message, error.mend)
        return None, faults.found
    if not isinstance(root, Mapping):
        faults.add(
            root.line, "", "l’en-tête n’est pas une liste de « clé: valeur ».", "Voir le modèle dans docs/fiches.md."
        )
        return None, faults.found
    values = read_row(root, FIELDS, "", faults)
    _agree(values, root, faults)
    return (FrontMatter(values, root.lines) if not faults.found else None), faults.found


def _agree(values: dict[str, Any], root: Mapping, faults: Faults) -> None:
    """What one field says of another, and the path of them."""
    _agree_with_path(values, root, faults)
    slug = values.get("slug")
    if slug and slug in (values.get("see_also") or ()):
        faults.add(root.lines["see_also"], "see_also", "la fiche renvoie à elle-même.", f"Retirer « {slug} ».")
    sources = values.get("sources") or ()
    figures = root.entries.get("key_figures")
    for index, figure in enumerate(values.get("key_figures") or ()):
        if figure is not None and sources and figure.source > len(sources):
            line = figures.items[index].line if isinstance(figures, Sequence) else root.line
            faults.add(
                line,
                f"key_figures[{index + 1}].source",
                f"la source {figure.source} n’existe pas : la fiche en a {len(sources)}.",
                "Corriger le numéro, ou ajouter la source.",
            )


def _agree_with_path(values: dict[str, Any], root: Mapping, faults: Faults) -> None:
    parts = PurePosixPath(faults.path).parts
    if len(parts) != 3 or not parts[2].endswith(".md"):
        faults.add(0, "", "le fichier n’est pas à sa place.", "Le ranger dans « saison/sorte/NN-slug.md ».")
        return
    season, kind, name = parts
    number, _, slug = name.removesuffix(".md").partition("-")
    if season != faults.rules.season:
        faults.add(
            0, "", f"le dossier « {season} » n’est pas la saison « {faults.rules.season} ».", "Déplacer le fichier."
        )
    expected = {"kind": kind, "slug": slug}
    if number.isascii() and number.isdigit() and len(number) >= 2:
        if "number" in values and values["number"] is not None and values["number"] != int(number):
            faults.add(
                root.lines["number"],
                "number",
                f"vaut {values['number']}, mais le nom du fichier dit {number}.",
                "Mettre le même numéro aux deux endroits.",
            )
    else:
        faults.add(
            0,
            "",
            f"le nom « {name} » ne commence pas par un numéro à deux chiffres.",
            "Le nommer « NN-slug.md », par exemple « 07-commande-publique.md ».",
        )
    for key, wanted in expected.items():
        value = values.get(key)
        if value is not None and value != wanted:
            where = "du dossier" if key == "kind" else "du fichier"
            faults.add(
                root.lines[key],
                key,
                f"vaut « {value} », mais le nom {where} dit « {wanted} ».",
                "Mettre le même mot aux deux endroits.",
            )


def json_schema(rules: Rules | None = None) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a front matter; with ``rules``, a season's own lists are enumerated."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "En-tête d’une fiche",
        "type": "object",
        "additionalProperties": False,
        "required": [f.name for f in FIELDS if f.required],
        "properties": {f.name: f.type.json(rules) | {"description": f.help} for f in FIELDS},
    }


def field_table() -> str:
    """Return the Markdown table of the fields, in French, for docs/fiches.md."""
    rows = ["| Champ | Obligatoire | Contenu | Règle |", "|---|---|---|---|"]
    for one in FIELDS:
        rows.append(_table_row(one, ""))
        row = one.type.item if isinstance(one.type, Many) else one.type
        if isinstance(row, Row):
            rows += [_table_row(inner, f"{one.name}[].") for inner in row.fields]
    return "\n".join(rows) + "\n"


def _table_row(one: Field, prefix: str) -> str:
    return f"| `{prefix}{one.name}` | {'oui' if one.required else 'non'} | {one.help} | {one.type.rule()} |"
