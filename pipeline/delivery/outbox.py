"""Mails to one person: queued in the caller's transaction, sent from their own queue, before any newsletter."""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Callable

from django.db import transaction
from django.db.models import Q, QuerySet

from pipeline.audience import addresses, selection, suppression
from pipeline.audience.models import Person
from pipeline.clock import boot_id, boot_time
from pipeline.delivery import fence, verdicts
from pipeline.delivery.bounces import verp
from pipeline.delivery.dkim import DkimError
from pipeline.delivery.envelope import MAX_TEXT, Envelope, Outcome
from pipeline.delivery.models import Outgoing
from pipeline.delivery.retries import retry_after
from pipeline.delivery.sender import PATIENCE, Desk, stopping
from pipeline.delivery.transports.base import OpenGate, TransportUnavailable

logger = logging.getLogger(__name__)

LEASE = 700.0
"""Longer than any answer is waited for (RFC 5321 §4.5.3.2.6: ten minutes after the dot)."""
RETRY = dt.timedelta(minutes=5)
"""When a mail is tried again that no server has answered for."""


def put(
    key: str,
    *,
    sender: str,
    recipient: str,
    content: bytes,
    now: dt.datetime,
    person: int | None = None,
    season: str = "",
) -> bool:
    """Queue a mail once: False where one with this key is there already. ``content`` has CRLF line ends.

    With ``person``, nothing is sent once they have left ``season`` or may not be written to: what greets or reminds them is no answer they
    wait for. To another mailbox than theirs, a pause or a dead address of theirs is no hindrance. What answers somebody (a ``season``
    alone) is not sent to who has left since it was queued.
    """
    with transaction.atomic():
        _, created = Outgoing.objects.get_or_create(
            key=key,
            defaults={
                "sender": sender,
                "recipient": recipient,
                "content": content,
                "person": person,
                "season": season,
                "due_at": now,
                "created_at": now,
            },
        )
    return created


KEPT = dt.timedelta(days=30)
"""For how long what was written to one person is kept once it is settled; that it was written stays."""


def tidy(now: dt.datetime) -> int:
    """Drop the text and the address of mails that were settled long ago; return of how many."""
    old = Outgoing.objects.filter(settled_at__lt=now - KEPT).exclude(recipient="", content=b"")
    return old.update(recipient="", content=b"")


def waiting(now: dt.datetime) -> int:
    """How many could be sent now."""
    return _due(now).count()


def run(desk: Desk, *, seconds: float) -> int:
    """Send what is queued, for about ``seconds``; return how many were settled.

    One whose sender died between claim and answer becomes ``unknown``: a person decides.
    """
    fence.require(desk.identity)
    _abandoned(desk.now())
    end, settled = time.monotonic() + seconds, 0
    while time.monotonic() < end and not stopping.is_set():
        mail = _claim(desk.now())
        if mail is None:
            return settled
        settled += _send(desk, mail)
    return settled


def _due(now: dt.datetime) -> QuerySet[Outgoing]:
    """What may be sent. One that was queued « later » and never tried shows that the clock was put back: it does not wait for it."""
    queued = Outgoing.objects.filter(state=Outgoing.State.QUEUED)
    return queued.filter(Q(due_at__lte=now) | Q(attempts=0, created_at__gt=now))


def _claim(now: dt.datetime) -> Outgoing | None:
    for mail in _due(now).order_by("due_at", "pk")[:4]:
        claimed = Outgoing.objects.filter(pk=mail.pk, state=Outgoing.State.QUEUED, attempts=mail.attempts).update(
            state=Outgoing.State.SENDING,
            attempts=mail.attempts + 1,
            boot=boot_id(),
            boot_until=boot_time() + LEASE,
            until=now + dt.timedelta(seconds=LEASE),
        )
        if claimed:
            mail.attempts += 1
            return mail
    return None


class _Gate(OpenGate):
    """Begins nothing at the end of the claim, while this process stops, or once the recipient has left or was erased."""

    def __init__(self, mail: Outgoing, now: Callable[[], dt.datetime]) -> None:
        self.left = False
        self._mail = mail
        self._now = now
        self._until = boot_time() + LEASE
        self._mine = Outgoing.objects.filter(pk=mail.pk, state=Outgoing.State.SENDING, attempts=mail.attempts)
        self._ours = True
        self._stop_at: float | None = None

    def refresh(self) -> None:
        self._ours = self._mine.exists()
        self.left = _has_left(self._mail, self._now())

    def wanted(self, envelope: Envelope) -> bool:
        return self._ours and not self.left and boot_time() < self._until - 10 and not stopping.is_set()

    def waiting(self) -> bool:
        if stopping.is_set():
            self._stop_at = self._stop_at or boot_time()
            return boot_time() < self._stop_at + PATIENCE
        return True


