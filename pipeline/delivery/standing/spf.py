"""Would SPF pass? The evaluation of RFC 7208 §4 and §5 for one sending address, bounded as §4.6.4 bounds it.

Left out are macros, ``exists`` and ``ptr``: a record that needs one is not judged (``unknown``), neither way.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Literal, TypeAlias

from pipeline.delivery.standing.resolver import Address, Lookup, Silent

Result: TypeAlias = Literal["pass", "fail", "softfail", "neutral", "none", "temperror", "permerror", "unknown"]
"""RFC 7208 §2.6, and ``unknown``: the record uses what is not evaluated here."""

MOST_LOOKUPS = 10
MOST_VOID = 2
MOST_EXCHANGERS = 10

_QUALIFIERS: dict[str, Result] = {"+": "pass", "-": "fail", "~": "softfail", "?": "neutral"}
_MODIFIER = re.compile(r"([A-Za-z][A-Za-z0-9_.-]*)=(.*)")
_MECHANISM = re.compile(r"([+?~-]?)([A-Za-z0-9]+)(?::([^/]*(?:/(?!\d|/)[^/]*)*))?((?:/\d+)?(?://\d+)?)")


@dataclass(frozen=True, slots=True)
class Verdict:
    """``why`` is the term or the fault that decided."""

    result: Result
    why: str


class _Decided(Exception):
    """The evaluation ends here, whatever stands around."""

    def __init__(self, result: Result, why: str) -> None:
        self.verdict = Verdict(result, why)
        super().__init__(why)


def check(domain: str, address: Address, dns: Lookup) -> Verdict:
    """What a receiver makes of ``address`` giving ``domain`` as its MAIL FROM's."""
    try:
        return _Evaluation(address, dns).record(domain)
    except _Decided as decided:
        return decided.verdict
    except Silent as silent:
        return Verdict("temperror", str(silent))


@dataclass(slots=True)
class _Evaluation:
    address: Address
    dns: Lookup
    lookups: int = 0
    void: int = 0

    def record(self, domain: str) -> Verdict:
        found = [text for text in self.dns.texts(domain) if text.lower() == "v=spf1" or text[:7].lower() == "v=spf1 "]
        if not found:
            return Verdict("none", f"{domain} n’a pas d’enregistrement SPF")
        if len(found) > 1:
            raise _Decided("permerror", f"{domain} a {len(found)} enregistrements SPF : il en faut un")
        redirect = ""
        for term in found[0].split()[1:]:
            modifier = _MODIFIER.fullmatch(term)
            if modifier is None:
                matched = self._term(term, domain)
                if matched:
                    return Verdict(matched, f"{term} ({domain})")
            elif modifier[1].lower() == "redirect":
                redirect = modifier[2]
        if not redirect or any(term.lower().lstrip("+-~?") == "all" for term in found[0].split()):
            return Verdict("neutral", f"aucun terme ne nomme {self.address} ({domain})")
        self._count(f"redirect={redirect}")
        verdict = self.record(self._plain(redirect))
        if verdict.result == "none":
            raise _Decided("permerror", f"redirect={redirect} : {verdict.why}")
        return verdict

    def _term(self, term: str, domain: str) -> Result | None:
        """What the term decides; None where it does not match."""
        read = _MECHANISM.fullmatch(term)
        if read is None:
            raise _Decided("permerror", f"terme illisible : {term} ({domain})")
        name, value, lengths = read[2].lower(), read[3] or "", read[4]
        if name in ("exists", "ptr"):
            raise _Decided("unknown", f"{term} n’est pas évalué ici ({domain})")
        if name == "all":
            matched = True
        elif name in ("ip4", "ip6"):
            matched = self._in(value + lengths, term)
        elif name == "include":
            matched = self._included(value, term)
        elif name in ("a", "mx"):
            self._count(term)
            matched = self._hosted(name, self._plain(value or domain), lengths, term)
        else:
            raise _Decided("permerror", f"mécanisme inconnu : {term} ({domain})")
        return _QUALIFIERS[read[1] or "+"] if matched else None

    def _included(self, domain: str, term: str) -> bool:
        self._count(term)
        verdict = self.record(self._plain(domain))
        if verdict.result == "none":
            raise _Decided("permerror", f"{term} : {verdict.why}")
        return verdict.result == "pass"

    def _hosted(self, name: str, domain: str, lengths: str, term: str) -> bool:
        hosts: tuple[str, ...] = (domain,)
        if name == "mx":
            hosts = self.dns.exchangers(domain)
            self._note(hosts)
            if len(hosts) > MOST_EXCHANGERS:
                raise _Decided("permerror", f"{term} : plus de {MOST_EXCHANGERS} serveurs de courrier")
        short, _, long = lengths.partition("//")
        length = (short.removeprefix("/") or "32") if self.address.version == 4 else (long or "128")
        for host in hosts:
            found = self.dns.addresses(host)
            self._note(found)
            if any(one.version == self.address.version and self._in(f"{one}/{length}", term) for one in found):
                return True
        return False

    def _in(self, network: str, term: str) -> bool:
        try:
            return self.address in ip_network(network, strict=False)
        except ValueError as error:
            raise _Decided("permerror", f"adresse illisible : {term}") from error

    def _count(self, term: str) -> None:
        self.lookups += 1
        if self.lookups > MOST_LOOKUPS:
            raise _Decided("permerror", f"plus de {MOST_LOOKUPS} recherches DNS ({term})")

    def _note(self, found: tuple[object, ...]) -> None:
        self.void += not found
        if self.void > MOST_VOID:
            raise _Decided("permerror", f"plus de {MOST_VOID} recherches DNS sans réponse utile")

    def _plain(self, domain: str) -> str:
        if "%" in domain:
            raise _Decided("unknown", f"une macro n’est pas évaluée ici ({domain})")
        if not domain:
            raise _Decided("permerror", "un domaine manque")
        return domain.rstrip(".")
