"""A season, its fiches and its releases as the public faces get them, without a database."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

from pipeline.content import tree
from pipeline.content.fiche import Correction, Fiche, Image, KeyFigure, Place, Source
from pipeline.release import addresses
from pipeline.release.published import LineFiche, LineSlot, PublicFiche, PublicFile, PublicRelease, SeasonPage
from pipeline.season.season import Cadence, Choice, Kind, Publisher, Season, Subjects, Term

NAME = "essai-2020"
PICTURE = "ab" * 32


def publisher(**changes: Any) -> Publisher:
    made = Publisher(
        name="Réseau d’essai",
        sender_name="Le kit d’essai",
        sender_address="kit@example.org",
        reply_to="contact@example.org",
        postal_address="1, rue de l’Exemple\n75000 Paris",
        legal_notice="Association loi de 1901. Directrice de la publication : Camille Martin.",
        privacy_contact="donnees@example.org",
        website="https://example.org/",
        list_id="kit.example.org",
    )
    return replace(made, **changes)


def season(**changes: Any) -> Season:
    made = Season(
        name=NAME,
        path=f"schedules/{NAME}.yaml",
        title="Kit d’essai",
        tagline="Des fiches courtes pour agir dans votre commune, deux tous les quinze jours.",
        language="fr",
        zone=ZoneInfo("Europe/Paris"),
        time=dt.time(9),
        cadence=Cadence(2, "weeks"),
        first=dt.date(2020, 1, 22),
        kinds={
            "conseil": Kind("conseil", "Conseil", "Conseils", "lever", "green", (), "Les conseils"),
            "terrain": Kind("terrain", "Terrain", "Terrains", "leaf", "brick", (), "Sur le terrain"),
        },
        pattern={"conseil": 1, "terrain": 1},
        slots=(),
        competences=(Term("culture", "culture"), Term("energie", "énergie")),
        territories=(Term("rural", "rural"),),
        themes=(),
        choices=(
            Choice("tout", "Toutes les fiches"),
            Choice("conseils", "Les conseils seulement", kinds=("conseil",)),
            Choice("final", "Le kit final seulement", releases=False),
        ),
        blackouts=(),
        postponements=(),
        grace=dt.timedelta(hours=48),
        publisher=publisher(),
        subjects=Subjects("", "", "", "", "", ""),
        edition_provisional="édition provisoire",
        edition_final="version finale",
        source_sha256="0" * 64,
    )
    return replace(made, **changes)


def words(text: str) -> tuple[tree.Inline, ...]:
    return (tree.Text(text),)


def body(*, other: str = "jumelle") -> tree.Document:
    """A text with everything a page has to show."""
    return tree.Document(
        blocks=(
            tree.Heading(2, words("En bref"), "en-bref"),
            tree.List(
                ordered=False,
                items=(
                    (tree.Paragraph(words("Une commune peut prêter un toit et garder une voix.")),),
                    (tree.Paragraph(words("Commencez par les économies\N{NO-BREAK SPACE}: produire vient ensuite.")),),
                ),
            ),
            tree.Heading(2, words("De quoi parle-t-on\N{NARROW NO-BREAK SPACE}?"), "de-quoi-parle-t-on"),
            tree.Paragraph(
                (
                    tree.Text("Un projet réunit habitants et élus. Voir aussi "),
                    tree.Link(words("la fiche jumelle"), f"fiche:{other}"),
                    tree.Text(" et "),
                    tree.Link(words("celle qui vient"), "fiche:a-venir"),
                    tree.Text(". Le texte peut < être > dangereux & long."),
                    tree.FootnoteRef(1),
                )
            ),
            tree.Figure("toits.png", "Trois toits couverts de panneaux", words("Les toits de l’école")),
            tree.Table(
                header=(words("Voie"), words("Acte"), words("Pour quel projet")),
                rows=(
                    (words("Prêter un toit"), words("Bail ou concession"), words("Bâtiments publics")),
                    (words("Prendre des parts"), words("Délibération, siège et voix"), words("Société locale")),
                ),
                aligns=("left", "left", "left"),
            ),
            tree.Heading(2, words("Ils et elles l’ont fait"), "ils-et-elles-l-ont-fait"),
            tree.Admonition(
                "exemple", words("Béganne (Morbihan)"), (tree.Paragraph(words("Quatre éoliennes et mille habitants.")),)
            ),
            tree.Heading(2, words("Points de vigilance"), "points-de-vigilance"),
            tree.Admonition(
                "vigilance", words("Une règle à vérifier"), (tree.Paragraph(words("Interrogez la préfecture.")),)
            ),
        ),
        footnotes=(tree.Footnote(1, (tree.Paragraph(words("Une note.")),)),),
    )


def fiche(number: int = 1, *, kind: str = "conseil", slug: str = "toits", **changes: Any) -> Fiche:
    made = Fiche(
        season=NAME,
        path=f"{NAME}/{kind}/{number:02}-{slug}.md",
        number=number,
        kind=kind,
        slug=slug,
        title="Comment prêter un toit de la commune\N{NARROW NO-BREAK SPACE}?",
        short_title="Prêter un toit",
        summary="Un toit d’école ou de salle des fêtes peut servir à tous. Voici comment le prêter sans perdre la main.",
        actions=("Recenser les toits.", "Réserver une part aux habitants.", "Rendre compte chaque année."),
        competences=("energie",),
        territories=("rural",),
        themes=(),
        see_also=("jumelle", "a-venir"),
        places=(Place("Béganne", "Morbihan"),),
        key_figures=(
            KeyFigure("2,50\N{NO-BREAK SPACE}€", "reviennent au territoire pour 1 € investi", 1),
            KeyFigure("35\N{NO-BREAK SPACE}%", "des retombées viennent des loyers", 2),
        ),
        partners=("Agence d’essai",),
        sources=(
            Source("Des bénéfices locaux", "Revue d’essai", "2019-12-13", "https://example.org/a?b=1&c=2"),
            Source("Un livre sans adresse", "Éditions d’essai", "s. d.", ""),
        ),
        version=1,
        updated=dt.date(2020, 4, 15),
        corrections=(),
        body=body(),
        images=(Image("toits.png", PICTURE, "image/png", 800, 400, 1234),),
        source_sha256="0" * 64,
        words=700,
        reading_minutes=4,
        markdown="",
    )
    return replace(made, **changes)


def corrected(made: Fiche) -> Fiche:
    return replace(made, version=2, corrections=(Correction(dt.date(2020, 5, 4), "Le montant de la part était faux."),))


def line_fiche(made: Fiche, *, released: bool = True) -> LineFiche:
    path = addresses.fiche_path(NAME, made.slug) if released else ""
    return LineFiche(made.number, made.kind, made.short_title, made.slug, path)


def public_fiche(made: Fiche, *, slot: str = "lancement", **changes: Any) -> PublicFiche:
    public = PublicFiche(
        fiche=made,
        slot=slot,
        released=dt.date(2020, 1, 22),
        path=addresses.fiche_path(NAME, made.slug),
        previous=None,
        following=None,
    )
    return replace(public, **changes)


def public_file(form: str = "pdf", content: bytes = b"%PDF-", **changes: Any) -> PublicFile:
    types = {"pdf": "application/pdf", "epub": "application/epub+zip", "html": "text/html", "zip": "application/zip"}
    name = f"kit.{form}"
    made = PublicFile(
        format=form,
        name=name,
        media_type=types[form],
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        pages=77 if form == "pdf" else None,
        path=addresses.kit_path(NAME, name),
    )
    return replace(made, **changes)


def release(*fiches: PublicFiche, **changes: Any) -> PublicRelease:
    made = PublicRelease(
        season=season(),
        slot="lancement",
        number=1,
        kind="launch",
        date=dt.date(2020, 1, 22),
        released_at=dt.datetime(2020, 1, 22, 8, 0, 3, tzinfo=dt.UTC),
        subject="Kit d’essai\N{NO-BREAK SPACE}: c’est parti",
        html='<!doctype html><html lang="fr"><body style="color:red"><h1>Bonjour</h1></body></html>',
        fiches=fiches,
        path=addresses.release_path(NAME, "lancement"),
    )
    return replace(made, **changes)


def slot(name: str, number: int, date: dt.date | None, *fiches: LineFiche, **changes: Any) -> LineSlot:
    made = LineSlot(
        name=name,
        number=number,
        kind="release",
        date=date,
        status="firm",
        state="planned",
        fiches=fiches,
        event="",
        path="",
    )
    return replace(made, **changes)


def page() -> SeasonPage:
    """A season after its launch: two fiches out, one slot in each other state, a finale without a firm date."""
    toits, jumelle = fiche(), fiche(2, kind="terrain", slug="jumelle", short_title="La fiche jumelle")
    first = public_fiche(toits, following=line_fiche(jumelle))
    second = public_fiche(jumelle, previous=line_fiche(toits))
    coming = LineFiche(3, "conseil", "Ce qui vient", "a-venir", "")
    planned = slot("deux", 2, dt.date(2020, 4, 1), coming)
    return SeasonPage(
        season=season(),
        line=(
            slot(
                "lancement", 1, dt.date(2020, 1, 22), line_fiche(toits), line_fiche(jumelle),
                kind="launch", state="released", path=addresses.release_path(NAME, "lancement"),
            ),
            planned,
            slot("trois", 3, dt.date(2020, 2, 19), state="held"),
            slot("quatre", 4, dt.date(2020, 3, 4), state="skipped"),
            slot("finale", 5, None, kind="final", status="provisional", event="9e Rencontre d’essai"),
        ),
        next=planned,
        latest=(first, second),
        fiches=(first, second),
        kit=(public_file(), public_file("zip", b"PK")),
        releases=(release(first, second),),
        glossary=None,
    )  # fmt: skip
