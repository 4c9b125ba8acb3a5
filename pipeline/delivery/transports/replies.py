"""Replies of an SMTP server (RFC 5321 §4.2), read strictly in form, leniently in line ends, and within bounds."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pipeline.delivery.envelope import MAX_TEXT, Envelope, Outcome, Stage, Verdict

MAX_LINE = 4096
MAX_LINES = 200

# A line ends with LF after any number of CR, or with a CR that something else follows; blank lines do not count.
_LINE = re.compile(rb"[\r\n]*+([2-5][0-5][0-9])(?:([ -])([^\r\n]*+))?(?:\r*\n|\r+(?=[^\r\n]))")
_BREAK = re.compile(rb"[^\r\n](?:\r*+\n|\r++[^\r\n])")
_ENHANCED = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")


class ConversationLost(Exception):
    """The conversation cannot go on, and no dot is waiting for its reply.

    ``reply`` is what the server said in the end, if it did; ``timed_out`` that it was waited for in vain.
    """

    def __init__(self, text: str, *, reply: Reply | None = None, timed_out: bool = False) -> None:
        super().__init__(text)
        self.reply = reply
        self.timed_out = timed_out


class ProtocolError(ConversationLost):
    """The server said something that is no reply, or no reply to what was asked."""


def plain(words: str) -> str:
    """Somebody else's words on one line, safe to show and to log, at most 500 characters."""
    return _CONTROLS.sub(" ", words).strip()[:MAX_TEXT]


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole reply: its code and the bytes of each line after the code."""

    code: int
    lines: tuple[bytes, ...]

    @property
    def text(self) -> str:
        """The server's words on one line, safe to show and to log, at most 500 characters."""
        return plain(b" ".join(self.lines)[: 4 * MAX_TEXT].decode("utf-8", "replace"))

    @property
    def enhanced(self) -> str:
        """The status code of RFC 3463 (RFC 2034 puts it first), or ``""``; one that contradicts the code is not believed."""
        match = _ENHANCED.match(self.lines[0].decode("latin-1"))
        return match[0] if match and int(match[1]) == self.code // 100 else ""

    def outcome(self, envelope: Envelope, stage: Stage) -> Outcome:
        """The verdict of this reply: 2xx sent, 4xx deferred, 5xx refused.

        Raises :class:`ProtocolError` for a 3xx, which settles nothing.
        """
        kind = self.code // 100
        if kind == 3:
            raise ProtocolError(f"réponse inattendue du serveur : {self.code} {self.text}"[:MAX_TEXT])
        verdict: Verdict = "sent" if kind == 2 else "deferred" if kind == 4 else "refused"
        return Outcome(envelope.key, verdict, self.code, self.enhanced, self.text, stage)


class Replies:
    """Cuts what arrives into replies."""

    def __init__(self) -> None:
        self._data = b""
        self._at = 0
        self._code = 0
        self._lines: list[bytes] = []

    @property
    def pending(self) -> bool:
        """True where bytes have arrived that belong to no reply read so far."""
        return self._at < len(self._data)

    @property
    def ends_in_cr(self) -> bool:
        """True where only a line feed could still be missing: a server that ends its lines with CR alone."""
        return self._data.endswith(b"\r")

    def feed(self, data: bytes) -> None:
        self._data = self._data[self._at :] + data
        self._at = 0

    def next(self) -> Reply | None:
        """The next reply; None while it has not arrived as a whole. Raises :class:`ProtocolError`."""
        while match := _LINE.match(self._data, self._at):
            if match.end() - self._at > MAX_LINE:
                raise ProtocolError("ligne de réponse trop longue")
            self._at = match.end()
            code = int(match[1])
            self._lines.append(match[3] or b"")
            if self._code and code != self._code:
                raise ProtocolError(f"réponse à plusieurs codes : {self._code} puis {code}")
            if len(self._lines) > MAX_LINES:
                raise ProtocolError("réponse de plus de 200 lignes")
            if match[2] != b"-":
                reply = Reply(code, tuple(self._lines))
                self._code, self._lines = 0, []
                return reply
            self._code = code
        rest = len(self._data) - self._at
        if rest > MAX_LINE:
            raise ProtocolError("ligne de réponse trop longue")
        if rest > 1 and not self._may_become_a_line():
            said = Reply(500, (self._data[self._at : self._at + 80],)).text
            raise ProtocolError(f"réponse incompréhensible : {said}")
        return None

    def _may_become_a_line(self) -> bool:
        """True where the rest holds no end of a line: CRs at its very end may still be followed by their LF."""
        return _BREAK.search(self._data, self._at) is None
