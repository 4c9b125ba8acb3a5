"""Where connections take their next envelope from: one lazily read row of them, shared, to which what was not sent is given back."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Protocol

from pipeline.delivery.envelope import Envelope


class Row(Protocol):
    """What one connection takes its envelopes from."""

    def take(self) -> Envelope | None:
        """The next envelope; None where there is none now (one may still be given back by whoever has it)."""

    def give_back(self, envelope: Envelope) -> None:
        """Undo a ``take``: it is the next one that anybody gets."""


class Source:
    """The envelopes of one ``deliver``. Only what is taken is made; nothing is read ahead but for :meth:`has_more`."""

    def __init__(self, envelopes: Iterable[Envelope]) -> None:
        self._rest = iter(envelopes)
        self._returned: deque[Envelope] = deque()
        self._ended = False

    def take(self) -> Envelope | None:
        if self._returned:
            return self._returned.popleft()
        if self._ended:
            return None
        envelope = next(self._rest, None)
        if envelope is None:
            self._ended = True
            return None
        return envelope

    def give_back(self, envelope: Envelope) -> None:
        self._returned.appendleft(envelope)

    def has_more(self) -> bool:
        envelope = self.take()
        if envelope is None:
            return False
        self.give_back(envelope)
        return True
