"""What a season's file says, checked and typed. Reading the file is :mod:`pipeline.season.schema`."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Literal, TypeAlias
from zoneinfo import ZoneInfo

from pipeline.content.fiche import Rules

Unit: TypeAlias = Literal["days", "weeks", "months"]
SlotKind: TypeAlias = Literal["launch", "release", "final"]
Status: TypeAlias = Literal["firm", "provisional"]
OnBlackout: TypeAlias = Literal["next-day", "next-slot", "hold"]
"""What happens to a slot on a blackout date: it moves to the next free day (later slots stay), to the next date of the
cadence (later slots shift with it), or keeps its date and is held for a person."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fiche. ``mark`` names a drawing of :mod:`pipeline.season.marks` (``lever``, ``leaf``, ``book``, ``generic``),
    ``palette`` a colour role (``green``, ``brick``, ``blue``); ``part`` is the title of its part in the kit."""

    name: str
    singular: str
    plural: str
    mark: str
    palette: str
    sections: tuple[str, ...]
    part: str


@dataclass(frozen=True, slots=True)
class Term:
    """An entry of a list that the season declares: competence, territory, theme, a subscriber's role."""

    id: str
    label: str


@dataclass(frozen=True, slots=True)
class Choice:
    """What a subscriber may ask for: ``kinds`` (empty: all), ``themes`` (empty: all), ``releases`` false: only the final kit.
    ``pick_themes``: the person picks themes of the season, instead of ``themes``."""

    id: str
    label: str
    kinds: tuple[str, ...] = ()
    themes: tuple[str, ...] = ()
    releases: bool = True
    pick_themes: bool = False


@dataclass(frozen=True, slots=True)
class Cadence:
    every: int
    unit: Unit


@dataclass(frozen=True, slots=True)
class Blackout:
    """Days on which nothing leaves, both ends included."""

    start: dt.date
    end: dt.date
    reason: str
    action: OnBlackout
    line: int = 0


@dataclass(frozen=True, slots=True)
class Postponement:
    """A slot moved by the file; ``shift_later`` moves the slots after it by as much (the finale keeps its date)."""

    slot: str
    date: dt.date
    reason: str
    shift_later: bool = False
    line: int = 0


@dataclass(frozen=True, slots=True)
class PlannedSlot:
    """A slot as the file lists it. ``fiches``: kind → slugs. ``date`` only where the file fixes it; a final slot without one
    waits until staff set it. ``note`` says why a slot does not follow the pattern."""

    name: str
    kind: SlotKind
    fiches: dict[str, tuple[str, ...]]
    title: str = ""
    date: dt.date | None = None
    status: Status = "firm"
    event: str = ""
    note: str = ""
    line: int = 0

    @property
    def slugs(self) -> tuple[str, ...]:
        """Every slug of the slot, in the order of the season's kinds as the file lists them."""
        return tuple(slug for slugs in self.fiches.values() for slug in slugs)


@dataclass(frozen=True, slots=True)
class Publisher:
    """Who answers for the mails and pages. ``faults()`` of the schema refuses to arm a season while these are examples."""

    name: str
    sender_name: str
    sender_address: str
    reply_to: str
    postal_address: str
    legal_notice: str
    privacy_contact: str
    website: str
    list_id: str
    """RFC 2919 identifier, e.g. ``kit.example.org``."""
    example: bool = False
    """True while the file still holds example values: nothing can be armed."""


DEFAULT_SUBJECTS: dict[str, str] = {
    "reminder": "{{ kit }} : votre inscription attend votre confirmation",
    "digest": "{{ kit }}, {{ month }} : les fiches du mois",
    "catch_up": "{{ kit }}, rattrapage n° {{ number }} : {{ titles }}",
    "moving": "{{ kit }} : confirmez votre nouvelle adresse",
    "moved": "{{ kit }} : un changement d’adresse est demandé",
    "renewal": "{{ kit }} : voulez-vous continuer ?",
    "link": "{{ kit }} : votre lien vers vos préférences",
}
"""The patterns of a season that does not write its own."""


@dataclass(frozen=True, slots=True)
class Subjects:
    """Patterns of subjects, Jinja2 sandboxed; :data:`pipeline.season.keys.SUBJECT_WORDS` tells the words of each.

    A letter to someone who is subscribed already bears the ``confirmation`` pattern, too: whoever sees subjects only learns
    nothing of who is subscribed.
    """

    launch: str
    release: str
    single: str
    final: str
    confirmation: str
    welcome: str
    reminder: str = DEFAULT_SUBJECTS["reminder"]
    digest: str = DEFAULT_SUBJECTS["digest"]
    catch_up: str = DEFAULT_SUBJECTS["catch_up"]
    moving: str = DEFAULT_SUBJECTS["moving"]
    moved: str = DEFAULT_SUBJECTS["moved"]
    renewal: str = DEFAULT_SUBJECTS["renewal"]
    link: str = DEFAULT_SUBJECTS["link"]


@dataclass(frozen=True, slots=True)
class Season:
    """One season. ``name`` is the stem of its file. ``roles``: what subscribers may say they are. ``digest_day``: the day of the
    month, 1 to 28, from which on the digest of the month before leaves (:func:`pipeline.season.calendar.digest_date`)."""

    name: str
    path: str
    title: str
    tagline: str
    language: str
    zone: ZoneInfo
    time: dt.time
    cadence: Cadence
    first: dt.date
    kinds: dict[str, Kind]
    pattern: dict[str, int]
    slots: tuple[PlannedSlot, ...]
    competences: tuple[Term, ...]
    territories: tuple[Term, ...]
    themes: tuple[Term, ...]
    choices: tuple[Choice, ...]
    blackouts: tuple[Blackout, ...]
    postponements: tuple[Postponement, ...]
    grace: dt.timedelta
    publisher: Publisher
    subjects: Subjects
    edition_provisional: str
    edition_final: str
    source_sha256: str
    roles: tuple[Term, ...] = ()
    digest_day: int = 1
    source: str = field(repr=False, default="")
    """The file as written: what an applied revision keeps; :func:`pipeline.season.schema.parse` reads it again."""

    @property
    def rules(self) -> Rules:
        """What this season asks of its fiches."""
        return Rules(
            season=self.name,
            kinds={kind.name: kind.sections for kind in self.kinds.values()},
            competences=frozenset(term.id for term in self.competences),
            territories=frozenset(term.id for term in self.territories),
            themes=frozenset(term.id for term in self.themes),
        )

    def slot(self, name: str) -> PlannedSlot:
        """Return the slot called ``name``.

        Raises:
            KeyError: the season has none of that name.
        """
        for slot in self.slots:
            if slot.name == name:
                return slot
        raise KeyError(name)
