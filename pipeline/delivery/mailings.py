"""A mailing's life: frozen in bulk, paused, resumed, cancelled, stopped by its own outcomes, done."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection, transaction
from django.db.models import F, QuerySet, Value, Window
from django.db.models.functions import RowNumber

from pipeline.audience import selection
from pipeline.audience.models import Subscription
from pipeline.delivery import ledger, results
from pipeline.delivery.ledger import Result
from pipeline.delivery.models import Attempt, Batch, Mailing, Recipient

logger = logging.getLogger(__name__)

BATCH = 1000
UNKNOWN_IN_A_ROW = 3
UNKNOWN_SHARE = 0.005
REFUSED_SHARE = 0.1
REFUSED_LEAST = 50


@dataclass(frozen=True, slots=True)
class Draft:
    """What a mailing is made of. ``sender`` is the return path, ``domain`` the right side of its Message-IDs."""

    name: str
    season: str
    kind: str
    subject: str
    sender: str
    domain: str
    base_url: str
    compiled: bytes


def freeze(draft: Draft, people: QuerySet[Subscription], *, now: dt.datetime) -> Mailing:
    """Create the mailing and its list, in the caller's transaction: one INSERT … SELECT whatever the number of people."""
    if not connection.in_atomic_block:
        raise RuntimeError("a list is frozen inside the release's transaction")
    mailing = Mailing.objects.create(
        name=draft.name,
        season=draft.season,
        kind=draft.kind,
        subject=draft.subject,
        sender=draft.sender,
        domain=draft.domain,
        base_url=draft.base_url,
        compiled=draft.compiled,
        cutoff=now,
        suppressions=selection.latest_sequence(),
        created_at=now,
    )
    rows = (
        people.order_by()
        .annotate(_mailing=Value(mailing.pk), _position=Window(RowNumber(), order_by=F("person_id").asc()))
        .values_list("_mailing", "_position", "person_id", "person__public_id", "person__email")
    )
    sql, parameters = rows.query.sql_with_params()
    table = connection.ops.quote_name(Recipient._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {table} (mailing_id, position, person, public_id, address) {sql}", parameters)
        mailing.frozen = cursor.rowcount
    Batch.objects.bulk_create(
        Batch(mailing=mailing, first=first, last=min(first + BATCH - 1, mailing.frozen))
        for first in range(1, mailing.frozen + 1, BATCH)
    )
    if not mailing.frozen:
        mailing.state, mailing.finished_at = Mailing.State.DONE, now
    mailing.save(update_fields=["frozen", "state", "finished_at"])
    return mailing


def pause(name: str, reason: str) -> bool:
    """Begin no further message; the one under way is finished. False where the mailing is not being sent."""
    return bool(
        Mailing.objects.filter(name=name, state=Mailing.State.SENDING).update(state=Mailing.State.PAUSED, reason=reason)
    )


def resume(name: str) -> bool:
    """Go on with a paused mailing."""
    return bool(
        Mailing.objects.filter(name=name, state=Mailing.State.PAUSED).update(state=Mailing.State.SENDING, reason="")
    )


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
    """Let the uncertain ones go out again, with the same Message-ID: a person's decision. Return how many."""
    with transaction.atomic():
        mailing = Mailing.objects.select_for_update().get(name=name)
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
            Mailing.objects.filter(pk=mailing.pk).update(state=Mailing.State.SENDING, finished_at=None)
    return len(chosen)


@dataclass(slots=True)
class Recent:
    """What one sender has just seen of a mailing of ``frozen`` people: enough to stop before the next message."""

    frozen: int
    in_a_row: int = 0
    unknown: int = 0

    def note(self, result: Result) -> bool:
        """True where the sender should begin nothing more before :func:`stop_where_needed` has looked."""
        uncertain = result.kind == Attempt.Kind.UNKNOWN
        self.in_a_row = self.in_a_row + 1 if uncertain else 0
        self.unknown += uncertain
        return self.in_a_row >= UNKNOWN_IN_A_ROW or self.unknown > max(1, self.frozen * UNKNOWN_SHARE)


def stop_where_needed(mailing: Mailing, recent: Sequence[Result]) -> bool:
    """Pause the mailing where its outcomes, ``recent`` ones included and committed, call for a person; True where it was paused.

    Three uncertain in a row, or 0.5 % of its people uncertain; or more than a tenth refused, from fifty on.
    """
    kinds = [one.kind for one in recent]
    if not {"unknown", "refused"} & set(kinds):
        return False
    in_a_row = any(kinds[i : i + UNKNOWN_IN_A_ROW] == ["unknown"] * UNKNOWN_IN_A_ROW for i in range(len(kinds)))
    stands = ledger.tally(mailing)
    tried = mailing.frozen - stands.pending
    if in_a_row or stands.unknown > max(1, mailing.frozen * UNKNOWN_SHARE):
        reason = (
            f"{stands.unknown} message(s) sans réponse du serveur : vérifier le serveur d’envoi, puis « kit resume »."
        )
    elif stands.refused >= REFUSED_LEAST and stands.refused > tried * REFUSED_SHARE:
        reason = f"{stands.refused} refus sur {tried} essais : vérifier la liste et le contenu, puis « kit resume »."
    else:
        return False
    return alarm(mailing.name, reason)


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


def forget(*, person_id: int, **_: object) -> None:
    """Empty the addresses that lists keep of a person who was erased, in the erasure's own transaction. What became of their
    messages stays counted; one not yet sent is suppressed."""
    Recipient.objects.filter(person=person_id).update(address="")


def open_batches(now: dt.datetime) -> int:
    """How many batches could be claimed at once."""
    sending = Batch.objects.filter(mailing__state=Mailing.State.SENDING)
    return (
        sending.filter(state=Batch.State.OPEN).count()
        + sending.filter(state=Batch.State.WAITING, due_at__lte=now).count()
    )


def _cancel_batch(batch: Batch, now: dt.datetime) -> None:
    with transaction.atomic():
        mine = Batch.objects.filter(pk=batch.pk, lease=batch.lease, state=batch.state)
        if not mine.update(state=Batch.State.DONE, lease=F("lease") + 1):
            return
        ended = [results.cancelled(row, now=now) for row in ledger.unsettled_rows(batch)]
        ledger.append(batch.mailing_id, ended)
        change = {kind: F(kind) + n for kind, n in ledger.counts(ended).items() if n}
        Batch.objects.filter(pk=batch.pk).update(**change)
