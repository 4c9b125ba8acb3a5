"""Who did not get it: every person of a list once, with the last answer."""

from __future__ import annotations

import csv
import dataclasses
import datetime as dt
import io
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.delivery import ledger, listing
from pipeline.delivery.models import Attempt, Batch, Mailing, Recipient
from tests.delivery import lists

pytestmark = pytest.mark.usefixtures("database")


def test_each_person_stands_under_the_last_answer_with_the_servers_words() -> None:
    made = lists.mailing(7)
    again = lists.NOW + dt.timedelta(minutes=15)
    lists.tried(made, [1], "deferred", "sent", code=250, enhanced="2.0.0", text="ok", due_at=again)
    lists.tried(made, [2], "deferred", code=451, enhanced="4.7.1", text="later", meaning="greylist", due_at=again)
    lists.tried(made, [3], "refused", code=550, enhanced="5.1.1", text="no such user", meaning="dead")
    lists.tried(made, [4], "suppressed")
    lists.tried(made, [5], "cancelled")
    lists.tried(made, [6], "unknown", "deferred", "unknown")
    assert list(listing.lines(made)) == [
        listing.Line(1, "p1@example.org", "sent", "", 2, lists.NOW, 250, "2.0.0", "ok", None),
        listing.Line(2, "p2@example.org", "deferred", "greylist", 1, lists.NOW, 451, "4.7.1", "later", again),
        listing.Line(3, "p3@example.org", "refused", "dead", 1, lists.NOW, 550, "5.1.1", "no such user", None),
        listing.Line(4, "p4@example.org", "suppressed", "", 1, lists.NOW, 0, "", "", None),
        listing.Line(5, "p5@example.org", "cancelled", "", 1, lists.NOW, 0, "", "", None),
        listing.Line(6, "p6@example.org", "unknown", "", 3, lists.NOW, 0, "", "", None),
        listing.Line(7, "p7@example.org", "pending", "", 0, None, 0, "", "", None),
    ]
    assert [line.position for line in listing.lines(made, ("refused", "pending"))] == [3, 7]
    assert listing.meanings(made)["refused", "dead"] == 1
    assert listing.meanings(made).total() == 6


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(st.sampled_from(Attempt.Kind.values), max_size=3), max_size=30), st.integers(1, 9))
def test_the_sums_are_the_frozen_number_and_agree_with_the_tally(histories: list[list[str]], chunk: int) -> None:
    Attempt.objects.all().delete()
    Recipient.objects.all().delete()
    Batch.objects.all().delete()
    Mailing.objects.all().delete()
    made = lists.mailing(len(histories))
    other = lists.mailing(3, name="essai/2")
    lists.tried(other, [1, 2], "sent")
    for position, kinds in enumerate(histories, start=1):
        lists.tried(made, [position], *kinds)
    lists.count(made)
    before, listing.CHUNK = listing.CHUNK, chunk
    try:
        found = Counter(line.kind for line in listing.lines(made))
    finally:
        listing.CHUNK = before
    stands = dataclasses.asdict(ledger.tally(made))
    assert {kind: found[kind] for kind in listing.KINDS} | {"frozen": found.total()} == stands


def test_a_long_list_is_walked_through_in_chunks(django_assert_max_num_queries) -> None:
    made = lists.mailing(2 * listing.CHUNK + 1, batch=listing.CHUNK)
    lists.tried(made, range(1, listing.CHUNK + 1), "sent")
    walk = listing.lines(made)
    with django_assert_max_num_queries(2):
        assert next(walk).kind == "sent"
    with django_assert_max_num_queries(2):
        assert Counter(line.kind for line in walk) == {"sent": listing.CHUNK - 1, "pending": listing.CHUNK + 1}


def test_a_csv_keeps_a_servers_words_from_becoming_a_formula() -> None:
    made = lists.mailing(2)
    lists.tried(made, [1], "refused", code=550, text='=HYPERLINK("http://x"); "no", he said', at=lists.NOW)
    Recipient.objects.filter(position=2).update(address="+1@example.org")
    out = io.StringIO(newline="")
    assert listing.write_csv(made, out) == 2
    rows = list(csv.DictReader(io.StringIO(out.getvalue(), newline="")))
    assert rows[0]["text"] == '\'=HYPERLINK("http://x"); "no", he said'
    assert rows[0]["at"] == "2020-01-22T09:00:00+00:00"
    assert rows[1]["address"] == "'+1@example.org"
    assert rows[1]["kind"] == "pending"
    assert tuple(rows[0]) == listing.COLUMNS
