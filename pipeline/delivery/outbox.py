"""Mails to one person: queued in the caller's transaction, sent from their own queue, before any newsletter."""

from __future__ import annotations

import datetime as dt
import logging
import time

from django.db import transaction
from django.db.models import Q

from pipeline.clock import boot_id, boot_time
from pipeline.delivery import fence
from pipeline.delivery.bounces import verp
from pipeline.delivery.envelope import Envelope
from pipeline.delivery.models import Outgoing
from pipeline.delivery.sender import Desk
from pipeline.delivery.transports.base import OpenGate, TransportUnavailable

logger = logging.getLogger(__name__)

LEASE = 700.0
"""Longer than any answer is waited for (RFC 5321 §4.5.3.2.6: ten minutes after the dot)."""
RETRY = dt.timedelta(minutes=5)
GIVE_UP = 40


def put(key: str, *, sender: str, recipient: str, content: bytes, now: dt.datetime) -> bool:
    """Queue a mail once: False where one with this key is there already. ``content`` has CRLF line ends."""
    with transaction.atomic():
        _, created = Outgoing.objects.get_or_create(
            key=key,
            defaults={"sender": sender, "recipient": recipient, "content": content, "due_at": now, "created_at": now},
        )
    return created


def waiting(now: dt.datetime) -> int:
    """How many could be sent now."""
    return Outgoing.objects.filter(state=Outgoing.State.QUEUED, due_at__lte=now).count()


def run(desk: Desk, *, seconds: float) -> int:
    """Send what is queued, for about ``seconds``; return how many were settled.

    One whose sender died between claim and answer becomes ``unknown``: a person decides.
    """
    fence.require(desk.identity)
    _abandoned(desk.now())
    end, settled = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        mail = _claim(desk.now())
        if mail is None:
            return settled
        settled += _send(desk, mail)
    return settled


def _claim(now: dt.datetime) -> Outgoing | None:
    queued = Outgoing.objects.filter(state=Outgoing.State.QUEUED, due_at__lte=now).order_by("due_at", "pk")
    for mail in queued[:4]:
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
    """Lets the mail through while its claim lasts, and its recipient was not erased meanwhile."""

    def __init__(self, mail: Outgoing) -> None:
        self._until = boot_time() + LEASE
        self._mine = Outgoing.objects.filter(pk=mail.pk, state=Outgoing.State.SENDING, attempts=mail.attempts)
        self._ours = True

    def refresh(self) -> None:
        self._ours = self._mine.exists()

    def wanted(self, envelope: Envelope) -> bool:
        return self._ours and boot_time() < self._until - 10


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
    envelope = _envelope(desk, mail)
    try:
        (outcome,) = list(desk.transport.deliver([envelope], _Gate(mail)))
    except TransportUnavailable as error:
        _settle(mail, Outgoing.State.QUEUED, str(error), desk.now(), due_at=desk.now() + RETRY)
        return 0
    now = desk.now()
    if outcome.verdict in ("deferred", "withheld") and mail.attempts < GIVE_UP:
        _settle(mail, Outgoing.State.QUEUED, outcome.text, now, due_at=now + RETRY)
        return 0
    states = {"sent": Outgoing.State.SENT, "unknown": Outgoing.State.UNKNOWN}
    _settle(mail, states.get(outcome.verdict, Outgoing.State.REFUSED), outcome.text, now)
    return 1


def _settle(mail: Outgoing, state: str, answer: str, now: dt.datetime, due_at: dt.datetime | None = None) -> None:
    mine = Outgoing.objects.filter(pk=mail.pk, state=Outgoing.State.SENDING, attempts=mail.attempts)
    mine.update(
        state=state,
        answer=answer[:500],
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
