"""What mailbox providers ask of those who send to many, as they publish it:

- Gmail: « Email sender guidelines », https://support.google.com/a/answer/81126 (from 5,000 messages a day);
- Yahoo: « Sender Best Practices », https://senders.yahooinc.com/best-practices/;
- Microsoft (outlook.com, hotmail.com, live.com): « New requirements for high-volume senders », April 2025 (from 5,000 a day);
- Orange (orange.fr, wanadoo.fr): https://postmaster.orange.fr/ (all senders; more from 1,000 a day).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from pipeline.delivery.standing.facts import Facts
from pipeline.delivery.standing.records import tags

State: TypeAlias = Literal["met", "unmet", "unknown"]

MAILBOX_PROVIDERS = frozenset(
    {
        "aol.com", "free.fr", "gmail.com", "gmx.fr", "googlemail.com", "hotmail.com", "hotmail.fr", "icloud.com",
        "laposte.net", "live.com", "live.fr", "me.com", "msn.com", "neuf.fr", "numericable.fr", "orange.fr",
        "outlook.com", "outlook.fr", "proton.me", "sfr.fr", "wanadoo.fr", "yahoo.com", "yahoo.fr",
    }
)  # fmt: skip

_SILENT = "le résolveur ne répond pas"
_NO_ADDRESS = "l’adresse d’envoi n’est pas connue"
_GIVE_ADDRESS = "La donner : --address IP."


@dataclass(frozen=True, slots=True)
class Judgement:
    """``found`` is what was seen, ``mend`` what to do where the rule is not met or cannot be told."""

    state: State
    found: str
    mend: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """``key`` names it for programs. ``judge`` gives None where the rule does not apply."""

    key: str
    text: str
    asked_by: tuple[str, ...]
    judge: Callable[[Facts], Judgement | None]


@dataclass(frozen=True, slots=True)
class Judged:
    rule: Rule
    judgement: Judgement


def judge(facts: Facts) -> Iterator[Judged]:
    """Every rule that applies, with its judgement."""
    for rule in RULES:
        judgement = rule.judge(facts)
        if judgement:
            yield Judged(rule, judgement)


def _spf(facts: Facts) -> Judgement:
    domain = facts.sender.return_domain
    if not facts.spf:
        return Judgement("unknown", _NO_ADDRESS, _GIVE_ADDRESS)
    for address, verdict in facts.spf.items():
        if verdict.result in ("temperror", "unknown"):
            return Judgement("unknown", f"{address} : {verdict.why}", "Recommencer, ou vérifier autrement.")
        if verdict.result != "pass":
            return Judgement(
                "unmet", f"{address} : {verdict.result}, {verdict.why}", f"Publier l’enregistrement SPF de {domain}."
            )
    return Judgement("met", f"{domain} : {', '.join(map(str, facts.spf))}")


def _dkim(facts: Facts) -> Judgement:
    checked = [one for one in facts.records if one.record.purpose == "DKIM"]
    if not checked:
        return Judgement(
            "unknown", "KIT_DKIM_DIR n’est pas donné", "Vérifier que le serveur d’envoi signe, ou donner KIT_DKIM_DIR."
        )
    good = [one.record.name for one in checked if one.state == "published"]
    wrong = [one for one in checked if one.state in ("missing", "different")]
    rsa = {f"{key.selector}._domainkey.{facts.sender.domain}" for key in facts.sender.keys if key.algorithm == "rsa"}
    if wrong:
        told = ", ".join(f"{one.record.name} : {one.why or 'absent'}" for one in wrong)
        return Judgement("unmet", told, "Publier ces enregistrements DKIM.")
    if len(good) < len(checked):
        return Judgement("unknown", _SILENT, "Recommencer.")
    if not rsa:
        # RFC 8463 §4: verifiers that read no Ed25519 are many, these four among them.
        return Judgement("unmet", "aucune clé RSA", "Ajouter une clé RSA : openssl genrsa 2048.")
    return Judgement("met", ", ".join(good))


def _dmarc(facts: Facts) -> Judgement:
    name = f"_dmarc.{facts.sender.domain}"
    if facts.dmarc is None:
        return Judgement("unknown", _SILENT, "Recommencer.")
    if tags(facts.dmarc).get("p", "").lower() in ("none", "quarantine", "reject"):
        return Judgement("met", facts.dmarc)
    return Judgement("unmet", facts.dmarc or "absent", f"Publier {name}, p=none pour commencer.")


def _aligned(facts: Facts) -> Judgement:
    sender, dkim = facts.sender, _dkim(facts)
    if dkim.state == "met":
        return Judgement("met", f"DKIM signe pour {sender.domain}")
    passes = _spf(facts)
    near = _related(sender.domain, sender.return_domain)
    strict = tags(facts.dmarc or "").get("aspf", "r") == "s" and sender.domain != sender.return_domain
    if passes.state == "met" and near and not strict:
        return Judgement("met", f"SPF passe pour {sender.return_domain}")
    if "unknown" in (dkim.state, passes.state):
        return Judgement("unknown", "ni DKIM ni SPF ne peuvent être jugés", "Voir ces deux règles.")
    return Judgement(
        "unmet",
        f"From : {sender.domain} ; retour : {sender.return_domain}",
        f"Signer pour {sender.domain}, ou mettre KIT_RETURN_PATH dans un sous-domaine de {sender.domain}.",
    )


def _reverse(facts: Facts) -> Judgement:
    if not facts.reverse:
        return Judgement("unknown", _NO_ADDRESS, _GIVE_ADDRESS)
    for address, reverse in facts.reverse.items():
        if reverse is None:
            return Judgement("unknown", _SILENT, "Recommencer.")
        if not reverse.confirmed:
            names = ", ".join(reverse.names)
            return Judgement(
                "unmet",
                f"{address} s’appelle {names}, qui n’y mène pas" if names else f"{address} n’a pas de nom",
                "Chez l’hébergeur de l’adresse, lui donner le nom du serveur (PTR) ; publier ce nom (A, AAAA).",
            )
    return Judgement("met", ", ".join(f"{a} ↔ {r.confirmed[0]}" for a, r in facts.reverse.items() if r))


def _tls(facts: Facts) -> Judgement:
    if facts.habits.clear:
        return Judgement("unmet", "KIT_SMTP_URL : tls=none", "Écrire smtp+starttls:// ou smtps://.")
    return Judgement(
        "unknown", "le serveur d’envoi en décide", "Postfix : smtp_tls_security_level = may ; voir ses journaux."
    )


def _one_click(facts: Facts) -> Judgement:
    if facts.habits.one_click:
        return Judgement("met", "List-Unsubscribe et List-Unsubscribe-Post dans chaque envoi")
    return Judgement("unmet", "KIT_BASE_URL n’est pas en https", "Régler KIT_BASE_URL en https://.")


def _complaints(facts: Facts) -> Judgement:
    rate = facts.habits.complaints
    if rate is None:
        return Judgement("unknown", "aucun compte de plaintes", "Suivre Google Postmaster Tools et Signal Spam.")
    if rate.level == "stop":
        return Judgement("unmet", rate.words, "Arrêter les envois et revoir d’où viennent les inscriptions.")
    if rate.level == "warning":
        return Judgement("unmet", rate.words, "Revoir d’où viennent les inscriptions, avant 0,3 %.")
    # Gmail sends no complaints back (its « feedback loop » is a figure in Postmaster Tools).
    return Judgement("met", f"{rate.words} ; Gmail ne les dit que dans Google Postmaster Tools")


def _own_domain(facts: Facts) -> Judgement:
    if facts.sender.domain in MAILBOX_PROVIDERS:
        return Judgement(
            "unmet", facts.sender.domain, "Écrire depuis un domaine à soi (« sender_address » de la saison)."
        )
    return Judgement("met", facts.sender.domain)


def _receives(facts: Facts) -> Judgement:
    if facts.receives is None:
        return Judgement("unknown", _SILENT, "Recommencer.")
    if facts.receives:
        return Judgement("met", facts.sender.domain)
    return Judgement(
        "unmet", f"{facts.sender.domain} n’a ni MX ni adresse", "Publier un MX : on doit pouvoir répondre."
    )


def _cfbl(facts: Facts) -> Judgement | None:
    if not facts.habits.cfbl:
        return None
    domain = facts.habits.cfbl.rpartition("@")[2].lower()
    if _related(domain, facts.sender.domain):
        return Judgement("met", facts.habits.cfbl)
    return Judgement("unmet", facts.habits.cfbl, f"Une adresse de {facts.sender.domain} dans KIT_CFBL_ADDRESS.")


def _signal_spam(_: Facts) -> Judgement:
    return Judgement("unknown", "cela ne se lit pas dans le DNS", "Inscrire les adresses d’envoi sur signal-spam.fr.")


def _related(one: str, other: str) -> bool:
    """The same domain, or one under the other: aligned whatever the registered domain is (RFC 7489 §3.1)."""
    return one == other or one.endswith(f".{other}") or other.endswith(f".{one}")


_ALL = ("Gmail", "Yahoo", "Microsoft", "Orange")
RULES = (
    Rule("spf", "SPF passe pour l’adresse d’envoi", _ALL, _spf),
    Rule("dkim", "DKIM passe", _ALL, _dkim),
    Rule("dmarc", "DMARC est publié, p=none au moins", _ALL, _dmarc),
    Rule("alignment", "SPF ou DKIM passe pour le domaine de l’auteur", _ALL, _aligned),
    Rule("reverse", "l’adresse d’envoi a un nom, qui mène à elle", ("Gmail", "Yahoo", "Orange"), _reverse),
    Rule("tls", "les messages partent par TLS", ("Gmail", "Orange"), _tls),
    Rule("one-click", "on se désinscrit en un clic", ("Gmail", "Yahoo"), _one_click),
    Rule("complaints", "moins de 0,1 % de plaintes, jamais 0,3 %", ("Gmail", "Yahoo", "Orange"), _complaints),
    Rule("own-domain", "l’auteur écrit depuis un domaine à lui", ("Gmail", "Yahoo"), _own_domain),
    Rule("receives", "on peut répondre à l’auteur", ("Yahoo", "Microsoft"), _receives),
    Rule("cfbl", "les plaintes vont à une adresse du domaine de l’auteur", ("RFC 9477",), _cfbl),
    Rule("signal-spam", "inscription à Signal Spam, au-delà de 1 000 messages par jour", ("Orange",), _signal_spam),
)
