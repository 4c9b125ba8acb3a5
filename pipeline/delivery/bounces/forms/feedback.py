"""Feedback reports: a reader's complaint, sent on by the mailbox provider (RFC 5965), Signal Spam's and Microsoft's included."""

from __future__ import annotations

from pipeline.delivery.bounces import report, verp
from pipeline.delivery.bounces.forms.base import Letter, Verdict, ignored
from pipeline.delivery.bounces.report import Fields, clean, first
from pipeline.delivery.envelope import MAX_TEXT

_COMPLAINTS = frozenset({"abuse", "fraud"})
_MOST_TOKENS = 20
_WITNESSES = ("return-path", "list-unsubscribe", "x-original-return-path", "x-envelope-from", "x-mail-from")
"""Fields of the returned mail that hold a signature of ours, whatever a provider blanks."""


def read(letter: Letter) -> Verdict | None:
    """RFC 5965 §3.5 and RFC 6430 (``not-spam``). ``virus``, ``other`` and ``auth-failure`` (RFC 6591) are a machine's opinion."""
    found = letter.of_type("message/feedback-report")
    back = report.returned(letter.parts)
    if not found:
        return _of_microsoft(letter, back)
    told: Fields = {}
    for block in report.blocks(found[0]):
        told |= block
    kind = first(told, "feedback-type").casefold()
    text = clean(f"{kind} : {first(told, 'user-agent')}", MAX_TEXT)
    evidence = [value for name in ("original-mail-from", "cfbl-feedback-id") for value in told.get(name, [])]
    if kind in _COMPLAINTS:
        return Verdict("complaint", "arf", text=text, tokens=_tokens(evidence, back))
    if kind.startswith("opt-out"):
        return Verdict("unsubscribe", "arf", text=text, tokens=_tokens(evidence, back))
    return ignored(f"rapport « {clean(kind, 40) or 'sans type'} »", "arf")


def _of_microsoft(letter: Letter, back: Fields) -> Verdict | None:
    """Microsoft's junk mail reporting sends the mail back without a feedback part, marked by a field in it."""
    if "x-hmxmroriginalrecipient" not in back:
        return None
    return Verdict("complaint", "arf", text=clean(first(letter.head, "from"), MAX_TEXT), tokens=_tokens([], back))


def _tokens(evidence: list[str], back: Fields) -> tuple[str, ...]:
    """A return path names the message, an unsubscribe link only the person: it comes second."""
    values = evidence + [value for name in _WITNESSES for value in back.get(name, [])]
    paths = [token for value in values for token in verp.tokens_in(value)]
    links = [token for value in values for token in verp.unsubscribe_tokens_in(value)]
    return tuple(dict.fromkeys(paths + links))[:_MOST_TOKENS]
