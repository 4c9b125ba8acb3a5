"""Letters to try templates with: every kind of mail, and each way a kind can turn. Nothing of them is ever sent."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

from pipeline.compose.letter import Download, Issue, Letter, LetterFiche, LetterKind, Planned
from pipeline.content import tree
from pipeline.content.fiche import Fiche, Source
from pipeline.season.season import Cadence, Choice, Kind, PlannedSlot, Publisher, Season, SlotKind, Subjects

BASE = "https://kit.example.org"


_PERSONAL: tuple[LetterKind, ...] = ("confirmation", "reminder", "already", "link", "moving", "moved", "renewal")


def letters() -> Iterator[Letter]:
    """One letter for each way a template can turn."""
    yield letter("launch", 5)
    yield letter("release", 2)
    yield letter("release", 1)
    yield letter("final", 24)
    yield letter("welcome", 2, web_url="", calendar=_calendar())
    yield letter("welcome", 0, web_url="")
    for kind in _PERSONAL:
        yield letter(kind, 0, web_url="")
    yield digest(issue("launch", 5, number=1, date=dt.date(2020, 2, 5)), issue("release", 2))
    yield digest(issue("release", 1))
    yield digest(issue("final", 24))
    yield catch_up(issue("launch", 5, number=1, date=dt.date(2020, 1, 22)), remaining=4)
    yield catch_up(issue("release", 2), remaining=1)
    yield catch_up(issue("final", 24), remaining=0)


def digest(*issues: Issue) -> Letter:
    """A digest of these issues."""
    return letter("digest", 0, number=0, web_url="", issues=issues, month=dt.date(2020, 2, 1))


def catch_up(one: Issue, remaining: int) -> Letter:
    """The letter that brings this issue to someone who came later."""
    return letter("catch-up", 0, web_url="", issue=one, remaining=remaining, number=one.number)


def issue(kind: SlotKind, count: int, *, number: int = 3, date: dt.date = dt.date(2020, 2, 19)) -> Issue:
    """An issue with ``count`` fiches."""
    made = letter(kind, count)
    return Issue(kind, number, date, made.web_url, made.fiches, made.downloads, made.event)


def _calendar() -> tuple[Planned, ...]:
    return (
        Planned(dt.date(2020, 3, 4), "firm", False, (("conseil", "La suite"), ("conseil", "Une autre"))),
        Planned(dt.date(2020, 4, 1), "provisional", False, (("conseil", "Plus tard"),)),
        Planned(None, "provisional", True, event="rencontre d’essai"),
    )


def letter(
    kind: LetterKind, count: int, *, number: int = 3, web_url: str = f"{BASE}/essai/envois/3/", **about: Any
) -> Letter:
    """A letter with ``count`` fiches; ``about``: other fields of it."""
    return Letter(
        season=season(),
        kind=kind,
        key="essai/1",
        number=number,
        date=dt.date(2020, 2, 19),
        sent_at=dt.datetime(2020, 2, 19, 8, tzinfo=dt.UTC),
        base_url=BASE,
        web_url=web_url,
        fiches=tuple(LetterFiche(fiche(n), f"{BASE}/essai/fiches/fiche-{n}/") for n in range(1, count + 1)),
        upcoming=None
        if kind == "final"
        else Planned(dt.date(2020, 3, 4), "provisional", False, (("conseil", "La suite"),)),
        downloads=tuple(Download(form, f"{BASE}/essai/kit/kit.{form}", 1_234_567, 90) for form in ("pdf", "epub"))
        if kind == "final"
        else (),
        event="rencontre d’essai" if kind == "final" else "",
        **about,
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
