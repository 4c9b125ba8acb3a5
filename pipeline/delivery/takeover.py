"""Taking back the batches of senders that died or outlived their lease, and settling what can be known of them."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Least

from pipeline.clock import boot_id, boot_time
from pipeline.delivery import breaker, journal, ledger
from pipeline.delivery.bounces import records
from pipeline.delivery.envelope import Outcome
from pipeline.delivery.ledger import Result, Row
from pipeline.delivery.models import Attempt, Batch, Mailing
from pipeline.delivery.results import of_outcome

ABANDONED = dt.timedelta(seconds=120)
"""How long after its lease another host's batch is left to that host, whose volume holds the journal."""
LOST = Outcome(0, "unknown", 0, "", "l’expéditeur s’est arrêté avant la réponse du serveur")


def reclaim(folder: Path, *, now: dt.datetime, everywhere: bool = True) -> list[int]:
    """Take back the batches of dead holders; return their mailings. ``everywhere`` False: of this host only.

    On this boot, a free lock on the holder's journal proves its death: what the journal settles is appended, an intent without
    outcome is ``unknown``, the rest is open again. A holder that lives, but let its lease lapse, writes nothing any more;
    its intents are told by the same journal. Without a journal (another host, another boot) what was reserved is ``unknown``.
    """
    taken: list[int] = []
    leased = Batch.objects.filter(state=Batch.State.LEASED)
    for batch in leased if everywhere else leased.filter(boot=boot_id()):
        if _lapsed(batch, folder, now) and _settle(batch, folder, now):
            taken.append(batch.mailing_id)
    journal.sweep(folder, leased.values_list("holder", flat=True))
    return taken


def _lapsed(batch: Batch, folder: Path, now: dt.datetime) -> bool:
    if batch.boot == boot_id():
        return journal.is_dead(folder, batch.holder) or boot_time() > batch.boot_until + ledger.MARGIN
    return batch.until is None or now > batch.until + ABANDONED


def _settle(batch: Batch, folder: Path, now: dt.datetime) -> bool:
    """Append what the holder's journal tells, mark what nothing tells, and open the batch again."""
    with transaction.atomic():
        # The lease's number moves first, unless its holder has just renewed it: from here on, the holder's writes change nothing,
        # and whatever it has begun stands in the journal.
        mine = Batch.objects.filter(pk=batch.pk, lease=batch.lease, state=Batch.State.LEASED, until=batch.until)
        # A holder that was stopped inside its transaction holds the row: it is passed over, not waited for. It goes on and commits, or
        # dies and its lock with it.
        if not mine.select_for_update(skip_locked=True, of=("self",)).exists() or not mine.update(lease=F("lease") + 1):
            return False
        record = journal.read(folder, batch.holder, batch.pk, batch.lease)
        found = _told(record, batch, now) if record is not None else _reserved(batch, now)
        results = [result for _, result in found]
        ledger.append(batch.mailing_id, results)
        change = ledger.counted(results)
        if change:
            Batch.objects.filter(pk=batch.pk).update(**change)
        ledger.give_back(Batch.objects.get(pk=batch.pk))
        lost = sum(1 for one in results if one.kind == Attempt.Kind.UNKNOWN)
        if lost and record is not None:
            # A death explains them, where the journal tells: only what the server leaves unanswered shall stop a mailing.
            forgiven = Least(F("forgiven") + lost, breaker.FORGIVEN)
            Mailing.objects.filter(pk=batch.mailing_id).update(forgiven=forgiven)
        refusals = [records.Refusal.of(row.person, one) for row, one in found if one.kind == "refused"]
        if refusals:
            records.refused(batch.mailing_id, refusals, now=now)
    return True


def _told(record: journal.Record, batch: Batch, now: dt.datetime) -> list[tuple[Row, Result]]:
    pending = {row.position: row for row in ledger.unsettled_rows(batch)}
    found = []
    for position, outcome in record.entries.items():
        row = pending.get(position)
        if row is not None and (outcome is None or outcome.verdict != "withheld"):
            found.append((row, of_outcome(row, outcome or LOST, now=now)))
    return found


def _reserved(batch: Batch, now: dt.datetime) -> list[tuple[Row, Result]]:
    """What was reserved, less the retries that were not due while the lease lasted: nobody has tried those."""
    pending = ledger.unsettled_rows(batch, due=batch.until)
    return [(row, of_outcome(row, LOST, now=now)) for row in pending if row.position <= batch.reserved_to]
