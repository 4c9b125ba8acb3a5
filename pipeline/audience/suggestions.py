"""« Did you mean gmail.com? »: slips of the keyboard in the domains that people write most.

A suggestion is only shown: the person who wrote the address decides. So a slip that is missed costs a mail that comes back, and a
false alarm costs trust; where a domain might be somebody's, nothing is said.

The name and the ending of a domain are judged apart, by the strokes between two words (Damerau's distance in its restricted form:
one letter more, less or other, or two neighbours swapped).
"""

from __future__ import annotations

from dataclasses import dataclass

from rapidfuzz.distance import OSA

from pipeline.audience.addresses import Address
from pipeline.audience.wordlists import words


@dataclass(frozen=True, slots=True)
class _Provider:
    """A domain that many mailboxes have.

    ``word``: its name is a word or short, so that others live a stroke away (orage.fr, laporte.net, fred.fr): only a doubled
    letter of it is a slip, or two swapped ones of four or more. ``alone``: the name has no other ending.
    """

    domain: str
    word: bool = False
    alone: bool = False

    @property
    def name(self) -> str:
        return self.domain.partition(".")[0]

    @property
    def ending(self) -> str:
        return self.domain.partition(".")[2]


# The most frequent first: where two are as near, the first is meant. French towns, networks and people write from the providers of
# access (Orange and its former Wanadoo, Free, SFR and what it took over, Bouygues), from La Poste, and from Google, Microsoft,
# Yahoo, Apple, Proton; those across the border, from their neighbours'.
_PROVIDERS = (
    _Provider("gmail.com", alone=True),
    _Provider("orange.fr", word=True),
    _Provider("wanadoo.fr"),
    _Provider("hotmail.fr"),
    _Provider("hotmail.com"),
    _Provider("outlook.fr"),
    _Provider("outlook.com"),
    _Provider("yahoo.fr"),
    _Provider("yahoo.com"),
    _Provider("laposte.net", word=True),
    _Provider("free.fr", word=True),
    _Provider("live.fr", word=True),
    _Provider("sfr.fr", word=True),
    _Provider("icloud.com"),
    _Provider("live.com", word=True),
    _Provider("bbox.fr", word=True),
    _Provider("neuf.fr", word=True),
    _Provider("gmx.fr", word=True),
    _Provider("aol.com", word=True),
    _Provider("msn.com", word=True),
    _Provider("protonmail.com", alone=True),
    _Provider("numericable.fr"),
    _Provider("club-internet.fr"),
    _Provider("cegetel.net"),
    _Provider("aliceadsl.fr"),
    _Provider("proton.me", word=True),
    _Provider("skynet.be", word=True),
    _Provider("bluewin.ch"),
    _Provider("googlemail.com", alone=True),
)

_KNOWN = words("known-domains") | {provider.domain for provider in _PROVIDERS}
_EXISTING = words("endings")


def suggest(address: Address) -> str | None:
    """The whole address with the domain that was most likely meant; None where nothing looks like a slip.

    Nothing is ever said of a domain that is itself a known one.
    """
    local, _, domain = address.mailbox.rpartition("@")
    if domain in _KNOWN:
        return None
    name, _, ending = domain.partition(".")
    found = [
        (strokes, provider.domain)
        for provider in _PROVIDERS
        if (strokes := _strokes(name, ending, provider)) is not None
    ]
    if not found:
        return None
    return f"{local}@{min(found, key=lambda one: one[0])[1]}"  # the first of the nearest: the most frequent


def _strokes(name: str, ending: str, provider: _Provider) -> int | None:
    """How many slips lead from the provider's domain to this one; None where that is not believable."""
    of_ending = _of_ending(ending, provider, exact=name == provider.name)
    if of_ending is None:
        return None
    of_name = _of_name(name, provider)
    return None if of_name is None else of_name + of_ending


def _of_ending(ending: str, provider: _Provider, *, exact: bool) -> int | None:
    if ending == provider.ending:
        return 0
    if exact and provider.alone and "." not in ending:
        return 1  # gmail.fr, gmail.co: whoever has the name has it once
    near = OSA.distance(ending, provider.ending, score_cutoff=1) <= 1
    return 1 if near and ending not in _EXISTING else None


def _of_name(name: str, provider: _Provider) -> int | None:
    if name == provider.name:
        return 0
    if provider.word:
        return 1 if _swapped(name, provider.name) or _doubled(name, provider.name) else None
    most = 2 if len(provider.name) >= 10 else 1
    strokes = OSA.distance(name, provider.name, score_cutoff=most)
    return strokes if strokes <= most else None


def _swapped(name: str, meant: str) -> bool:
    return len(meant) > 3 and sorted(name) == sorted(meant) and OSA.distance(name, meant, score_cutoff=1) == 1


def _doubled(name: str, meant: str) -> bool:
    """One letter was struck twice."""
    return any(name == meant[: place + 1] + meant[place:] for place in range(len(meant)))
