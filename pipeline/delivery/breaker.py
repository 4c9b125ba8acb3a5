"""When a mailing stops by itself and calls a person. Counts in, a reason out; nothing is read and nothing is written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from pipeline.delivery import complaints
from pipeline.delivery.complaints import Rate

UNKNOWN_IN_A_ROW = 3
UNKNOWN_SHARE = 0.005
UNKNOWN_LEAST = 2
FORGIVEN = 16
"""Uncertain messages of a mailing that deaths of senders explain: a few connections' worth each. More of them call a person, too."""
BLOCKED = 3
REFUSED_SHARE = 0.1
TRIED_LEAST = 50


class Stand(Protocol):
    """How a mailing stands (:class:`pipeline.delivery.ledger.Tally` is one): its people by what became of their message."""

    @property
    def frozen(self) -> int: ...
    @property
    def sent(self) -> int: ...
    @property
    def deferred(self) -> int: ...
    @property
    def refused(self) -> int: ...
    @property
    def unknown(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Recent:
    """What one sender has seen of a mailing since it began or a person let it go on.

    ``unknown_in_a_row``: the longest run of uncertain messages, each a connection lost after its dot. ``policy_at_message``: refusals
    that speak of us or of the message, whoever the recipient. ``policy_at_rcpt``: recipients' servers that refuse us.
    ``run`` is the run of uncertain messages that is not over yet.
    """

    unknown_in_a_row: int = 0
    policy_at_message: int = 0
    policy_at_rcpt: int = 0
    run: int = 0

    def after(self, attempts: Iterable[tuple[str, str]]) -> Recent:
        """The same, with attempts that came since, in their order: (kind, meaning) each."""
        longest, run, message, rcpt = self.unknown_in_a_row, self.run, self.policy_at_message, self.policy_at_rcpt
        for kind, meaning in attempts:
            run = run + 1 if kind == "unknown" else 0
            longest = max(longest, run)
            if kind == "refused":
                message += meaning in ("policy", "content")
                rcpt += meaning == "blocked"
        return Recent(longest, message, rcpt, run)


def alarming(recent: Recent) -> bool:
    """True where what was just seen stops the mailing whatever its counts: the sender begins nothing more before they are asked."""
    return bool(
        recent.policy_at_message or recent.policy_at_rcpt >= BLOCKED or recent.unknown_in_a_row >= UNKNOWN_IN_A_ROW
    )


def too_many(unknown: int, frozen: int) -> bool:
    """True where so many uncertain messages of a list of ``frozen`` people call for a person."""
    return unknown >= UNKNOWN_LEAST and unknown > frozen * UNKNOWN_SHARE


def why_stop(
    stand: Stand, recent: Recent, *, rates: Sequence[Rate] = (), accepted: Stand | None = None, forgiven: int = 0
) -> str:
    """Why the mailing must pause, with the mend, in French; ``""``: go on.

    ``accepted`` is how it stood when a person last said « kit resume »: what was known then stops it no more, only what has come since.
    ``forgiven`` uncertain messages are explained by deaths of our own senders, and say nothing of the server.
    In the order of urgency: a refusal of us or of the message, servers that refuse us, lost answers, refusals, complaints.
    """
    if recent.policy_at_message:
        return (
            "Le serveur refuse le message ou l’expéditeur, quel que soit le destinataire : lire sa réponse "
            "(« kit delivery … --list --kind refused »), corriger, puis « kit resume »."
        )
    if recent.policy_at_rcpt >= BLOCKED:
        return (
            f"{recent.policy_at_rcpt} serveurs de destinataires refusent l’expéditeur : lire leurs réponses (« kit delivery … --list "
            "--kind refused »), vérifier « kit dns » et les listes noires, puis « kit resume »."
        )
    return (
        _unanswered(stand, recent, (accepted.unknown if accepted else 0) + forgiven)
        or _refused(stand, accepted)
        or complaints.why_stop(rates)
    )


def _unanswered(stand: Stand, recent: Recent, accepted: int) -> str:
    unknown = stand.unknown - accepted
    if recent.unknown_in_a_row < UNKNOWN_IN_A_ROW and not too_many(unknown, stand.frozen):
        return ""
    count = max(unknown, recent.unknown_in_a_row)
    return f"{count} message(s) sans réponse du serveur : vérifier le serveur d’envoi, puis « kit resume »."


def _refused(stand: Stand, accepted: Stand | None) -> str:
    refused, tried = stand.refused, _tried(stand)
    if accepted is not None:
        refused, tried = refused - accepted.refused, tried - _tried(accepted)
    if tried < TRIED_LEAST or refused <= tried * REFUSED_SHARE:
        return ""
    return f"{refused} refus sur {tried} essais : vérifier la liste et le contenu, puis « kit resume »."


def _tried(stand: Stand) -> int:
    """Messages that a server had a say in: who left before, or whose mailing was cancelled, tells nothing about the list."""
    return stand.sent + stand.deferred + stand.refused + stand.unknown
