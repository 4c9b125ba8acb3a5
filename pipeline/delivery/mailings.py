"""A mailing's life once its list is frozen: paused, resumed, cancelled, stopped by its own outcomes, done."""

from __future__ import annotations

import dataclasses
import datetime as dt
import logging
from collections.abc import Iterable, Sequence

from django.db import transaction
from django.db.models import F

from pipeline.delivery import breaker, ledger, relocation, results
from pipeline.delivery.breaker import Recent
from pipeline.delivery.complaints import Rate
from pipeline.delivery.ledger import Result
from pipeline.delivery.models import Attempt, Batch, Mailing

logger = logging.getLogger(__name__)


def pause(name: str, reason: str) -> bool:
    """Begin no further message; the one under way is finished. False where the mailing is not being sent."""
    return bool(
        Mailing.objects.filter(name=name, state=Mailing.State.SENDING).update(state=Mailing.State.PAUSED, reason=reason)
    )


def resume(name: str) -> bool:
    """Go on with a paused mailing. What is known of it by now has been accepted: only what comes later stops it again."""
    with transaction.atomic():
        mailing = Mailing.objects.select_for_update(no_key=True).filter(name=name, state=Mailing.State.PAUSED).first()
        if mailing is None:
            return False
        mailing.state, mailing.reason = Mailing.State.SENDING, ""
        mailing.accepted, mailing.forgiven = dataclasses.asdict(ledger.tally(mailing)), 0
        mailing.save(update_fields=["state", "reason", "accepted", "forgiven"])
    return True


def cancel(name: str, reason: str, *, now: dt.datetime) -> bool:
    """Send nothing more of it, for good. Everyone not yet written to is marked ``cancelled``."""
    open_states = (Mailing.State.SENDING, Mailing.State.PAUSED)
    changed = Mailing.objects.filter(name=name, state__in=open_states).update(
        state=Mailing.State.CANCELLED, reason=reason
    )
    if changed:
        settle(Mailing.objects.get(name=name), now=now)
    return bool(changed)


def resend_unknown(name: str, positions: Sequence[int] | None = None) -> int:
    """Let the uncertain ones go out again, with the same Message-ID: a person's decision. Return how many; none of a mailing that was
    cancelled for good. They go to the addresses that people have by now."""
    with transaction.atomic():
        # Not the key: a sender that appends refusals has a batch of ours locked, and its bounces refer to this row.
        mailing = Mailing.objects.select_for_update(no_key=True).get(name=name)
        if mailing.state == Mailing.State.CANCELLED:
            return 0
        unknown = ledger.latest(mailing.pk, 1, mailing.frozen).filter(kind=Attempt.Kind.UNKNOWN)
        chosen = [a for a in unknown if positions is None or a.position in positions]
        again = [
            Result(a.position, a.number + 1, "deferred", "", 0, "", "renvoi demandé", a.at, due_at=a.at) for a in chosen
        ]
        ledger.append(mailing.pk, again)
        for a in chosen:
            batch = Batch.objects.filter(mailing=mailing, first__lte=a.position, last__gte=a.position)
            batch.update(unknown=F("unknown") - 1, deferred=F("deferred") + 1)
            batch.filter(state=Batch.State.DONE).update(state=Batch.State.OPEN)
        if chosen and mailing.state == Mailing.State.DONE:
            mailing.state, mailing.finished_at = Mailing.State.SENDING, None
        if mailing.accepted:  # they are uncertain no more: if they become so again, that is news
            mailing.accepted["unknown"] = max(0, mailing.accepted["unknown"] - len(chosen))
        mailing.save(update_fields=["state", "finished_at", "accepted"])
        # Last: whoever changes their address holds their own row, and finds these deferred.
        relocation.catch_up(mailing, [a.position for a in chosen])
    return len(chosen)


def stop_where_needed(mailing: Mailing, recent: Recent | None = None, *, rates: Sequence[Rate] = ()) -> bool:
    """Pause the mailing where its counts, or what a sender has just seen of it, call for a person; True where they do."""
    mailing.refresh_from_db(fields=["accepted", "forgiven"])
    accepted = ledger.Tally(**mailing.accepted) if mailing.accepted else None
    reason = breaker.why_stop(
        ledger.tally(mailing), recent or Recent(), rates=rates, accepted=accepted, forgiven=mailing.forgiven
    )
    if reason:
        alarm(mailing.name, reason)
    return bool(reason)


def alarm(name: str, reason: str) -> bool:
    """Pause a mailing because of what came back: a person is called (:func:`stopped`). False where it is not being sent."""
    sending = Mailing.objects.filter(name=name, state=Mailing.State.SENDING)
    stopped = bool(sending.update(state=Mailing.State.PAUSED, reason=reason, alarms=F("alarms") + 1))
    if stopped:
        logger.error("mailing %s was stopped: %s", name, reason)
    return stopped


def stopped() -> list[Mailing]:
    """The mailings that the engine itself has stopped and that wait for a person."""
    return list(Mailing.objects.filter(state=Mailing.State.PAUSED, alarms__gt=0).exclude(reason="").defer("compiled"))


def look_after(taken: Iterable[int], *, now: dt.datetime) -> None:
    """See to mailings of which batches were taken back: too many uncertain ones stop them, and the last batch ends them."""
    for mailing in Mailing.objects.filter(pk__in=list(taken)).defer("compiled"):
        stop_where_needed(mailing)
        after_batch(mailing, now=now)


def after_batch(mailing: Mailing, *, now: dt.datetime) -> None:
    """Close the mailing when its last batch is done."""
    mailing.refresh_from_db(fields=["state"])
    settle(mailing, now=now)


def settle(mailing: Mailing, *, now: dt.datetime) -> None:
    """Mark a mailing done when nothing is left, and a cancelled one's remaining people as cancelled. Safe to repeat."""
    if mailing.state == Mailing.State.CANCELLED:
        for batch in Batch.objects.filter(mailing=mailing).exclude(state__in=(Batch.State.DONE, Batch.State.LEASED)):
            _cancel_batch(batch, now)
    left = Batch.objects.filter(mailing=mailing).exclude(state=Batch.State.DONE)
    if mailing.state == Mailing.State.SENDING and not left.exists():
        Mailing.objects.filter(pk=mailing.pk, state=Mailing.State.SENDING).update(
            state=Mailing.State.DONE, finished_at=now
        )
    elif mailing.state == Mailing.State.CANCELLED and mailing.finished_at is None and not left.exists():
        Mailing.objects.filter(pk=mailing.pk).update(finished_at=now)


def unfinished() -> list[Mailing]:
    """The mailings that still have something to do, oldest first."""
    done = Mailing.objects.filter(state=Mailing.State.DONE) | Mailing.objects.filter(
        state=Mailing.State.CANCELLED, finished_at__isnull=False
    )
    return list(Mailing.objects.exclude(pk__in=done.values("pk")).order_by("pk").defer("compiled"))


def open_batches(now: dt.datetime) -> int:
    """How many batches could be claimed at once."""
    return ledger.ready(now=now).count()


def _cancel_batch(batch: Batch, now: dt.datetime) -> None:
    with transaction.atomic():
        mine = Batch.objects.filter(pk=batch.pk, lease=batch.lease, state=batch.state)
        if not mine.update(state=Batch.State.DONE, lease=F("lease") + 1):
            return
        ended = [results.cancelled(row, now=now) for row in ledger.unsettled_rows(batch)]
        ledger.append(batch.mailing_id, ended)
        change = ledger.counted(ended)
        Batch.objects.filter(pk=batch.pk).update(**change)
