"""What a mail that came back says about the one that was sent. Pure: bytes in, a verdict out; no signature is verified here."""

from __future__ import annotations

from pipeline.delivery.bounces.forms import farewell, feedback, legacy, notification, robots
from pipeline.delivery.bounces.forms.base import Kind, Verdict, ignored, opened
from pipeline.delivery.bounces.report import UnreadableError

__all__ = ["Kind", "Verdict", "judge"]

_FORMS = (feedback.read, notification.read, farewell.read, robots.read, legacy.read, robots.read_rest)
"""The surest first: a bounce of old and a robot's answer are told by their words, and both say that they are automatic."""


def judge(raw: bytes, *, to: str = "", address: str = "") -> Verdict:
    """Read a mail. ``to`` is the envelope's recipient, ``address`` whom our message went to, where that is known.

    Whatever ``raw`` holds, this does not raise: what is no report is ``ignored``.
    """
    try:
        letter = opened(raw, to=to, address=address)
    except UnreadableError as error:
        return ignored(str(error))
    for read in _FORMS:
        verdict = read(letter)
        if verdict is not None:
            return verdict
    return ignored("ni rapport, ni plainte")
