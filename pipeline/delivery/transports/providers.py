"""API providers as their URL describes them: ``anymail://PROVIDER/?api_key=…``. Nothing here needs Django."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from urllib.parse import SplitResult, unquote, urlsplit

from pipeline.delivery.transports.connection import is_loopback
from pipeline.delivery.transports.servers import TransportUrlError

SCHEME = "anymail"


@dataclass(frozen=True, slots=True)
class Provider:
    """What django-anymail's backend of one provider takes, and what it lets us ask for.

    ``per_message_tracking``: that opens and clicks are not tracked can be said with each message; where it cannot, the
    operator says so in the provider's own settings. ``return_path``: the envelope's sender is taken as given.
    ``ascii_headers``: it writes every header decoded, as bare UTF-8, so that a phrase with accents must stay out.
    """

    title: str
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    per_message_tracking: bool = True
    return_path: bool = False
    ascii_headers: bool = False


PROVIDERS: Mapping[str, Provider] = MappingProxyType(
    {
        "brevo": Provider("Brevo", ("api_key",), per_message_tracking=False, ascii_headers=True),
        # Mailgun takes the envelope's domain for its own sending domain, which it need not be: `sender_domain` says it.
        "mailgun": Provider("Mailgun", ("api_key",), ("sender_domain", "webhook_signing_key")),
        "mailjet": Provider("Mailjet", ("api_key", "secret_key")),
        "postmark": Provider("Postmark", ("server_token",), ("message_stream",)),
        "sparkpost": Provider("SparkPost", ("api_key",), ("subaccount",), return_path=True),
    }
)
"""Those that tell us of bounces and complaints by webhook and that django-anymail supports. Others are reached by SMTP."""

_OURS = ("api_url", "connections", "timeout")


@dataclass(frozen=True, slots=True)
class Account:
    """Our account with a provider. ``timeout``: seconds to wait for an answer; ``connections``: messages under way at a time."""

    name: str
    provider: Provider
    options: Mapping[str, str] = field(repr=False)
    connections: int = 4
    timeout: float = 60.0


def is_anymail(url: str) -> bool:
    return url.startswith(f"{SCHEME}:")


def parse_anymail_url(url: str) -> Account:
    """Read ``anymail://PROVIDER/?api_key=…``: the provider's own options, percent-encoded, and ours.

    Ours: ``api_url=https://…`` (another region), ``connections=1…16``, ``timeout=SECONDS``.

    Raises:
        TransportUrlError: in French, for the operator; it never shows a value that may be a key.
    """
    try:
        parts = urlsplit(url)
        name = (parts.hostname or "").lower()
        extra = parts.username or parts.password or parts.port or parts.fragment or parts.path.strip("/")
    except ValueError as error:
        raise TransportUrlError("L’adresse du prestataire d’envoi est illisible.") from error
    if parts.scheme != SCHEME or name not in PROVIDERS:
        raise TransportUrlError(f"Prestataire d’envoi inconnu « {name} » ; connus : {', '.join(PROVIDERS)}.")
    if extra:
        raise TransportUrlError(f"Le prestataire s’écrit {SCHEME}://{name}/?{PROVIDERS[name].required[0]}=…")
    return _account(name, PROVIDERS[name], _options(parts))


def anymail_settings(url: str, webhook_secret: str = "") -> dict[str, object]:
    """Django's ``ANYMAIL`` for this account: what django-anymail's webhooks read; ``webhook_secret`` is ``user:password``.

    Raises:
        TransportUrlError: see :func:`parse_anymail_url`.
    """
    account = parse_anymail_url(url)
    settings: dict[str, object] = {
        f"{account.name.upper()}_{option.upper()}": value for option, value in account.options.items()
    }
    return settings | ({"WEBHOOK_SECRET": webhook_secret} if webhook_secret else {})


def _options(parts: SplitResult) -> dict[str, str]:
    """The options; a « + » stays one, for keys hold it."""
    options: dict[str, str] = {}
    for pair in filter(None, parts.query.split("&")):
        option, _, value = pair.partition("=")
        if option in options:
            raise TransportUrlError(f"L’adresse du prestataire d’envoi donne deux fois « {option} ».")
        options[option] = unquote(value)
        if not options[option] or not options[option].isprintable():
            raise TransportUrlError(f"L’option « {option} » du prestataire d’envoi est vide ou illisible.")
    return options


def _account(name: str, provider: Provider, options: dict[str, str]) -> Account:
    known = (*provider.required, *provider.optional, *_OURS)
    for option in options:
        if option not in known:
            raise TransportUrlError(f"Option inconnue « {option} » de {provider.title} ; connues : {', '.join(known)}.")
    for option in provider.required:
        if option not in options:
            raise TransportUrlError(
                f"Il manque à {provider.title} l’option « {option} » : {SCHEME}://{name}/?{option}=…"
            )
    connections, timeout = options.pop("connections", "4"), options.pop("timeout", "60")
    if not (connections.isascii() and connections.isdigit() and 1 <= int(connections) <= 16):
        raise TransportUrlError(f"« connections={connections} » : un nombre entier entre 1 et 16.")
    if not _is_seconds(timeout):
        raise TransportUrlError(f"« timeout={timeout} » : un nombre de secondes entre 0,1 et 600.")
    if "api_url" in options and not _is_safe(options["api_url"]):
        raise TransportUrlError("« api_url » : une adresse https://… (http:// ne vaut que pour cette machine).")
    return Account(name, provider, MappingProxyType(options), int(connections), float(timeout))


def _is_seconds(value: str) -> bool:
    try:
        return 0.1 <= float(value) <= 600
    except ValueError:
        return False


def _is_safe(url: str) -> bool:
    """True where a key may be sent to ``url``."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host)))
