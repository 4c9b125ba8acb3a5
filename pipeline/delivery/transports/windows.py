"""Reading envelopes lazily, a window at a time, with the gate's word on each."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import islice

from pipeline.delivery.envelope import Envelope, Outcome, withheld
from pipeline.delivery.transports.base import WINDOW, Gate


class Windows:
    """The envelopes of one ``deliver``, asked about in windows of at most 16."""

    def __init__(self, envelopes: Iterable[Envelope], gate: Gate) -> None:
        self._source = iter(envelopes)
        self._gate = gate
        self._window: deque[tuple[Envelope, bool]] = deque()
        self._returned: tuple[list[Outcome], Envelope | None] | None = None
        self.exhausted = False

    def take(self) -> tuple[list[Outcome], Envelope | None]:
        """The outcomes of those kept back, then the next envelope that may be written.

        None instead of an envelope: no more in this window. Ask again, unless ``exhausted``.
        """
        if self._returned is not None:
            returned, self._returned = self._returned, None
            return returned
        if not self._window:
            self._fill()
        passed: list[Outcome] = []
        while self._window:
            envelope, wanted = self._window.popleft()
            if wanted:
                return passed, envelope
            passed.append(withheld(envelope))
        return passed, None

    def put_back(self, passed: list[Outcome], envelope: Envelope | None) -> None:
        """Undo the last ``take``: the next one gives the same again."""
        if passed or envelope is not None:
            self._returned = (passed, envelope)

    def _fill(self) -> None:
        envelopes = list(islice(self._source, WINDOW))
        if not envelopes:
            self.exhausted = True
            return
        self._window.extend(zip(envelopes, self._gate.before_mail(envelopes), strict=True))
