"""SMTP servers as their URLs describe them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Literal, cast
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

Tls = Literal["auto", "none", "opportunistic", "required", "implicit"]
"""``auto``: none to this machine itself, opportunistic elsewhere. ``opportunistic``: where the server offers STARTTLS, and
then with its certificate checked as always. ``implicit``: TLS from the first byte (RFC 8314)."""

Dsn = Literal["no", "failure", "failure,delay"]
"""Of what the servers on the way shall tell the return path (RFC 3461 §4.1). ``no``: nothing is said, each does as it likes."""

_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
_DSN: dict[str, Dsn] = {"no": "no", "failure": "failure", "failure,delay": "failure,delay"}
_KNOWN = "tls, ca, verify, helo, connections, messages, rate, weight, dsn, timeout"
_YES_NO = {"yes": True, "oui": True, "1": True, "true": True, "no": False, "non": False, "0": False, "false": False}


class TransportUrlError(ValueError):
    """The address of a transport that cannot be used; the message is French and names what is wrong, never a password."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long to wait, in seconds: the minima of RFC 5321 §4.5.3.2; ``connect`` and ``quit`` are ours."""

    connect: float = 30.0
    greeting: float = 300.0
    command: float = 300.0  # EHLO, STARTTLS, AUTH, MAIL, RCPT, RSET
    data: float = 120.0
    block: float = 180.0  # for any progress while content is written
    dot: float = 600.0
    quit: float = 2.0

    def scaled(self, command: float) -> Timeouts:
        """The same proportions for another ``command`` timeout (for tests, and for impatient operators)."""
        factor = command / self.command
        scaled = {item.name: getattr(self, item.name) * factor for item in fields(self)}
        scaled |= {"connect": min(self.connect, command), "quit": min(self.quit, command)}
        return Timeouts(**scaled)


