"""The kinds of mails: how each leaves, and what is filled in for each person."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.compose.letter import LetterKind

_ENVELOPE = ("to", "message_id")
_LIST = ("list_unsubscribe", "list_unsubscribe_mail")


@dataclass(frozen=True, slots=True)
class Manner:
    """How mails of a kind leave.

    ``subject``: the pattern of the season's it bears. ``needed``: the links without which it may not leave; ``more``: those it
    may have as well. ``listed``: it comes of a subscription, so it says of which and how to end it (RFC 2369, 2919, 8058).
    ``personal``: a program writes it to one person, and says so (RFC 3834 §5), lest an absence notice answers.
    """

    subject: str
    needed: tuple[str, ...]
    more: tuple[str, ...] = ()
    listed: bool = False
    personal: bool = True

    @property
    def holes(self) -> frozenset[str]:
        """What whoever sends such a mail fills in, as far as the compiled mail asks for it."""
        return frozenset((*_ENVELOPE, *(_LIST if self.listed else ()), *self.needed, *self.more))


def _mailing(subject: str) -> Manner:
    return Manner(subject, ("unsubscribe_url",), ("preferences_url",), listed=True, personal=False)


MANNERS: dict[LetterKind, Manner] = {
    "launch": _mailing("launch"),
    "release": _mailing("release"),
    "final": _mailing("final"),
    "digest": _mailing("digest"),
    "catch-up": _mailing("catch_up"),
    "confirmation": Manner("confirmation", ("confirm_url", "canary_url")),
    "reminder": Manner("reminder", ("confirm_url", "canary_url")),
    # A subject can be read over a shoulder, or in a log: this one must not tell that the address was known.
    "already": Manner("confirmation", ("preferences_url",)),
    "welcome": Manner("welcome", ("unsubscribe_url",), ("preferences_url", "catch_up_url"), listed=True),
    "link": Manner("link", ("preferences_url",)),
    "moving": Manner("moving", ("move_url",)),
    "moved": Manner("moved", ("preferences_url",)),
    "renewal": Manner("renewal", ("renew_url", "unsubscribe_url"), ("preferences_url",), listed=True),
}
