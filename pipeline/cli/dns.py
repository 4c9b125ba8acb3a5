"""`kit dns`: what to publish, what is published, which rules of mailbox providers are not met."""

from __future__ import annotations

import datetime as dt
import os
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer

from pipeline.cli.face import Fault, say, say_error, say_json, set_up

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.delivery.complaints import Rate
    from pipeline.delivery.dkim import Key
    from pipeline.delivery.standing.facts import Facts, Habits
    from pipeline.delivery.standing.resolver import Address, Resolver
    from pipeline.delivery.standing.rules import Judged
    from pipeline.delivery.transports.servers import Server
    from pipeline.environment import Environment

_RECORD = {"published": "publié", "missing": "absent", "different": "à corriger", "unknown": "indécis"}
_LATELY = dt.timedelta(days=30)
_PATIENCE = 5
"""Seconds for the database to answer."""
_RULE = {"met": "respectée", "unmet": "NON RESPECTÉE", "unknown": "indécise"}


def register(app: typer.Typer) -> None:
    app.command("dns")(dns)


def dns(
    *,
    from_domain: Annotated[
        list[str] | None, typer.Option("--from-domain", help="Domaine de l’auteur ; sinon ceux des saisons.")
    ] = None,
    address: Annotated[
        list[str] | None, typer.Option("--address", help="Adresse IP d’envoi ; sinon celles de KIT_SMTP_URL.")
    ] = None,
    mx: Annotated[str, typer.Option("--mx", help="Serveur qui reçoit les retours.")] = "",
    reports: Annotated[str, typer.Option("--reports", help="Adresse des rapports DMARC et TLS.")] = "",
    resolver: Annotated[str, typer.Option("--resolver", help="Résolveur à interroger, ADRESSE:PORT.")] = "",
    timeout: Annotated[float, typer.Option("--timeout", min=0.1, max=60, help="Secondes par question.")] = 4.0,
    as_json: Annotated[bool, typer.Option("--json", help="Écrire du JSON.")] = False,
) -> None:
    """Dire quoi publier dans le DNS, ce qui l’est, et quelles règles des messageries ne sont pas respectées."""
    from pipeline import environment
    from pipeline.delivery.standing import facts, rules
    from pipeline.delivery.standing.records import Sender
    from pipeline.delivery.standing.resolver import Resolver

    held = environment.read()
    servers = _servers(held)
    lookup = Resolver(_resolver(resolver), timeout=timeout)
    keys = {domain: _keys(domain, held) for domain in _domains(from_domain, held)}
    told = _addresses(address, servers, lookup)
    habits = _habits(held, servers)
    surveyed = []
    for domain, known in keys.items():
        back = held.return_path.rpartition("@")[2].lower() or domain
        sender = Sender(
            domain=domain,
            return_domain=back,
            bounces=bool(held.return_path),
            mail_host=mx or _mail_host(held, back),
            reports=reports or f"postmaster@{domain}",
            addresses=told,
            keys=known,
        )
        found = facts.gather(sender, habits, lookup)
        surveyed.append((found, list(rules.judge(found))))
    if as_json:
        say_json([_as_json(found, judged) for found, judged in surveyed])
    else:
        for found, judged in surveyed:
            _tell(found, judged)
    if any(one.judgement.state == "unmet" for _, judged in surveyed for one in judged):
        raise typer.Exit(1)


def _domains(given: list[str] | None, held: Environment) -> list[str]:
    """The domains of From addresses: as given, or those of the seasons' files."""
    from pipeline.audience.addresses import AddressError, parse
    from pipeline.content.errors import ContentError
    from pipeline.season import schema

    if given:
        wanted = [f"postmaster@{domain}" for domain in given]
    else:
        try:
            seasons = [schema.load(path) for path in sorted(held.schedules_dir.glob("*.yaml"))]
        except ContentError as error:
            raise Fault(str(error)) from error
        wanted = [season.publisher.sender_address for season in seasons]
    if not wanted:
        raise Fault(f"Aucune saison dans « {held.schedules_dir} » : donner --from-domain DOMAINE.")
    try:
        return list(dict.fromkeys(parse(one).domain for one in wanted))
    except AddressError as error:
        raise Fault(f"--from-domain : {error}") from error


def _servers(held: Environment) -> list[Server]:
    from pipeline.delivery.transports.servers import TransportUrlError, parse_smtp_url

    try:
        return [parse_smtp_url(url) for url in held.smtp_url.split() if url.startswith("smtp")]
    except TransportUrlError as error:
        raise Fault(f"KIT_SMTP_URL : {error}") from error


def _resolver(text: str) -> tuple[str, int] | None:
    if not text:
        return None
    try:
        parts = urlsplit(f"//{text}" if text.count(":") < 2 or text.startswith("[") else f"//[{text}]")
        return str(ip_address(parts.hostname or "")), parts.port or 53
    except ValueError as error:
        raise Fault(f"--resolver : « {text} » n’est pas ADRESSE:PORT, comme 192.0.2.53:53.") from error


