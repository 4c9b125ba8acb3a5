"""Fills the compiled message of a mailing for one person after the other, with a return path of its own and signed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from pipeline.audience.tokens import Maker
from pipeline.compose.message import Compiled, HoleError, load, message_id
from pipeline.delivery import dkim
from pipeline.delivery.bounces import verp
from pipeline.delivery.envelope import Envelope
from pipeline.delivery.ledger import Row
from pipeline.delivery.models import Mailing

__all__ = ["HoleError", "Letters", "LettersError", "Stationery"]


class LettersError(Exception):
    """No letter of a mailing can be made, for nobody; the message is French and says the mend."""


@dataclass(frozen=True, slots=True)
class Stationery:
    """What every mail of this installation carries. ``return_path``: where its bounces go (``""``: to the sender);
    ``dkim_dir``: the folder of the keys that sign it (None: the mail server signs)."""

    return_path: str = ""
    dkim_dir: Path | None = None

    def signer(self, sender: str) -> dkim.Signer | None:
        """Who signs for the From address ``sender``.

        Raises:
            pipeline.delivery.dkim.DkimError: there are keys, and none can sign for it.
        """
        return _signer(self.dkim_dir, sender.rpartition("@")[2]) if self.dkim_dir is not None else None


class Letters:
    """One mailing's letters. Makers of links are made once: a few microseconds a letter are all there is to it."""

    def __init__(self, mailing: Mailing, stationery: Stationery, clock: Callable[[], float]) -> None:
        """``clock``: seconds since 1970, for signatures. Raises :class:`LettersError`."""
        self._mailing = mailing.pk
        self._name = mailing.name
        self._domain = mailing.domain
        self._sender = mailing.sender
        self._base = mailing.base_url
        self._clock = clock
        self._compiled: Compiled = _load(mailing)
        self._unsubscribe = Maker("unsubscribe", mailing.season)
        self._preferences = Maker("preferences", mailing.season, now=dt.datetime.fromtimestamp(clock(), dt.UTC))
        self._return_path = stationery.return_path
        try:
            self._verp = verp.Maker(stationery.return_path) if stationery.return_path else None
            self._signer = stationery.signer(mailing.sender)
        except (verp.ReturnPathError, dkim.DkimError) as error:
            raise LettersError(str(error)) from error
        self._mailto = "list_unsubscribe_mail" in self._compiled.holes

    def envelope(self, row: Row) -> Envelope:
        """Raises :class:`pipeline.compose.message.HoleError`: the address cannot stand in a header."""
        person = row.public_id
        token = self._unsubscribe.make(person)
        leave = f"{self._base}/desabonnement/{token}/"
        values = {
            "to": row.address,
            "message_id": message_id(self._name, str(person), self._domain),
            "list_unsubscribe": leave,
            "unsubscribe_url": leave,
            "preferences_url": f"{self._base}/preferences/{self._preferences.make(person)}/",
        }
        if self._mailto:
            values["list_unsubscribe_mail"] = verp.unsubscribe_mailto(self._return_path or self._sender, token)
        content = self._compiled.render(values)
        if self._signer is not None:
            content = self._signer.sign(content, at=int(self._clock())) + content
        sender = self._verp.make(self._mailing, row.position) if self._verp is not None else self._sender
        return Envelope(row.position, sender, row.address, content, clean=True)


def _load(mailing: Mailing) -> Compiled:
    try:
        return load(bytes(mailing.compiled))
    except ValueError as error:
        raise LettersError(
            f"Le texte figé n’est pas lisible par cette version du programme ({error}) : revenir à celle qui l’a figé, "
            "ou abandonner l’envoi par « kit cancel »."
        ) from error


@lru_cache(maxsize=16)
def _signer(folder: Path, domain: str) -> dkim.Signer:
    return dkim.load(folder, domain)
