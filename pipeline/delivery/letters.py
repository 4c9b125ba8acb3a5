"""Fills the compiled message of a mailing for one person after the other."""

from __future__ import annotations

from pipeline.audience.tokens import Maker
from pipeline.compose.message import Compiled, HoleError, load, message_id
from pipeline.delivery.envelope import Envelope
from pipeline.delivery.ledger import Row
from pipeline.delivery.models import Mailing

__all__ = ["HoleError", "Letters"]


class Letters:
    """One mailing's letters. Makers of links are made once: a few microseconds a letter are all there is to it."""

    def __init__(self, mailing: Mailing) -> None:
        self._name = mailing.name
        self._domain = mailing.domain
        self._sender = mailing.sender
        self._base = mailing.base_url
        self._compiled: Compiled = load(bytes(mailing.compiled))
        self._unsubscribe = Maker("unsubscribe", mailing.season)
        self._preferences = Maker("preferences", mailing.season)

    def envelope(self, row: Row) -> Envelope:
        """Raises :class:`pipeline.compose.message.HoleError`: the address cannot stand in a header."""
        person = row.public_id
        leave = f"{self._base}/desabonnement/{self._unsubscribe.make(person)}/"
        values = {
            "to": row.address,
            "message_id": message_id(self._name, str(person), self._domain),
            "list_unsubscribe": leave,
            "unsubscribe_url": leave,
            "preferences_url": f"{self._base}/preferences/{self._preferences.make(person)}/",
        }
        return Envelope(row.position, self._sender, row.address, self._compiled.render(values), clean=True)
