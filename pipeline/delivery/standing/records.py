"""What a sender has to publish, and whether what is published serves."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from pipeline.delivery.dkim import Key
from pipeline.delivery.standing import spf
from pipeline.delivery.standing.resolver import Address, Lookup, Silent

Purpose: TypeAlias = Literal["SPF", "DKIM", "DMARC", "MX", "MTA-STS", "TLS-RPT"]
State: TypeAlias = Literal["published", "missing", "different", "unknown"]


@dataclass(frozen=True, slots=True)
class Sender:
    """How mail leaves. ``domain`` is the From addresses'; ``return_domain`` the return path's, where SPF looks (the same one
    without a return path of its own); ``bounces``: mail to that domain comes to us, at ``mail_host``. ``reports``: the address
    that gets DMARC's and TLS' reports. ``addresses`` are those that receivers see; empty: not known."""

    domain: str
    return_domain: str
    bounces: bool
    mail_host: str
    reports: str
    addresses: tuple[Address, ...] = ()
    keys: tuple[Key, ...] = ()


@dataclass(frozen=True, slots=True)
class Record:
    """A record to publish."""

    purpose: Purpose
    name: str
    type: Literal["TXT", "MX"]
    value: str

    @property
    def strings(self) -> tuple[str, ...]:
        """A TXT record holds strings of at most 255 octets, which readers join (RFC 7208 §3.3, RFC 6376 §3.6.2.2)."""
        return tuple(self.value[at : at + 255] for at in range(0, len(self.value), 255))

    @property
    def line(self) -> str:
        """As a zone's file has it (RFC 1035 §5)."""
        value = " ".join(f'"{string}"' for string in self.strings) if self.type == "TXT" else f"{self.value}."
        return f"{self.name}. IN {self.type} {value}"


@dataclass(frozen=True, slots=True)
class Checked:
    """A record beside what DNS holds in its place: ``found``, and ``why`` it does not serve. ``record`` keeps what stands there
    for other mail of the domain."""

    record: Record
    state: State
    found: tuple[str, ...] = ()
    why: str = ""


def wanted(sender: Sender) -> Iterator[Record]:
    """What to publish, in the order in which to do it."""
    yield Record("SPF", sender.return_domain, "TXT", _spf(sender.addresses))
    for key in sender.keys:
        name = f"{key.selector}._domainkey.{sender.domain}"
        yield Record("DKIM", name, "TXT", f"v=DKIM1; k={key.algorithm}; p={key.public}")
    # RFC 7489 §6.3: reports first, a policy later.
    yield Record("DMARC", f"_dmarc.{sender.domain}", "TXT", f"v=DMARC1; p=none; rua=mailto:{sender.reports}")
    if sender.bounces:
        yield Record("MX", sender.return_domain, "MX", f"10 {sender.mail_host}")
        version = hashlib.sha256(sts_policy(sender).encode()).hexdigest()[:20]
        yield Record("MTA-STS", f"_mta-sts.{sender.return_domain}", "TXT", f"v=STSv1; id={version}")
        reports = f"v=TLSRPTv1; rua=mailto:{sender.reports}"
        yield Record("TLS-RPT", f"_smtp._tls.{sender.return_domain}", "TXT", reports)


def sts_policy(sender: Sender) -> str:
    """The file at ``https://mta-sts.DOMAIN/.well-known/mta-sts.txt`` (RFC 8461 §3.2); ``testing`` until reports are clean."""
    return f"version: STSv1\r\nmode: testing\r\nmx: {sender.mail_host}\r\nmax_age: 604800\r\n"


def check(record: Record, sender: Sender, dns: Lookup) -> Checked:
    """Compare a record with what DNS holds: by what it does, not by how it is written."""
    try:
        if record.type == "MX":
            hosts = dns.exchangers(record.name)
            return Checked(record, "published" if hosts else "missing", hosts)
        return _CHECKS[record.purpose](record, sender, dns)
    except Silent as silent:
        return Checked(record, "unknown", why=str(silent))


def tags(text: str) -> dict[str, str]:
    """``name=value; …`` as DKIM, DMARC, MTA-STS and TLS-RPT have it (RFC 6376 §3.2), names in small letters."""
    pairs = (part.partition("=") for part in text.split(";") if part.strip())
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _spf(addresses: tuple[Address, ...]) -> str:
    terms = [f"ip{one.version}:{one}" for one in addresses] or ["ip4:ADRESSE"]
    # `~all`: a forwarded mail fails SPF, and is judged by its DKIM signature only where SPF does not say "reject".
    return " ".join(["v=spf1", *terms, "~all"])


def _merged(found: str, addresses: tuple[Address, ...]) -> str:
    """A domain has one SPF record: ours adds to what others of its mail need."""
    terms = [f"ip{one.version}:{one}" for one in addresses]
    there = found.split()[1:]
    return " ".join(["v=spf1", *(term for term in terms if term not in there), *there])


def _check_spf(record: Record, sender: Sender, dns: Lookup) -> Checked:
    found = tuple(text for text in dns.texts(record.name) if text.lower().startswith("v=spf1"))
    if not found:
        return Checked(record, "missing")
    if not sender.addresses:
        return Checked(record, "unknown", found, "l’adresse d’envoi n’est pas connue : --address")
    for address in sender.addresses:
        verdict = spf.check(record.name, address, dns)
        if verdict.result != "pass":
            state: State = "unknown" if verdict.result in ("temperror", "unknown") else "different"
            mended = dataclasses.replace(record, value=_merged(found[0], sender.addresses))
            return Checked(mended, state, found, f"{address} : {verdict.result}, {verdict.why}")
    return Checked(record, "published", found)


def _check_dkim(record: Record, _: Sender, dns: Lookup) -> Checked:
    found = dns.texts(record.name)
    if not found:
        return Checked(record, "missing")
    if len(found) > 1:
        return Checked(record, "different", found, "plusieurs enregistrements : il en faut un")
    ours, theirs = tags(record.value), tags(found[0])
    if theirs.get("p", "").replace(" ", "") != ours["p"]:
        return Checked(record, "different", found, "ce n’est pas la clé de KIT_DKIM_DIR")
    if theirs.get("k", "rsa") != ours["k"] or theirs.get("v", "DKIM1") != "DKIM1":
        return Checked(record, "different", found, f"attendu : v=DKIM1; k={ours['k']}")
    return Checked(record, "published", found)


def _check_tagged(record: Record, _: Sender, dns: Lookup) -> Checked:
    version, needed = _TAGGED[record.purpose]
    found = tuple(text for text in dns.texts(record.name) if tags(text).get("v") == version)
    if not found:
        return Checked(record, "missing")
    if len(found) > 1:
        return Checked(record, "different", found, "plusieurs enregistrements : il en faut un")
    if not tags(found[0]).get(needed):
        return Checked(record, "different", found, f"« {needed}= » manque")
    return Checked(record, "published", found)


_TAGGED: dict[Purpose, tuple[str, str]] = {
    "DMARC": ("DMARC1", "p"),
    "MTA-STS": ("STSv1", "id"),
    "TLS-RPT": ("TLSRPTv1", "rua"),
}
_CHECKS: dict[Purpose, Callable[[Record, Sender, Lookup], Checked]] = {
    "SPF": _check_spf,
    "DKIM": _check_dkim,
    "DMARC": _check_tagged,
    "MTA-STS": _check_tagged,
    "TLS-RPT": _check_tagged,
}
