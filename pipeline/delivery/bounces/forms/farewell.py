"""The mail that a reader's program writes when List-Unsubscribe names a mailto (RFC 2369 §3.2): the token stands in its subject."""

from __future__ import annotations

from pipeline.delivery.bounces import verp
from pipeline.delivery.bounces.forms.base import Letter, Verdict, ignored
from pipeline.delivery.bounces.report import first


def read(letter: Letter) -> Verdict | None:
    """Whatever was written to the address that unsubscribes."""
    if not verp.is_unsubscribe_address(letter.to):
        return None
    tokens = verp.unsubscribe_tokens_in(first(letter.head, "subject"))[:5]
    return Verdict("unsubscribe", "mail", tokens=tuple(tokens)) if tokens else ignored("désinscription sans jeton")