def _addresses(given: list[str] | None, servers: Sequence[Server], lookup: Resolver) -> tuple[Address, ...]:
    """Those given, or those of the SMTP servers; a server of this machine tells nothing of what others see."""
    from pipeline.delivery.standing.resolver import Silent
    from pipeline.delivery.transports.connection import is_loopback

    found: list[Address] = []
    for text in given or ():
        try:
            found.append(ip_address(text))
        except ValueError as error:
            raise Fault(f"--address : « {text} » n’est pas une adresse IP, comme 192.0.2.25.") from error
    if given:
        return tuple(dict.fromkeys(found))
    for server in servers:
        try:
            found.append(ip_address(server.host))
        except ValueError:
            try:
                found += lookup.addresses(server.host)
            except Silent as silent:
                say_error(f"{server.host} : {silent}.")
    return tuple(dict.fromkeys(one for one in found if not is_loopback(str(one))))


def _keys(domain: str, held: Environment) -> tuple[Key, ...]:
    from pipeline.delivery import dkim

    try:
        return dkim.load(held.dkim_dir, domain).keys if held.dkim_dir else ()
    except dkim.DkimError as error:
        raise Fault(str(error)) from error


def _mail_host(held: Environment, back: str) -> str:
    """Where bounces are read over IMAP, else where the site is: there, the LMTP server listens behind a mail server."""
    url = held.bounces_url if held.bounces_url.startswith("imap") else held.base_url
    host = urlsplit(url).hostname or ""
    return host if host.rpartition(".")[2].isalpha() and "." in host else back


def _habits(held: Environment, servers: Sequence[Server]) -> Habits:
    from pipeline.delivery.standing.facts import Habits
    from pipeline.delivery.transports.connection import is_loopback

    return Habits(
        clear=any(server.tls == "none" and not is_loopback(server.host) for server in servers),
        one_click=held.secure,
        complaints=_complaints(held),
        cfbl=held.cfbl_address,
    )


def _complaints(held: Environment) -> Rate | None:
    """How many of the last thirty days' readers complained, as this installation's database has it; None where it cannot tell."""
    if not (held.database_url or (held.data_dir / "kit.sqlite3").is_file()):
        return None
    os.environ.setdefault("PGCONNECT_TIMEOUT", str(_PATIENCE))
    set_up()
    from django.conf import settings
    from django.db import Error

    from pipeline import clock
    from pipeline.delivery import complaint_rates

    described = settings.DATABASES["default"]
    if "sqlite3" in described["ENGINE"] and not Path(described["NAME"]).is_file():
        return None  # to ask would create it
    try:
        rate = complaint_rates.since(clock.now() - _LATELY)
    except Error as error:
        say_error(f"Plaintes : la base ne répond pas ({str(error).partition(chr(10))[0]}).")
        return None
    heard = held.bounces_url or held.lmtp or held.webhook_secret
    return rate if heard or (rate and rate.complaints) else None


def _as_json(facts: Facts, judged: Sequence[Judged]) -> dict[str, Any]:
    from pipeline.delivery.standing.records import sts_policy

    sender = facts.sender
    return {
        "domain": sender.domain,
        "return_domain": sender.return_domain,
        "addresses": [str(one) for one in sender.addresses],
        "records": [
            {
                "purpose": one.record.purpose,
                "name": one.record.name,
                "type": one.record.type,
                "value": one.record.value,
                "strings": list(one.record.strings),
                "state": one.state,
                "found": list(one.found),
                "why": one.why,
            }
            for one in facts.records
        ],
        "mta_sts_policy": sts_policy(sender) if sender.bounces else None,
        "rules": [
            {
                "rule": one.rule.key,
                "text": one.rule.text,
                "asked_by": list(one.rule.asked_by),
                "state": one.judgement.state,
                "found": one.judgement.found,
                "mend": one.judgement.mend,
            }
            for one in judged
        ],
    }


def _tell(facts: Facts, judged: Sequence[Judged]) -> None:
    from pipeline.delivery.standing.records import sts_policy

    sender = facts.sender
    shown = ", ".join(map(str, sender.addresses)) or "inconnues (--address IP)"
    say(f"{sender.domain} ; retours : {sender.return_domain} ; adresses d’envoi : {shown}\n\nÀ publier")
    for one in facts.records:
        why = f" ({one.why})" if one.why else ""
        say(f"  {one.record.purpose} : {_RECORD[one.state]}{why}\n    {one.record.line}")
        if one.state == "different":
            for text in one.found:
                say(f"    trouvé : {text}")
    if sender.bounces:
        say(f"  https://mta-sts.{sender.return_domain}/.well-known/mta-sts.txt")
        for line in sts_policy(sender).splitlines():
            say(f"    {line}")
    say("\nRègles")
    for rule in judged:
        say(f"  {_RULE[rule.judgement.state]} : {rule.rule.text} ({', '.join(rule.rule.asked_by)})")
        say(f"    {rule.judgement.found}{f'. {rule.judgement.mend}' if rule.judgement.mend else ''}")
    say()