def _has_left(mail: Outgoing, now: dt.datetime) -> bool:
    if mail.person is None:
        return bool(mail.season) and suppression.left_since(_key(mail), mail.season, since=mail.created_at)
    if Person.objects.filter(pk=mail.person).exclude(key=_key(mail)).exists():
        return selection.has_left(mail.person, mail.season)
    return not selection.may_write(mail.person, mail.season, now=now)


def _key(mail: Outgoing) -> str:
    return addresses.parse(mail.recipient).key


def _envelope(desk: Desk, mail: Outgoing) -> Envelope:
    """The mail, signed, with a return path of its own. A mail without sender (RFC 3834 §3.3) has none."""
    content, sender = bytes(mail.content), mail.sender
    signer = desk.stationery.signer(sender) if sender else None
    if signer is not None:
        content = signer.sign(content, at=int(desk.now().timestamp())) + content
    if sender and desk.stationery.return_path:
        sender = verp.Maker(desk.stationery.return_path).post(mail.pk)
    return Envelope(mail.pk, sender, mail.recipient, content)


def _send(desk: Desk, mail: Outgoing) -> int:
    gate = _Gate(mail, desk.now)
    try:
        (outcome,) = list(desk.transport.deliver([_envelope(desk, mail)], gate))
    except (TransportUnavailable, DkimError, verp.ReturnPathError) as error:
        logger.warning("transactional mail %s: %s", mail.key, error)
        return _again(mail, str(error), desk.now(), desk.now() + RETRY)
    now = desk.now()
    if outcome.verdict == "withheld" and gate.left:
        _settle(mail, Outgoing.State.REFUSED, "désinscription avant l’envoi", now)
        return 1
    if outcome.verdict == "withheld":
        return _again(mail, outcome.text, now, now)
    if outcome.verdict == "deferred":
        return _deferred(desk, mail, outcome, now)
    states = {"sent": Outgoing.State.SENT, "unknown": Outgoing.State.UNKNOWN}
    _settle(mail, states.get(outcome.verdict, Outgoing.State.REFUSED), outcome.text, now)
    return 1


def _deferred(desk: Desk, mail: Outgoing, outcome: Outcome, now: dt.datetime) -> int:
    due_at = retry_after(
        mail.attempts,
        position=mail.pk,
        first_try=mail.created_at,
        now=now,
        give_up=desk.give_up,
        meaning=verdicts.meaning(outcome),
    )
    if due_at is not None:
        return _again(mail, outcome.text, now, due_at)
    hours = int(desk.give_up.total_seconds() // 3600)
    _settle(mail, Outgoing.State.REFUSED, f"abandonné après {hours}\u00a0h : {outcome.text}", now)
    return 1


def _again(mail: Outgoing, answer: str, now: dt.datetime, due_at: dt.datetime) -> int:
    _settle(mail, Outgoing.State.QUEUED, answer, now, due_at=due_at)
    return 0


def _settle(mail: Outgoing, state: str, answer: str, now: dt.datetime, due_at: dt.datetime | None = None) -> None:
    mine = Outgoing.objects.filter(pk=mail.pk, state=Outgoing.State.SENDING, attempts=mail.attempts)
    mine.update(
        state=state,
        answer=answer[:MAX_TEXT],
        due_at=due_at or mail.due_at,
        settled_at=None if state == Outgoing.State.QUEUED else now,
    )


def _abandoned(now: dt.datetime) -> None:
    sending = Outgoing.objects.filter(state=Outgoing.State.SENDING)
    here = Q(boot=boot_id(), boot_until__lt=boot_time())
    elsewhere = ~Q(boot=boot_id()) & Q(until__lt=now)
    lost = sending.filter(here | elsewhere).update(
        state=Outgoing.State.UNKNOWN, settled_at=now, answer="l’expéditeur s’est arrêté avant la réponse"
    )
    if lost:
        logger.warning("%s transactional mail(s) left uncertain", lost)