@dataclass(frozen=True, slots=True)
class Server:
    """Where and how to hand mail over.

    ``connections`` is per sending process, ``messages`` per connection (0: no limit), ``rate`` in messages per second over all
    processes (0: no limit). Of several servers that answer, each gets a share of the mail in proportion to its ``weight``.
    """

    host: str
    port: int
    tls: Tls = "auto"
    user: str = ""
    password: str = field(default="", repr=False)
    ca: str = ""
    verify: bool = True
    helo: str = ""
    connections: int = 4
    messages: int = 1000
    rate: float = 0.0
    weight: int = 1
    dsn: Dsn = "failure"
    timeouts: Timeouts = Timeouts()

    @property
    def name(self) -> str:
        """What operators read: host and port, no credentials."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def notify(self) -> str:
        """The parameter of RCPT where the server offers DSN, as ``NOTIFY=FAILURE``; ``""``: none. MAIL then has ``RET=HDRS``."""
        return "" if self.dsn == "no" else f"NOTIFY={self.dsn.upper()}"


def parse_smtp_urls(text: str) -> tuple[Server, ...]:
    """Read one URL or several, separated by spaces; see :func:`parse_smtp_url`.

    Raises:
        TransportUrlError: none at all, one that cannot be used (its place is told), or twice the same server and user.
    """
    urls = text.split()
    if not urls:
        raise TransportUrlError("Aucun serveur d’envoi : smtp://serveur:25/")
    servers: list[Server] = []
    for place, url in enumerate(urls, 1):
        try:
            server = parse_smtp_url(url)
        except TransportUrlError as error:
            raise TransportUrlError(f"Adresse n° {place} : {error}" if len(urls) > 1 else str(error)) from error
        if any((server.host, server.port, server.user) == (other.host, other.port, other.user) for other in servers):
            raise TransportUrlError(
                f"Le serveur d’envoi {server.name} est donné deux fois : n’en garder qu’une adresse."
            )
        servers.append(server)
    return tuple(servers)


def parse_smtp_url(url: str) -> Server:
    """Read ``smtp://user:pass@host:25/?tls=…``, ``smtp+starttls://`` (TLS required) or ``smtps://`` (TLS at once).

    Options: ``tls=none|opportunistic|required``, ``ca=FILE``, ``verify=yes|no``, ``helo=NAME``, ``connections=1…64``,
    ``messages=N`` (0: no limit), ``rate=N`` (0: no limit), ``weight=1…100``, ``dsn=no|failure|failure,delay``,
    ``timeout=SECONDS`` (per command; the others keep RFC 5321's proportions).

    Raises:
        TransportUrlError: in French, for the operator.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise TransportUrlError("L’adresse du serveur d’envoi est illisible (port ou crochets mal écrits).") from error
    if parts.scheme not in _PORTS:
        raise TransportUrlError(
            f"Le schéma « {parts.scheme} » n’est pas celui d’un serveur SMTP ({', '.join(_PORTS)})."
        )
    if not host:
        raise TransportUrlError("L’adresse du serveur d’envoi ne nomme pas de serveur : smtp://serveur:25/")
    if parts.path not in ("", "/") or parts.fragment:
        raise TransportUrlError(
            "L’adresse du serveur d’envoi porte un chemin : seules des options (?tls=…) sont admises."
        )
    try:
        # Delayed to the connection, a host that IDNA cannot encode would raise from the resolver.
        host.encode("idna")
    except UnicodeError as error:
        raise TransportUrlError(f"Le nom du serveur d’envoi « {host} » n’est pas un nom de domaine.") from error
    return _with_options(_bare(parts, host, port), parts)


def _bare(parts: SplitResult, host: str, port: int | None) -> Server:
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if "\0" in user + password:
        raise TransportUrlError("L’identifiant ou le mot de passe du serveur d’envoi contient un octet nul.")
    tls: dict[str, Tls] = {"smtp": "auto", "smtp+starttls": "required", "smtps": "implicit"}
    return Server(host, _PORTS[parts.scheme] if port is None else port, tls[parts.scheme], user, password)


def _with_options(server: Server, parts: SplitResult) -> Server:  # noqa: PLR0912 - one case per option
    options = parse_qsl(parts.query, keep_blank_values=True)
    if len({name for name, _ in options}) < len(options):
        raise TransportUrlError("L’adresse du serveur d’envoi donne deux fois la même option.")
    for name, value in options:
        match name:
            case "tls":
                if value not in ("none", "opportunistic", "required"):
                    raise TransportUrlError(f"« tls={value} » : choisir none, opportunistic ou required.")
                if parts.scheme != "smtp":
                    raise TransportUrlError(f"« tls= » contredit {parts.scheme}:// ; l’un des deux suffit.")
                server = replace(server, tls=cast(Tls, value))
            case "ca":
                if not Path(value).is_file():
                    raise TransportUrlError(f"« ca={value} » : ce fichier de certificats n’existe pas.")
                server = replace(server, ca=value)
            case "verify":
                if value.lower() not in _YES_NO:
                    raise TransportUrlError(f"« verify={value} » : choisir yes ou no.")
                server = replace(server, verify=_YES_NO[value.lower()])
            case "helo":
                if not value.isascii() or not value.isprintable() or " " in value or not value:
                    raise TransportUrlError(f"« helo={value} » n’est pas un nom de machine.")
                server = replace(server, helo=value)
            case "connections":
                server = replace(server, connections=_whole(name, value, 1, 64))
            case "messages":
                server = replace(server, messages=_whole(name, value, 0, 1_000_000))
            case "rate":
                server = replace(
                    server, rate=_number(name, value, 0.0, 100_000.0, "messages par seconde (0 : sans limite)")
                )
            case "weight":
                server = replace(server, weight=_whole(name, value, 1, 100))
            case "dsn":
                if value not in _DSN:
                    raise TransportUrlError(f"« dsn={value} » : choisir no, failure ou failure,delay.")
                server = replace(server, dsn=_DSN[value])
            case "timeout":
                server = replace(server, timeouts=Timeouts().scaled(_number(name, value, 0.01, 3600.0, "secondes")))
            case _:
                raise TransportUrlError(f"Option inconnue « {name} » du serveur d’envoi ; options connues : {_KNOWN}.")
    return server


def _whole(name: str, value: str, least: int, most: int) -> int:
    if not (value.isascii() and value.isdigit() and least <= int(value) <= most):
        raise TransportUrlError(f"« {name}={value} » : un nombre entier entre {least} et {most}.")
    return int(value)


def _number(name: str, value: str, least: float, most: float, unit: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not least <= number <= most:
        raise TransportUrlError(f"« {name}={value} » : un nombre de {unit} entre {least:g} et {most:g}.")
    return number
