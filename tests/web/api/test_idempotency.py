"""A request that is sent again is carried out once: also at one instant, also after a failure."""

from __future__ import annotations

import datetime as dt
import json

import pytest
from django.db import connection
from django.test import RequestFactory
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline import clock
from pipeline.audience import consent
from pipeline.audience.models import SignUp, Status, Subscription
from pipeline.audience.wishes import Wish
from pipeline.web.api import idempotency
from pipeline.web.api.idempotency import KEPT, Answer, Once
from pipeline.web.api.problems import Problem
from pipeline.web.api.schemas import Received
from pipeline.web.models import IdempotentRequest
from tests.together import together
from tests.web.api.serving import Asker

KEY = "0b5d1c62-6a50-4d6f-9d6c-5b6f4b7e1a01"
ADA = "ada@commune.example"
ANSWER = Answer(202, Received())

keys = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=16, max_size=40)
bodies = st.dictionaries(st.text(max_size=5), st.none() | st.integers() | st.text(max_size=9), max_size=3)


def once(key: str, content: object, path: str = "/api/v1/confirmations") -> Once:
    return Once(RequestFactory().post(path, json.dumps(content), content_type="application/json"), key)


def work() -> None:
    SignUp.objects.create(season="essai", mailbox=ADA, key=ADA, source="essai", at=clock.now())


def test_a_request_sent_again_is_answered_the_same_and_done_once(asker: Asker) -> None:
    first, again = asker.subscribe(key=KEY), asker.subscribe(key=KEY)
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert (first.status, first.body) == (again.status, again.body) == (202, first.body)
    assert SignUp.objects.count() == 1


def test_whoever_came_back_leaves_again_by_the_same_request(asker: Asker) -> None:
    person = asker.office.confirmed(ADA)
    content = {"token": asker.token("unsubscribe")}
    asker.post("/unsubscriptions", content, Idempotency_Key=KEY)
    consent.resubscribe("essai", person.public_id, Wish("tout"), consent.Proof("essai"), now=clock.now())
    assert asker.post("/unsubscriptions", content, Idempotency_Key=KEY).status == 204
    assert Subscription.objects.get().status == Status.ENDED


def test_the_order_of_fields_makes_no_other_request(database: str) -> None:
    once(KEY, {"a": 1, "b": 2}).do(ANSWER, work)
    assert once(KEY, {"b": 2, "a": 1}).do(ANSWER, work)["Idempotency-Replayed"] == "true"


def test_a_key_of_another_request_is_refused(asker: Asker) -> None:
    asker.subscribe(key=KEY)
    answer = asker.subscribe("bob@commune.example", key=KEY)
    assert (answer.status, list(answer.faults)) == (422, ["Idempotency-Key"])
    assert SignUp.objects.count() == 1


def test_a_key_is_one_routes_own(asker: Asker) -> None:
    asker.office.confirmed(ADA)
    content = {"token": asker.token("unsubscribe")}
    assert asker.post("/confirmations", content, Idempotency_Key=KEY).status == 404
    assert asker.post("/unsubscriptions", content, Idempotency_Key=KEY).status == 204
    again = asker.post("/unsubscriptions", content, Idempotency_Key=KEY)
    assert (again.status, again.body, again.headers["Idempotency-Replayed"]) == (204, b"", "true")


def test_what_was_refused_may_be_sent_again_with_its_key(asker: Asker) -> None:
    assert asker.subscribe("ada@", key=KEY).status == 422
    assert asker.subscribe(key=KEY).status == 202
    assert SignUp.objects.count() == 1


@pytest.mark.parametrize("key", ["short", "x" * 15, "x" * 256, "clé" * 9, "a\tb" * 9])
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_key_is_sixteen_to_255_printable_signs(asker: Asker, key: str) -> None:
    answer = asker.subscribe(key=key.encode().decode("latin-1"))
    assert (answer.status, list(answer.faults)) == (422, ["Idempotency-Key"])
    assert asker.subscribe(key="x" * 16).status == 202


def test_a_failure_leaves_neither_the_work_nor_the_key(database: str) -> None:
    def fail() -> None:
        work()
        raise Problem(410, "Non.")

    with pytest.raises(Problem):
        once(KEY, {}).do(ANSWER, fail)
    assert not SignUp.objects.exists()
    assert not IdempotentRequest.objects.exists()
    assert "Idempotency-Replayed" not in once(KEY, {}).do(ANSWER, work).headers


def test_twins_at_one_instant_are_carried_out_once(database: str) -> None:
    answers = together(lambda: once(KEY, {"a": 1}).do(ANSWER, work), 4)
    assert sorted(one.headers.get("Idempotency-Replayed", "") for one in answers) == ["", "true", "true", "true"]
    assert {(one.status_code, one.content) for one in answers} == {(202, ANSWER.body.encode())}
    assert SignUp.objects.count() == 1


def test_a_twin_of_one_that_fails_is_carried_out_itself(database: str) -> None:
    failed: list[bool] = []

    def fail_first() -> None:
        work()
        if not failed:
            failed.append(True)
            raise Problem(410, "Non.")

    def send() -> int:
        try:
            return once(KEY, {}).do(ANSWER, fail_first).status_code
        except Problem as problem:
            return problem.status

    assert sorted(together(send, 3)) == [202, 202, 410]
    assert SignUp.objects.count() == 1


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sent=st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=2, max_size=4), data=st.data())
def test_of_any_requests_at_one_instant_each_key_is_carried_out_once(
    database: str, sent: list[tuple[int, int]], data: st.DataObject
) -> None:
    names = data.draw(st.lists(keys, min_size=2, max_size=2, unique=True))
    contents = data.draw(st.lists(bodies, min_size=2, max_size=2, unique_by=json.dumps))
    for kept in (SignUp, IdempotentRequest):
        kept.objects.all().delete()
    queue = list(sent)

    def send() -> tuple[int, str]:
        key, content = queue.pop()
        try:
            answer = once(names[key], contents[content]).do(ANSWER, work)
        except Problem as problem:
            return key, f"refused {problem.status}"
        return key, "replayed" if answer.headers.get("Idempotency-Replayed") else "done"

    told = together(send, len(sent))
    used = {key for key, _ in sent}
    assert sorted(key for key, what in told if what == "done") == sorted(used)
    assert SignUp.objects.count() == IdempotentRequest.objects.count() == len(used)
    disputed = {key for key in used if len({content for name, content in sent if name == key}) > 1}
    assert {one for one in told if "refused" in one[1]} == {(key, "refused 422") for key in disputed}


def test_a_key_counts_for_a_day_and_is_then_forgotten(database: str) -> None:
    once(KEY, {"a": 1}).do(ANSWER, work)
    now = clock.now()
    assert idempotency.forget_old(now) == 0
    IdempotentRequest.objects.update(at=now - KEPT)
    assert "Idempotency-Replayed" not in once(KEY, {"a": 2}).do(ANSWER, work).headers
    assert IdempotentRequest.objects.count() == 1
    assert idempotency.forget_old(now + KEPT + dt.timedelta(minutes=1)) == 1


def test_nothing_that_was_sent_can_be_read_in_what_is_kept(asker: Asker) -> None:
    asker.subscribe(key=KEY)
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM web_idempotentrequest")
        (row,) = cursor.fetchall()
    kept = " ".join(map(str, row))
    assert not [part for part in ("ada", "commune", KEY, "essai", "tout") if part in kept]
