"""What somebody may say when they subscribe or change their mind: the rules of every face that asks, and what is said of each fault.

A face hands over texts as they were written, and shows what comes back beside the fields: all faults at once, in French.
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from pipeline.audience import addresses, domains, flags
from pipeline.audience.addresses import Address, AddressError
from pipeline.audience.consent import PauseError
from pipeline.audience.departments import DEPARTMENTS
from pipeline.audience.models import NAME_LENGTH, THEMES_LENGTH, Rhythm
from pipeline.audience.wishes import Profile, Wish, packed
from pipeline.season.season import Season, Term

T = TypeVar("T")

_SPACES = re.compile(r"[\t\u0020\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]+")
# Not in the subset « Unicode Assignables » of RFC 9839 §4.3 (controls, halves of pairs, noncharacters); ends of lines, which
# one line has not (UAX #14: BK, CR, LF, NL); U+FFFD, which stands where bytes were no text (Unicode §3.9); and what writes a text
# in another order than it is read in (UTS #55: embeddings, overrides and isolates of UAX #9).
_REFUSED = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufffd\ud800-\udfff\ufdd0-\ufdef\u202a-\u202e\u2066-\u2069"
    + "".join(f"{chr(plane * 0x10000 + 0xFFFE)}{chr(plane * 0x10000 + 0xFFFF)}" for plane in range(17))
    + "]"
)


@dataclass(frozen=True, slots=True)
class Fault:
    """What does not pass in one field: why (``message``) and what to do (``mend``)."""

    field: str
    message: str
    mend: str


class AskingError(ValueError):
    """What was written does not pass; ``faults`` are in the order of the fields."""

    def __init__(self, *faults: Fault) -> None:
        self.faults = faults
        super().__init__(" ".join(f"{one.field} : {one.message} {one.mend}" for one in faults))


@dataclass(frozen=True, slots=True)
class Asked:
    """What a sign-up asks for, once it passes."""

    address: Address
    wish: Wish
    profile: Profile


def asked(
    season: Season,
    email: str,
    *,
    choice: str,
    themes: Sequence[str],
    rhythm: str,
    told: Mapping[str, str],
    policy: flags.Policy,
    now: dt.datetime,
) -> Asked:
    """All of a sign-up: :func:`address`, :func:`wish` and :func:`profile`.

    Raises:
        AskingError: with the faults of all three.
    """
    faults: list[Fault] = []
    found = _kept(lambda: address(email, policy, now=now), faults)
    chosen = _kept(lambda: wish(season, choice, themes, rhythm), faults)
    person = _kept(lambda: profile(season, told), faults)
    if found is None or chosen is None or person is None:
        raise AskingError(*faults)
    return Asked(found, chosen, person)


def address(text: str, policy: flags.Policy, *, now: dt.datetime) -> Address:
    """An address that mails may be sent to, as far as the operator's policy and the DNS (if it was asked before) go.

    Raises:
        AskingError: it is none; about the field ``email``.
    """
    try:
        found = addresses.parse(text)
    except AddressError as error:
        raise AskingError(Fault("email", error.message, error.mend)) from error
    refusal = flags.verdict(found, policy).refusal
    if refusal:
        raise AskingError(Fault("email", *_sentences(refusal)))
    if domains.known(found.domain, now) == "none":
        message = f"Le domaine « {found.domain} » ne reçoit pas de courriel."
        raise AskingError(Fault("email", message, "Vérifiez l’adresse."))
    return found


def wish(season: Season, choice: str, themes: Sequence[str], rhythm: str) -> Wish:
    """What somebody wants of the season. Themes only count where the choice lets people pick.

    Raises:
        AskingError: about ``choice``, ``themes`` and ``rhythm``.
    """
    faults = []
    if choice not in {one.id for one in season.choices}:
        message = "Ce choix n’est pas proposé." if choice else "Il manque votre choix."
        faults.append(Fault("choice", message, "Choisissez ce que vous voulez recevoir."))
    if not set(themes) <= {one.id for one in season.themes}:
        faults.append(Fault("themes", "Un de ces thèmes n’est pas proposé.", "Prenez-en dans la liste."))
    elif len(packed(themes)) > THEMES_LENGTH:
        faults.append(Fault("themes", "Ces thèmes sont trop nombreux.", "Choisissez plutôt de tout recevoir."))
    if rhythm not in Rhythm.values:
        message = "Ce rythme n’est pas proposé." if rhythm else "Il manque un rythme."
        faults.append(Fault("rhythm", message, "Choisissez un rythme."))
    picking = choice in {one.id for one in season.choices if one.pick_themes}
    if picking and not themes:
        faults.append(
            Fault("themes", "Il manque un thème.", "Cochez au moins un thème, ou choisissez de tout recevoir.")
        )
    if faults:
        raise AskingError(*faults)
    return Wish(choice, tuple(themes) if picking else (), rhythm)


def profile(season: Season, told: Mapping[str, str], before: Profile | None = None) -> Profile:
    """Who somebody says they are: what is not in ``told`` stays as it was ``before``; all of it may be empty.

    Raises:
        AskingError: about ``name``, ``organisation``, ``role``, ``territory`` and ``department``.
    """
    kept, faults = before or Profile(), list[Fault]()
    name = _kept(lambda: line("name", told.get("name", kept.name)), faults)
    organisation = _kept(lambda: line("organisation", told.get("organisation", kept.organisation)), faults)
    listed: dict[str, Collection[str]] = {
        "role": _ids(season.roles),
        "territory": _ids(season.territories),
        "department": DEPARTMENTS.keys(),
    }
    for field, terms in listed.items():
        if told.get(field) and told[field] not in terms:
            faults.append(
                Fault(field, "Ce choix n’est pas proposé.", "Prenez-en un de la liste, ou laissez ce champ vide.")
            )
    if name is None or organisation is None or faults:
        raise AskingError(*faults)
    return Profile(
        name,
        organisation,
        told.get("role", kept.role),
        told.get("territory", kept.territory),
        told.get("department", kept.department),
    )


def line(field: str, text: str, *, most: int = NAME_LENGTH) -> str:
    """One line of text as it is kept: NFC, without spaces around it, one space between words.

    Raises:
        AskingError: it holds a sign that no name has, or more than ``most`` characters.
    """
    kept = unicodedata.normalize("NFC", _SPACES.sub(" ", text).strip(" "))
    if _REFUSED.search(kept):
        message = "Ce texte contient un saut de ligne ou un caractère invisible."
        raise AskingError(Fault(field, message, "Écrivez-le sans lui."))
    if len(kept) > most:
        raise AskingError(Fault(field, f"Ce texte compte {len(kept)} caractères.", f"Restez à {most} au plus."))
    return kept


def resuming(season: Season, day: dt.date) -> dt.datetime:
    """When a pause « until » a day ends: at its first minute, where the season is.

    Raises:
        PauseError: no instant of UTC is that far away.
    """
    try:
        return dt.datetime.combine(day, dt.time(), season.zone).astimezone(dt.UTC)
    except OverflowError as error:
        raise PauseError from error


def _kept(part: Callable[[], T], faults: list[Fault]) -> T | None:
    try:
        return part()
    except AskingError as error:
        faults.extend(error.faults)
        return None


def _ids(terms: Sequence[Term]) -> frozenset[str]:
    return frozenset(term.id for term in terms)


def _sentences(text: str) -> tuple[str, str]:
    """The first sentence says what is wrong, the rest what to do."""
    message, _, mend = text.partition(". ")
    return f"{message}.", mend
