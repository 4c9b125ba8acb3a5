"""Ways out: SMTP, an API provider, a Maildir. A URL says which."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from pipeline.delivery.transports.base import Transport, TransportUnavailable
from pipeline.delivery.transports.connection import is_loopback
from pipeline.delivery.transports.maildir import MaildirTransport
from pipeline.delivery.transports.pool import Permits, Pool, unlimited
from pipeline.delivery.transports.providers import is_anymail, parse_anymail_url
from pipeline.delivery.transports.servers import TransportUrlError, parse_smtp_urls

__all__ = ["Transport", "TransportUnavailable", "TransportUrlError", "is_local", "open_transport"]


def open_transport(text: str, permits: Permits = unlimited) -> Transport:
    """The transport of what KIT_SMTP_URL says.

    One ``smtp://…``, ``smtp+starttls://…`` or ``smtps://…``, or several separated by spaces; ``anymail://PROVIDER/?…``; or
    ``file:///folder`` (a Maildir; with ``?fsync=no`` nothing is forced to disk). ``permits`` shares the servers' rates among processes.

    Raises:
        TransportUrlError: the text says nothing that we know.
    """
    if text.startswith("file:"):
        return _maildir(urlsplit(text))
    urls = text.split()
    if len(urls) > 1 and any(is_anymail(url) or url.startswith("file:") for url in urls):
        raise TransportUrlError("Plusieurs adresses séparées par des espaces : des serveurs SMTP seulement.")
    if is_anymail(text):
        # Imported here: it brings an HTTP client, which most installations never need.
        from pipeline.delivery.transports.anymail import AnymailTransport  # noqa: PLC0415

        return AnymailTransport(parse_anymail_url(text))
    return Pool(parse_smtp_urls(text), permits)


def is_local(text: str) -> bool:
    """True where mails stay on this machine: a Maildir, or servers on loopback."""
    if text.startswith("file:"):
        return True
    servers = [urlsplit(url) for url in text.split()]
    return bool(servers) and all(is_loopback(one.hostname or "") for one in servers)


def _maildir(parts: SplitResult) -> Transport:
    options = parse_qs(parts.query)
    if not parts.path.startswith("/") or parts.netloc or set(options) - {"fsync"}:
        raise TransportUrlError("Une boîte Maildir s’écrit file:///chemin/absolu.")
    return MaildirTransport(Path(unquote(parts.path)), sync=options.get("fsync", ["yes"])[-1] != "no")
