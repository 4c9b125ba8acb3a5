"""A sender that sleeps where it hurts most: between its last question and its word in the journal, and while it is taken over from."""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
from pathlib import Path

import psycopg
import pytest
from django.db import connection

from pipeline.clock import boot_time
from pipeline.delivery import journal, ledger, takeover
from pipeline.delivery.envelope import Envelope
from pipeline.delivery.gate import LeaseGate
from pipeline.delivery.journal import Journal
from pipeline.delivery.ledger import Lease, LeaseLost
from pipeline.delivery.models import Batch, Mailing
from tests.stage import stage

pytestmark = pytest.mark.usefixtures("database")
NOW = dt.datetime(2020, 1, 22, 9, tzinfo=dt.UTC)


class Sleepy(Journal):
    """Its process is stopped before an intent is written, and goes on when the lease is over."""

    held: Lease

    def intent(self, position: int) -> None:
        self.held.until = boot_time()
        super().intent(position)


def frozen(folder: Path) -> Mailing:
    play = stage(folder, people=5)
    play.tick()
    return Mailing.objects.get()


def claimed(held: Journal) -> Lease:
    lease = ledger.claim(held.name, now=NOW, reserve=5)
    assert lease is not None
    held.lease(lease.batch, lease.number)
    return lease


def test_an_intent_that_was_written_after_the_lease_lets_no_dot_through(tmp_path: Path) -> None:
    mailing = frozen(tmp_path)
    held = Sleepy(tmp_path / "journal")
    lease = held.held = claimed(held)
    gate = LeaseGate(lease, held, mailing, stopping=lambda: False, now=lambda: NOW, patience=1)
    gate.expect(ledger.rows(lease, now=NOW))
    envelope = Envelope(1, "", "p1@example.org", b"")
    assert gate.wanted(envelope)
    assert not gate.intent(envelope)


def test_a_lease_that_is_renewed_while_its_journal_is_read_is_not_taken_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frozen(tmp_path)
    held = Journal(tmp_path / "journal")
    lease = claimed(held)
    Batch.objects.update(boot_until=boot_time() - 60)
    renewed: list[Lease] = []

    def read(*arguments: object) -> journal.Record | None:
        found = plain(*arguments)  # type: ignore[arg-type]
        with contextlib.suppress(LeaseLost):
            ledger.advance(lease, [], reserve_to=5, now=NOW)
            renewed.append(lease)
            held.intent(5)
        return found

    plain = journal.read
    monkeypatch.setattr(journal, "read", read)
    taken = takeover.reclaim(tmp_path / "journal", now=NOW, everywhere=False)
    assert not (taken and renewed)


def _another_connection() -> psycopg.Connection[tuple[object, ...]]:
    told = connection.settings_dict
    return psycopg.connect(host=told["HOST"] or told["OPTIONS"]["host"], dbname=told["NAME"], user=told["USER"])


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_sender_that_was_stopped_inside_its_transaction_holds_up_no_takeover(tmp_path: Path, database: str) -> None:
    frozen(tmp_path)
    claimed(Journal(tmp_path / "journal"))
    Batch.objects.update(boot_until=boot_time() - 60)
    with _another_connection() as stopped:
        stopped.execute("SELECT 1 FROM delivery_batch FOR UPDATE")
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '2s'")
        try:
            assert takeover.reclaim(tmp_path / "journal", now=NOW) == []
        finally:
            connection.close()


def test_a_journal_that_is_swept_while_it_is_made_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweeping = iter([True])

    def lock(descriptor: int, operation: int) -> None:
        if next(sweeping, False):
            journal.sweep(tmp_path, ())
        plain(descriptor, operation)

    plain = fcntl.flock
    monkeypatch.setattr(fcntl, "flock", lock)
    born = Journal(tmp_path)
    assert journal.is_dead(tmp_path, born.name) is False
