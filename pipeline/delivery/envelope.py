"""What goes to a transport and what comes back: one message for one person, and one answer for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Verdict = Literal["sent", "deferred", "refused", "unknown", "withheld"]
"""What became of one message.

``sent``      the other side took it and answers for it.
``deferred``  not taken, may be tried again: a 4xx reply, or the connection was lost before the final dot was written.
``refused``   not taken for good: a 5xx reply, or a message that this server cannot be given (address, size, SMTPUTF8).
``unknown``   the final dot was written and its reply never came (or was no reply): taken or not, nobody knows.
``withheld``  the gate said no, or the caller gave up waiting before the dot: nothing was taken, nobody refused it.
"""

Stage = Literal["", "connect", "mail", "rcpt", "data", "dot"]
"""Which step of the transaction (RFC 5321 §3.3) the answer belongs to; ``""`` where no server had a say."""

MAX_TEXT = 500


@dataclass(frozen=True, slots=True)
class Envelope:
    """One message for one recipient.

    ``key`` is the caller's own (a position in a list, say): the transport hands it back and never looks at it.
    ``sender`` is the return path as MAIL FROM has it, without angle brackets; ``""`` is the null sender.
    ``content`` is the whole RFC 5322 message: CRLF line ends only, not dot-stuffed.
    ``smtputf8`` says that a header of ``content`` needs RFC 6531; an address that is not ASCII asks for it by itself.
    ``clean`` promises that no line of ``content`` begins with a dot and that no CR or LF stands alone in it
    (:meth:`pipeline.compose.message.Compiled.render` does): it need not be read through once per message.
    """

    key: Any
    sender: str
    recipient: str
    content: bytes
    smtputf8: bool = False
    clean: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer for one envelope.

    ``code`` is the reply code of RFC 5321 (0: there was no reply), ``enhanced`` the status of RFC 3463 (``"5.1.1"``, or
    ``""``), ``text`` the server's words or ours, without control characters, at most 500 characters. A message that was
    refused before any server saw it has the code a server would have given, and ``stage == ""``.
    """

    key: Any
    verdict: Verdict
    code: int
    enhanced: str
    text: str
    stage: Stage = ""


def withheld(envelope: Envelope, text: str = "") -> Outcome:
    """The outcome of a message that the caller's own gate kept back."""
    return Outcome(envelope.key, "withheld", 0, "", text[:MAX_TEXT])
