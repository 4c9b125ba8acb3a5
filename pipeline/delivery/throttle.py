"""At what pace each mailbox provider is written to: its domains, careful defaults, and ``KIT_THROTTLES``.

The providers publish few figures. Known in 2025: Orange advises 100 messages a connection, La Poste takes two connections of 100
messages, SFR two connections; Free blocks an address for up to 24 hours; Google, Microsoft and Yahoo go by the reputation of the
sender, which a new one has not. The defaults stay well below what an address with a year of regular sending is given; who has one, or
sends through a relay that keeps such limits itself, raises them (``orange=50``) or lifts them (``orange=0``).

Pure, and without Django: the settings are read with it. What is used up stands in :mod:`pipeline.delivery.paces`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

DEFAULTS: Mapping[str, float] = MappingProxyType(
    {"orange": 5, "free": 2, "sfr": 3, "laposte": 3, "google": 20, "microsoft": 10, "yahoo": 10}
)
"""Messages a second, all senders of this installation together."""

_ALIASES = {
    "wanadoo": "orange",
    "neuf": "sfr",
    "gmail": "google",
    "outlook": "microsoft",
    "hotmail": "microsoft",
    "aol": "yahoo",
}


def _of(group: str, domains: str) -> dict[str, str]:
    return dict.fromkeys(domains.split(), group)


def _in_countries(group: str, brand: str, endings: str) -> dict[str, str]:
    return dict.fromkeys((f"{brand}.{ending}" for ending in endings.split()), group)


GROUPS: Mapping[str, str] = MappingProxyType(
    _of("orange", "orange.fr wanadoo.fr voila.fr")
    | _of("free", "free.fr libertysurf.fr online.fr aliceadsl.fr alicepro.fr infonie.fr worldonline.fr chez.com")
    | _of(
        "sfr",
        "sfr.fr sfr.net neuf.fr cegetel.net club-internet.fr club.fr numericable.fr numericable.com noos.fr 9online.fr "
        "9business.fr akeonet.com cario.fr evc.net evhr.net guideo.fr mageos.com modulonet.fr netspeed.fr sequalum.net "
        "numericable-caraibes.fr tv-com.net valvision.fr waika9.com",
    )
    | _of("laposte", "laposte.net")
    | _of("google", "gmail.com googlemail.com")
    | _of("microsoft", "msn.com windowslive.com passport.com outlook.com.br outlook.com.au")
    | _in_countries("microsoft", "outlook", "com fr be de es it pt ie at dk cz hu sk gr cl jp kr in ph sa sg lv my co.id co.th co.il")
    | _in_countries("microsoft", "hotmail", "com fr be de es it nl se no dk ch at ca fi gr hu ie pt pl cl")
    | _in_countries("microsoft", "hotmail", "com.ar com.br co.uk co.jp co.il")
    | _in_countries("microsoft", "live", "com fr be de it nl se no dk at ca ie cl cn jp ru com.ar com.mx com.pt com.au co.uk co.za")
    | _of("yahoo", "ymail.com rocketmail.com myyahoo.com aol.com aol.fr aol.de aim.com verizon.net netscape.net")
    | _in_countries("yahoo", "yahoo", "com fr be de es it nl se no dk ch at ca ie gr pl pt ro in")
    | _in_countries("yahoo", "yahoo", "co.uk co.in co.id co.nz co.za com.ar com.au com.br com.mx com.sg")
)  # fmt: skip
"""Domain → provider. Only domains whose mail goes to that provider's own servers: a pace is kept where the servers are the same."""

LONGEST = 40
"""Characters of a destination's name (:attr:`pipeline.delivery.models.Batch.destination`)."""
FASTEST = 1000.0

_DOMAIN = re.compile(r"(?=.{4,40}\Z)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+")
_RATE = re.compile(r"[0-9]{1,4}(?:[.,][0-9]{1,3})?")


class ThrottleError(ValueError):
    """``KIT_THROTTLES`` cannot be used; ``faults`` are French sentences that name the part and the mend."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        super().__init__("\n".join(faults))


@dataclass(frozen=True, slots=True)
class Throttles:
    """Which destinations have a pace of their own, and which. A destination is a provider's name or a domain of the settings."""

    rates: Mapping[str, float] = field(default_factory=lambda: DEFAULTS)
    extra: Mapping[str, str] = field(default_factory=dict)

    def group_of(self, domain: str) -> str:
        """The destination that a domain (lower case, A-labels) belongs to; ``""``: none, written to as fast as it is taken."""
        return GROUPS.get(domain) or self.extra.get(domain, "")

    def domains(self) -> Mapping[str, str]:
        """Every domain that has a destination, as :meth:`group_of` tells: for one statement over a whole list."""
        return {**self.extra, **GROUPS}

    def rate(self, destination: str) -> float:
        """Messages a second; 0 where there is no limit. A destination that the settings name no longer has none."""
        return self.rates.get(destination, 0.0)

    def limited(self) -> Mapping[str, float]:
        """The destinations that have a limit, with their rates."""
        return {name: rate for name, rate in self.rates.items() if rate}


def parse(text: str) -> Throttles:
    """Read ``KIT_THROTTLES``: ``orange=10 gmail=20 free.fr=2 example.org=0.5``, messages a second; 0 lifts a limit.

    A provider is named by its name or by any of its domains, since they share servers; any other domain becomes a destination.

    Raises:
        ThrottleError: with every fault found.
    """
    faults: list[str] = []
    given: dict[str, float] = {}
    for part in text.split():
        name, _, rate = part.partition("=")
        destination = _destination(name.lower())
        fault = _fault(name, destination, rate)
        if not fault and destination in given:
            fault = f"« {destination} » est réglé deux fois ; n’en garder qu’une."
        if fault:
            faults.append(f"KIT_THROTTLES : « {part} » : {fault}")
        else:
            given[destination] = float(rate.replace(",", "."))
    if faults:
        raise ThrottleError(faults)
    return Throttles({**DEFAULTS, **given}, {name: name for name in given if name not in DEFAULTS})


def check(text: str) -> list[str]:
    """The faults of ``KIT_THROTTLES``, in French; none where it is good."""
    try:
        parse(text)
    except ThrottleError as error:
        return error.faults
    return []


def _destination(name: str) -> str:
    return GROUPS.get(name) or _ALIASES.get(name, name)


def _fault(name: str, destination: str, rate: str) -> str:
    if destination not in DEFAULTS and not _DOMAIN.fullmatch(destination):
        known = _list(DEFAULTS)
        return f"« {name} » n’est ni un fournisseur ({known}) ni un domaine de {LONGEST} lettres au plus, comme example.org."
    if not _RATE.fullmatch(rate) or float(rate.replace(",", ".")) > FASTEST:
        return (
            f"attendu : {name or 'orange'}=10, un nombre de messages par seconde, de 0 (sans limite) à {FASTEST:.0f}."
        )
    return ""


def _list(names: Iterable[str]) -> str:
    return ", ".join(names)
