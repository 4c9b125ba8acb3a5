"""What DNS and the settings tell of a sender: the ground that rules are judged on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from pipeline.delivery.complaints import Rate
from pipeline.delivery.standing import spf
from pipeline.delivery.standing.records import Checked, Sender, check, tags, wanted
from pipeline.delivery.standing.resolver import Address, Lookup, Silent

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Habits:
    """What the settings decide, and what came of it. ``clear``: mail is handed to another host without TLS; ``one_click``: the site is
    https, so that RFC 8058's header is written; ``complaints``: those about what was sent lately, None where nobody counted;
    ``cfbl``: the address for complaints (RFC 9477)."""

    clear: bool = False
    one_click: bool = False
    complaints: Rate | None = None
    cfbl: str = ""


@dataclass(frozen=True, slots=True)
class Reverse:
    """An address' names; ``confirmed`` are those that lead back to it (RFC 8601 §2.7.3)."""

    names: tuple[str, ...]
    confirmed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """None stands for what cannot be told: DNS did not answer."""

    sender: Sender
    habits: Habits
    records: tuple[Checked, ...]
    spf: dict[Address, spf.Verdict]
    dmarc: str | None
    """The DMARC record that counts for the From domain, its own or that of a domain above; empty: there is none."""
    reverse: dict[Address, Reverse | None]
    receives: bool | None
    """Mail to the From domain has somewhere to go (MX, or an address: RFC 5321 §5.1)."""


def gather(sender: Sender, habits: Habits, dns: Lookup) -> Facts:
    """Ask DNS everything, once."""
    return Facts(
        sender,
        habits,
        records=tuple(check(record, sender, dns) for record in wanted(sender)),
        spf={address: spf.check(sender.return_domain, address, dns) for address in sender.addresses},
        dmarc=_told(lambda: _dmarc(sender.domain, dns)),
        reverse={address: _told(lambda one=address: _reverse(one, dns)) for address in sender.addresses},  # type: ignore[misc]
        receives=_told(lambda: bool(dns.exchangers(sender.domain) or dns.addresses(sender.domain))),
    )


def _told(question: Callable[[], T]) -> T | None:
    try:
        return question()
    except Silent:
        return None


def _dmarc(domain: str, dns: Lookup) -> str:
    """Walk up from the domain to its registered one (as DMARCbis does; RFC 7489 §6.6.3 goes to it in one step)."""
    labels = domain.split(".")
    for at in range(max(1, len(labels) - 1)):
        found = [text for text in dns.texts(f"_dmarc.{'.'.join(labels[at:])}") if tags(text).get("v") == "DMARC1"]
        if found:
            return found[0] if len(found) == 1 else ""
    return ""


def _reverse(address: Address, dns: Lookup) -> Reverse:
    names = dns.names(address)[:10]
    return Reverse(names, tuple(name for name in names if address in dns.addresses(name)))
