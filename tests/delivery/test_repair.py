"""Each thing that can be broken, broken by hand: found, mended, told, and then all is well."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from django.db.models import F
from hypothesis import given
from hypothesis import strategies as st

from pipeline.delivery import ledger, listing
from pipeline.delivery.models import Attempt, Batch, Mailing, Recipient
from pipeline.delivery.repair import LATELY, VANISHED, _gaps, repair
from tests.delivery import lists
from tests.smtp_sink import Sink
from tests.stage import stage

pytestmark = pytest.mark.usefixtures("database")


def finished(people: int = 25) -> Mailing:
    """A mailing that went out to everybody, and is done."""
    made = lists.mailing(people, state="done")
    lists.tried(made, range(1, people + 1), "sent")
    lists.count(made)
    assert repair(now=lists.NOW) == []
    return made


def mended(*expected: str, now: dt.datetime = lists.NOW) -> None:
    """One line for each of ``expected``, none the second time."""
    told = repair(now=now)
    assert len(told) == len(expected), told
    for line, part in zip(told, expected, strict=True):
        assert part in line
    assert repair(now=now) == []


def states(made: Mailing) -> tuple[str, list[str]]:
    made.refresh_from_db()
    return made.state, sorted(set(Batch.objects.filter(mailing=made).values_list("state", flat=True)))


def test_when_all_is_well_nothing_is_told() -> None:
    finished()
    going = lists.mailing(30, name="essai/2")
    lists.tried(going, range(1, 15), "deferred", "sent")
    lists.count(going)
    assert repair(now=lists.NOW) == []
    assert states(going) == ("sending", ["done", "open"])


def test_lost_attempts_reopen_their_batch_and_the_mailing_and_are_sent_once_more(tmp_path: Path) -> None:
    with Sink() as sink:
        play = stage(tmp_path, people=12, url=sink.url)
        play.tick()
        play.send()
        made = Mailing.objects.get()
        repair(now=play.now)
        Attempt.objects.filter(mailing=made, position__in=(3, 7)).delete()
        mended("1 lot(s) recompté(s) ; 1 lot(s) clos avant", "dit terminé, il ne l’était pas", now=play.now)
        assert states(made) == ("sending", ["open"])
        play.send()
        assert len(sink.messages) == 14
    assert states(made) == ("done", ["done"])
    assert ledger.tally(made).sent == 12


def test_a_deferral_left_in_a_closed_batch_is_taken_up_again() -> None:
    made = finished()
    Attempt.objects.filter(mailing=made, position=4).update(kind="deferred")
    mended("clos avant que chacun ait sa réponse", "dit terminé")
    assert states(made) == ("sending", ["done", "open"])


def test_a_mailing_done_with_an_open_batch_goes_on() -> None:
    made = finished()
    Batch.objects.filter(mailing=made, first=11).update(state="waiting", due_at=lists.NOW)
    mended("dit terminé, il ne l’était pas")
    assert states(made) == ("sending", ["done", "waiting"])
    assert made.finished_at is None


def test_a_mailing_whose_batches_are_all_done_is_finished() -> None:
    made = finished()
    Mailing.objects.update(state="sending", finished_at=None)
    mended("tout était fait")
    assert states(made)[0] == "done"
    assert made.finished_at == lists.NOW


def test_a_paused_mailing_is_left_to_the_person_who_paused_it() -> None:
    made = finished()
    Mailing.objects.update(state="paused", finished_at=None)
    assert repair(now=lists.NOW) == []
    assert states(made)[0] == "paused"


def test_wrong_counters_are_counted_again() -> None:
    made = finished()
    Batch.objects.filter(mailing=made, first=11).update(sent=3, refused=F("refused") + 7)
    assert repair(now=lists.NOW, recount=False) == []
    mended("1 lot(s) recompté(s).")
    batch = Batch.objects.get(mailing=made, first=11)
    assert (batch.sent, batch.refused, batch.state) == (10, 0, "done")


def test_people_in_no_batch_get_one() -> None:
    made = finished(45)
    Batch.objects.filter(mailing=made, first__in=(1, 21, 41)).delete()
    Attempt.objects.filter(mailing=made, position=22).delete()
    mended("25 personne(s) n’étaient dans aucun lot", "dit terminé")
    spans = Batch.objects.filter(mailing=made).order_by("first").values_list("first", "last")
    assert list(spans) == [(1, 10), (11, 20), (21, 30), (31, 40), (41, 45)]


def test_rows_that_are_gone_count_as_cancelled_and_nobody_is_written_to() -> None:
    made = lists.mailing(25)
    lists.tried(made, [1, 2], "sent")
    lists.tried(made, [3], "deferred")
    lists.count(made)
    Recipient.objects.filter(mailing=made, position__in=(2, 3, 4, 25)).delete()
    mended("4 ligne(s) de la liste s’étaient perdues")
    stands = ledger.tally(made)
    assert (stands.frozen, stands.sent, stands.cancelled, stands.pending) == (25, 2, 3, 20)
    listed = {line.position: (line.kind, line.address) for line in listing.lines(made)}
    assert len(listed) == 25
    assert listed[2] == ("sent", "")
    assert listed[3] == listed[4] == listed[25] == ("cancelled", "")


def test_a_list_longer_than_it_says_is_sent_whole() -> None:
    made = finished()
    Mailing.objects.filter(pk=made.pk).update(frozen=20)
    mended("la liste compte 25")
    made.refresh_from_db()
    assert made.frozen == 25


def test_a_cancelled_mailing_leaves_nobody_pending() -> None:
    made = finished()
    Attempt.objects.filter(mailing=made, position__in=(5, 15)).delete()
    Mailing.objects.update(state="cancelled")
    assert "annulé, mais pas pour tous" in repair(now=lists.NOW)[-1]
    repair(now=lists.NOW)
    assert repair(now=lists.NOW) == []
    assert states(made) == ("cancelled", ["done"])
    stands = ledger.tally(made)
    assert (stands.sent, stands.cancelled, stands.pending) == (23, 2, 0)
    assert made.finished_at == lists.NOW


def test_a_batch_that_waits_for_nothing_is_opened() -> None:
    made = lists.mailing(10)
    Batch.objects.update(state="waiting", due_at=None)
    mended("attendaient sans échéance")
    assert states(made)[1] == ["open"]


@pytest.mark.parametrize(
    ("tried", "minutes", "state"),
    [(0, 2, "waiting"), (0, 60, "open"), (10, 60, "waiting"), (10, 60 * 15, "waiting"), (10, 60 * 17, "open")],
)
def test_after_a_clock_was_put_back_nobody_waits_for_it_to_come_round_again(
    tried: int, minutes: int, state: str
) -> None:
    made = lists.mailing(10)
    due = lists.NOW + dt.timedelta(minutes=minutes)
    lists.tried(made, range(1, tried + 1), "deferred", due_at=due)
    Batch.objects.update(state="waiting", due_at=due, deferred=tried)
    repair(now=lists.NOW)
    assert states(made)[1] == [state]


def test_a_batch_whose_worker_vanished_is_told_and_left_to_the_ledger(tmp_path: Path) -> None:
    lists.mailing(10)
    lease = ledger.claim("parti", now=lists.NOW, reserve=1)
    assert lease is not None
    late = lists.NOW + dt.timedelta(seconds=ledger.LEASE) + VANISHED
    assert repair(now=late) == []
    assert repair(now=late + dt.timedelta(seconds=1)) == [
        "1 lot(s) dont l’ouvrier a disparu : à reprendre au prochain passage."
    ]
    assert Batch.objects.get().state == "leased"


def test_mailings_finished_long_ago_are_not_counted_again() -> None:
    made = finished()
    Batch.objects.filter(mailing=made, first=1).update(sent=1)
    assert repair(now=lists.NOW + LATELY + dt.timedelta(seconds=1)) == []
    mended("recompté", now=lists.NOW + LATELY)


def test_looking_at_what_is_well_takes_few_queries(django_assert_max_num_queries) -> None:
    finished(200)
    with django_assert_max_num_queries(12):
        assert repair(now=lists.NOW) == []


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 9))), st.integers(0, 50))
def test_gaps_and_spans_together_are_everything_once(starts: list[tuple[int, int]], end: int) -> None:
    spans = sorted((first, first + more) for first, more in starts)
    covered = {n for first, last in spans for n in range(first, last + 1)}
    found = [n for first, last in _gaps([s for s in spans if s[0] <= end], end) for n in range(first, last + 1)]
    assert found == [n for n in range(1, end + 1) if n not in covered]


def test_people_whose_batch_was_lost_after_it_was_sent_are_not_written_to_again(tmp_path: Path) -> None:
    play = stage(tmp_path, people=4)
    play.tick()
    play.send()
    Batch.objects.all().delete()
    repair(now=play.now, recount=False)
    assert list(Batch.objects.values_list("sent", flat=True)) == [4]
    play.send()
    assert len(list((tmp_path / "mailbox/new").iterdir())) == 4
