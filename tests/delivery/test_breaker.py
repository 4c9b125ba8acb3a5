"""When a mailing stops by itself, and what it says then."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.delivery.breaker import Recent, why_stop
from pipeline.delivery.complaints import Rate, by_destination, rates
from pipeline.delivery.complaints import why_stop as complained
from pipeline.delivery.ledger import Tally


def stand(frozen: int, **told: int) -> Tally:
    known = {name: told.get(name, 0) for name in ("sent", "deferred", "refused", "suppressed", "cancelled", "unknown")}
    return Tally(frozen=frozen, pending=frozen - sum(known.values()), **known)


GOOD = stand(10_000, sent=5000)


@pytest.mark.parametrize(
    ("stands", "recent", "reason"),
    [
        (GOOD, Recent(), ""),
        (GOOD, Recent(unknown_in_a_row=2), ""),
        (GOOD, Recent(unknown_in_a_row=3), "3 message(s) sans réponse"),
        (stand(10_000, unknown=50), Recent(), ""),
        (stand(10_000, unknown=51), Recent(), "51 message(s) sans réponse"),
        (stand(10, sent=5, unknown=1), Recent(), ""),
        (stand(10, sent=5, unknown=2), Recent(), "2 message(s) sans réponse"),
        (GOOD, Recent(policy_at_message=1), "Le serveur refuse"),
        (GOOD, Recent(policy_at_rcpt=2), ""),
        (GOOD, Recent(policy_at_rcpt=3), "3 serveurs de destinataires refusent"),
        (stand(10_000, sent=45, refused=5), Recent(), ""),
        (stand(10_000, sent=44, refused=6), Recent(), "6 refus sur 50 essais"),
        (stand(10_000, sent=43, refused=6), Recent(), ""),
        (stand(10_000, sent=43, deferred=1, refused=6), Recent(), "6 refus sur 50 essais"),
        (stand(10_000, sent=10, refused=6, suppressed=500, cancelled=500), Recent(), ""),
    ],
)
def test_a_mailing_stops_where_its_outcomes_call_for_a_person(stands: Tally, recent: Recent, reason: str) -> None:
    said = why_stop(stands, recent)
    assert said.startswith(reason)
    assert bool(said) == bool(reason)
    assert not said or said.endswith("puis « kit resume ».")


def test_what_a_person_has_accepted_stops_a_mailing_no_more() -> None:
    accepted = stand(1000, sent=400, refused=100, unknown=20)
    assert why_stop(accepted, Recent())
    assert why_stop(accepted, Recent(), accepted=accepted) == ""
    later = stand(1000, sent=440, refused=110, unknown=20)
    assert why_stop(later, Recent(), accepted=accepted).startswith("10 refus sur 50 essais")
    assert why_stop(stand(1000, sent=400, refused=100, unknown=26), Recent(), accepted=accepted).startswith("6 message")


def test_a_run_of_unknown_is_seen_across_what_is_told_at_once() -> None:
    once = Recent().after([("sent", ""), ("unknown", ""), ("unknown", "")])
    assert once.after([("unknown", ""), ("sent", "")]).unknown_in_a_row == 3
    assert once.after([("sent", ""), ("unknown", "")]).unknown_in_a_row == 2


def test_only_refusals_that_speak_of_us_are_counted() -> None:
    told = [("refused", "dead"), ("refused", "blocked"), ("deferred", "slow"), ("refused", "content"), ("refused", "")]
    recent = Recent().after(told)
    assert (recent.policy_at_message, recent.policy_at_rcpt) == (1, 1)


@given(st.lists(st.tuples(st.sampled_from(["sent", "unknown", "refused"]), st.sampled_from(["", "policy", "blocked"]))))
def test_telling_one_by_one_comes_to_the_same_as_telling_all(told: list[tuple[str, str]]) -> None:
    one_by_one = Recent()
    for attempt in told:
        one_by_one = one_by_one.after([attempt])
    assert one_by_one == Recent().after(told)


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 3))
def test_what_goes_well_is_never_stopped(sent: int, pending: int, refused: int) -> None:
    assert why_stop(stand(sent + pending + 40 * refused, sent=sent + 39 * refused, refused=refused), Recent()) == ""


@pytest.mark.parametrize(
    ("sent", "complaints", "level"),
    [
        (10, 1, ""), (1000, 1, ""), (1999, 2, "warning"), (2001, 2, ""), (100, 4, "warning"), (1666, 5, "stop"),
        (1667, 5, "warning"), (10_000, 30, "stop"), (10_000, 29, "warning"), (0, 9, "stop"), (0, 0, ""),
    ],
)  # fmt: skip
def test_complaints_warn_from_one_and_stop_from_three_in_a_thousand(sent: int, complaints: int, level: str) -> None:
    assert Rate("", sent, complaints).level == level


def test_complaints_are_told_of_all_and_of_each_destination() -> None:
    groups = {"orange.fr": "orange", "wanadoo.fr": "orange"}
    grouped = by_destination(
        [("orange.fr", 3), ("wanadoo.fr", 3), ("mairie.fr", 1)], lambda domain: groups.get(domain, "")
    )
    found = rates({"": 9000, "orange": 1000, "google": 500}, grouped)
    assert found == [Rate("", 10_500, 7), Rate("google", 500, 0), Rate("orange", 1000, 6)]
    assert [rate.level for rate in found] == ["", "", "stop"]
    assert complained(found).startswith("0,60\u202f% de plaintes chez orange (6 sur 1000), 0,3\u202f% au plus")
    assert why_stop(GOOD, Recent(), rates=found) == complained(found)
    assert complained(rates({"": 9000}, {"": 1})) == ""


def test_the_death_of_a_sender_does_not_stop_a_small_mailing_but_a_server_that_does_not_answer_does() -> None:
    small = stand(400, sent=200, unknown=4)
    assert why_stop(small, Recent())
    assert not why_stop(small, Recent(), forgiven=4)
    assert why_stop(small, Recent(), forgiven=1)
