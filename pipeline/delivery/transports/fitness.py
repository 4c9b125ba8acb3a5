"""What no transport would take: judged here, so that a rehearsal's mailbox refuses what a server would be refused."""

from __future__ import annotations

import re

from pipeline.delivery.envelope import Envelope, Outcome

# RFC 5321 §4.1.2 without quoted strings: whatever could end the command or its angle brackets is kept out.
_MAILBOX = re.compile(
    r"[^\x00-\x20\x7f-\xa0\u2028\u2029\ud800-\udfff<>@\\\"(),:;\[\]]+@[^\x00-\x20\x7f-\xa0\u2028\u2029\ud800-\udfff<>@\\\"(),;]+"
)
_LONGEST = 254  # RFC 3696, erratum 1690


def _is_mailbox(address: str) -> bool:
    return len(address.encode("utf-8", "surrogatepass")) <= _LONGEST and _MAILBOX.fullmatch(address) is not None


def local_refusal(envelope: Envelope, code: int, enhanced: str, text: str) -> Outcome:
    """A final refusal of our own, with the code a server would have given."""
    return Outcome(envelope.key, "refused", code, enhanced, text)


def unfit(envelope: Envelope) -> Outcome | None:
    """The refusal of a message that must not be handed to anyone; None where nothing speaks against it.

    An address that could break out of its command, and bare CR or LF in the content (SMTP smuggling: servers differ
    in what they take for the end of the message), are refused, never repaired: a repair would break the signature.
    """
    if not _is_mailbox(envelope.recipient):
        return local_refusal(envelope, 553, "5.1.3", "L’adresse du destinataire n’a pas la forme d’une adresse.")
    if envelope.sender and not _is_mailbox(envelope.sender):
        return local_refusal(envelope, 553, "5.1.7", "L’adresse de retour n’a pas la forme d’une adresse.")
    if envelope.clean:
        return None
    content = envelope.content
    pairs = content.count(b"\r\n")
    if content.count(b"\n") != pairs or content.count(b"\r") != pairs:
        return local_refusal(envelope, 554, "5.6.0", "Le message a des fins de ligne autres que CRLF.")
    return None
