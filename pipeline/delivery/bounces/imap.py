"""Reports in a mailbox on another server (RFC 9051), over TLS with its certificate checked; those that were read become ``\\Seen``."""

from __future__ import annotations

import contextlib
import imaplib
import ssl
from collections.abc import Iterator
from functools import partial
from typing import Any
from urllib.parse import SplitResult, parse_qs, unquote

from pipeline.delivery.bounces import report
from pipeline.delivery.bounces.box import BoxError, Filed

TIMEOUT = 30.0
"""Seconds that the server may take for any answer."""
_HERE = frozenset({"localhost", "127.0.0.1", "::1"})


def unread(url: SplitResult, most: int) -> Iterator[Filed]:
    """The oldest ``most`` unseen mails of ``imaps://user:password@host:port/mailbox?ca=FILE`` (``imap://``: STARTTLS).

    Raises:
        BoxError: the server cannot be reached, is not whom it should be, or does not let us in.
    """
    host = url.hostname or ""
    try:
        with contextlib.closing(_Session(url)) as session:
            for number in session.unseen()[:most]:
                raw = session.fetch(number)
                if raw is not None:
                    yield Filed(raw, partial(session.seen, number))
    except ssl.SSLCertVerificationError as error:
        raise BoxError(
            f"KIT_BOUNCES_URL : le certificat de {host} n’est pas accepté ({error.verify_message}) ; "
            "pour une autorité privée, ajouter ?ca=FICHIER."
        ) from error
    except (OSError, imaplib.IMAP4.error) as error:
        raise BoxError(f"KIT_BOUNCES_URL : la boîte de {host} ne se lit pas ({_words(error)}).") from error


class _Session:
    """One conversation, logged in, with the mailbox chosen."""

    def __init__(self, url: SplitResult) -> None:
        host = url.hostname or ""
        ca = parse_qs(url.query).get("ca", [None])[0]
        mailbox = unquote(url.path.lstrip("/")) or "INBOX"
        if not mailbox.isascii() or not mailbox.isprintable():
            raise BoxError(f"KIT_BOUNCES_URL : la boîte « {mailbox} » : un nom en ASCII est attendu.")
        try:
            context = ssl.create_default_context(cafile=ca)
        except OSError as error:
            raise BoxError(f"KIT_BOUNCES_URL : « ca={ca} » ne se lit pas ({error.strerror}).") from error
        if url.scheme == "imaps":
            self._talk: imaplib.IMAP4 = imaplib.IMAP4_SSL(host, url.port or 993, ssl_context=context, timeout=TIMEOUT)
        else:
            self._talk = imaplib.IMAP4(host, url.port or 143, timeout=TIMEOUT)
        try:
            if url.scheme != "imaps" and (host not in _HERE or "STARTTLS" in self._talk.capabilities):
                self._talk.starttls(context)
            self._talk.login(unquote(url.username or ""), unquote(url.password or ""))
            _checked(self._talk.select('"' + mailbox.replace("\\", r"\\").replace('"', r"\"") + '"'))
        except BaseException:
            self._talk.shutdown()
            raise

    def unseen(self) -> list[str]:
        found = _checked(self._talk.uid("SEARCH", "UNSEEN"))
        return [number.decode("ascii") for number in (found[0] or b"").split()]

    def fetch(self, number: str) -> bytes | None:
        """The first megabyte; the mail stays unseen. None where somebody has removed it meanwhile."""
        found = _checked(self._talk.uid("FETCH", number, f"(BODY.PEEK[]<0.{report.LONGEST}>)"))
        return next((bytes(one[1]) for one in found if isinstance(one, tuple)), None)

    def seen(self, number: str) -> None:
        _checked(self._talk.uid("STORE", number, "+FLAGS.SILENT", r"(\Seen)"))

    def close(self) -> None:
        with contextlib.suppress(OSError, imaplib.IMAP4.error):  # what was done is done; the server may have gone
            self._talk.logout()


def _checked(answer: tuple[str, list[Any]]) -> list[Any]:
    status, data = answer
    if status != "OK":
        raise imaplib.IMAP4.error(data[0] if data else status)
    return data


def _words(error: Exception) -> str:
    said = error.args[0] if error.args and isinstance(error.args[0], bytes) else str(error)
    return report.clean(said.decode("utf-8", "replace") if isinstance(said, bytes) else said, 200)
