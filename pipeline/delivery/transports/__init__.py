"""Ways out: SMTP, a Maildir. A URL says which."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from pipeline.delivery.transports.base import Transport, TransportUnavailable
from pipeline.delivery.transports.connection import is_loopback
from pipeline.delivery.transports.maildir import MaildirTransport
from pipeline.delivery.transports.pool import Pool
from pipeline.delivery.transports.servers import TransportUrlError, parse_smtp_url

__all__ = ["Transport", "TransportUnavailable", "TransportUrlError", "is_local", "open_transport"]


def open_transport(url: str) -> Transport:
    """The transport of a URL: ``smtp://…``, ``smtp+starttls://…``, ``smtps://…`` or ``file:///folder`` (a Maildir; with
    ``?fsync=no`` nothing is forced to disk).

    Raises:
        TransportUrlError: the URL says nothing that we know.
    """
    parts = urlsplit(url)
    if parts.scheme != "file":
        return Pool([parse_smtp_url(url)])
    options = parse_qs(parts.query)
    if not parts.path.startswith("/") or parts.netloc or set(options) - {"fsync"}:
        raise TransportUrlError("Une boîte Maildir s’écrit file:///chemin/absolu.")
    return MaildirTransport(Path(unquote(parts.path)), sync=options.get("fsync", ["yes"])[-1] != "no")


def is_local(url: str) -> bool:
    """True where mails stay on this machine: a Maildir, or a server on loopback."""
    parts = urlsplit(url)
    return parts.scheme == "file" or is_loopback(parts.hostname or "")
