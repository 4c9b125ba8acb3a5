"""Letters to try templates with: every kind of mail, with one, two and five fiches. Nothing of them is ever sent."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from zoneinfo import ZoneInfo

from pipeline.compose.letter import Download, Letter, LetterFiche, LetterKind, Upcoming
from pipeline.content import tree
from pipeline.content.fiche import Fiche, Source
from pipeline.season.season import Cadence, Choice, Kind, PlannedSlot, Publisher, Season, Subjects

BASE = "https://kit.example.org"


def letters() -> Iterator[Letter]:
    """One letter for each way a template can turn."""
    for kind, count in (
        ("launch", 5),
        ("release", 2),
        ("release", 1),
        ("final", 24),
        ("confirmation", 0),
        ("welcome", 2),
    ):
        yield letter(kind, count)  # type: ignore[arg-type]


def letter(kind: LetterKind, count: int) -> Letter:
    """A letter with ``count`` fiches."""
    return Letter(
        season=season(),
        kind=kind,
        key="essai/1",
        number=3,
        date=dt.date(2020, 2, 19),
        sent_at=dt.datetime(2020, 2, 19, 8, tzinfo=dt.UTC),
        base_url=BASE,
        web_url=f"{BASE}/essai/envois/3/",
        fiches=tuple(LetterFiche(fiche(n), f"{BASE}/essai/fiches/fiche-{n}/") for n in range(1, count + 1)),
        upcoming=None
        if kind == "final"
        else Upcoming(dt.date(2020, 3, 4), "provisional", False, (("conseil", "La suite"),)),
        downloads=tuple(Download(form, f"{BASE}/essai/kit/kit.{form}", 1_234_567, 90) for form in ("pdf", "epub"))
        if kind == "final"
        else (),
        event="Une rencontre" if kind == "final" else "",
    )


def fiche(number: int) -> Fiche:
    """A fiche as long as a fiche's announcement gets."""
    return Fiche(
        season="essai",
        path=f"essai/conseil/{number:02}-fiche-{number}.md",
        number=number,
        kind="conseil",
        slug=f"fiche-{number}",
        title="Comment une collectivité peut-elle s’y prendre, avec qui, et par où commencer ?",
        short_title=f"Une fiche d’essai, la {number}"[:40],
        summary=" ".join(["Un résumé de cinquante mots à peu près, avec ses accents : été, œuvre, forêt."] * 4),
        actions=(
            "Faire une première chose utile.",
            "En faire une deuxième, plus longue à écrire.",
            "Puis une troisième.",
        ),
        competences=(),
        territories=(),
        themes=(),
        see_also=(),
        places=(),
        key_figures=(),
        partners=(),
        sources=(Source("Une source", "Un éditeur", "2020", "https://example.org/"),),
        version=1,
        updated=dt.date(2020, 2, 19),
        corrections=(),
        body=tree.Document(()),
        images=(),
        source_sha256="0" * 64,
        words=800,
        reading_minutes=4,
        markdown="",
    )


def season() -> Season:
    """A season with one kind."""
    kind = Kind("conseil", "Conseil", "Conseils", "generic", "green", (), "Les conseils")
    subject = "{{ kit }} n° {{ number }} : {{ titles }}"
    return Season(
        name="essai",
        path="schedules/essai.yaml",
        title="Kit d’essai",
        tagline="Pour essayer les modèles de mails.",
        language="fr",
        zone=ZoneInfo("Europe/Paris"),
        time=dt.time(9),
        cadence=Cadence(2, "weeks"),
        first=dt.date(2020, 1, 22),
        kinds={"conseil": kind},
        pattern={"conseil": 1},
        slots=(PlannedSlot("1", "launch", {}),),
        competences=(),
        territories=(),
        themes=(),
        choices=(Choice("tout", "Tout"),),
        blackouts=(),
        postponements=(),
        grace=dt.timedelta(hours=48),
        publisher=Publisher(
            "Un éditeur", "Kit d’essai", "kit@example.org", "contact@example.org", "1 rue de l’Exemple, 00000 Exemple",
            "Mention légale.", "donnees@example.org", "https://kit.example.org", "kit.example.org",
        ),
        subjects=Subjects("{{ kit }} : le lancement", subject, subject, "{{ kit }} : fin", "{{ kit }} ?", "{{ kit }} !"),
        edition_provisional="édition provisoire",
        edition_final="version finale",
        source_sha256="0" * 64,
    )  # fmt: skip
