"""Endpoints that fail, hang, redirect, have enough: nothing is lost, nobody waits long, and a repeated event is known by its id."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterator
from itertools import pairwise

import pytest

from pipeline.audience import rights
from pipeline.delivery import fence
from pipeline.hooks import endpoints, privacy, schedule, sending
from pipeline.hooks.endpoints import EndpointError
from pipeline.hooks.models import Delivery, Endpoint, Secret
from pipeline.outward import Caller
from pipeline.release.models import AuditEntry
from tests.audience.factories import NOW
from tests.hooks.factories import BASE, STAFF, Clock, comes, courier, endpoint, tell
from tests.hooks.receiver import Receiver, Reply
from tests.together import together

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as made:
        yield made


def only() -> Delivery:
    return Delivery.objects.select_related("endpoint").get()


def until_settled(clock: Clock) -> None:
    """Tell, each time as soon as something is due."""
    carrying = courier(clock)
    while True:
        tell(carrying)
        open_ = Delivery.objects.filter(state="waiting", endpoint__disabled_at__isnull=True).order_by("due_at").first()
        if open_ is None:
            return
        clock.now = max(clock.now + dt.timedelta(seconds=1), open_.due_at)


def test_a_delivery_is_made_once(clock: Clock, receiver: Receiver) -> None:
    endpoint(receiver.url)
    comes()
    assert [tell(courier(clock)) for _ in range(2)] == [1, 0]
    made = only()
    assert (made.state, made.attempts, made.answer) == ("delivered", 1, "204 No Content")
    assert len(receiver.taken) == 1


def test_a_failure_is_tried_again_with_the_same_id_and_a_new_signature(clock: Clock, receiver: Receiver) -> None:
    _, secret = endpoint(receiver.url)
    receiver.replies = [Reply(500), Reply(drop=True)]
    comes()
    until_settled(clock)
    assert [one.headers["webhook-id"] for one in receiver.taken] == [receiver.taken[0].headers["webhook-id"]] * 3
    times = [int(one.headers["webhook-timestamp"]) for one in receiver.taken]
    assert all(later > earlier for earlier, later in pairwise(times))
    assert all(one.signed_with(secret) for one in receiver.taken)
    assert (only().state, only().attempts) == ("delivered", 3)
    assert (only().endpoint.failures, only().endpoint.failing_since, only().endpoint.rest_until) == (0, None, None)


def test_after_ten_attempts_in_three_days_it_is_given_up_and_can_be_sent_again(
    clock: Clock, receiver: Receiver
) -> None:
    made, _ = endpoint(receiver.url)
    receiver.usual = Reply(404)
    comes()
    until_settled(clock)
    assert (only().state, only().attempts, only().answer) == ("given-up", 10, "404 Not Found")
    assert dt.timedelta(days=3) < clock.now - NOW < dt.timedelta(days=3.5)
    receiver.usual = Reply(204)
    assert endpoints.resend(made, actor=STAFF, now=clock.now) == 1
    clock.pass_(hours=1)
    until_settled(clock)
    assert only().state == "delivered"


def test_an_endpoint_that_wants_no_more_is_disabled(
    clock: Clock, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    made, secret = endpoint(receiver.url)
    receiver.usual = Reply(410)
    for name in ("a", "b", "c"):
        comes(f"{name}@x.example")
    tell(courier(clock))
    assert len(receiver.taken) == 1
    assert set(Delivery.objects.values_list("state", flat=True)) == {"given-up"}
    made.refresh_from_db()
    assert (made.disabled_at, made.disabled_why) == (clock.now, "410 Gone")
    assert f"kit webhooks enable {made.pk}" in caplog.text
    assert "recevoir" not in caplog.text
    assert secret not in caplog.text
    assert AuditEntry.objects.filter(action="webhook-disable", data__webhook=made.pk).exists()
    comes("d@x.example")
    assert Delivery.objects.count() == 3
    with pytest.raises(EndpointError, match="désactivé"):
        endpoints.resend(made, actor=STAFF, now=clock.now)
    endpoints.enable(made, actor=STAFF, now=clock.now)
    receiver.usual = Reply(204)
    comes("e@x.example")
    assert tell(courier(clock)) == 1


def test_after_five_days_of_failures_an_endpoint_is_disabled(clock: Clock, receiver: Receiver) -> None:
    made, _ = endpoint(receiver.url)
    receiver.usual = Reply(500)
    comes()
    tell(courier(clock))
    clock.now = NOW + schedule.FAILING - dt.timedelta(seconds=1)
    tell(courier(clock))
    made.refresh_from_db()
    assert (made.failures, made.failing_since, made.disabled_at) == (2, NOW, None)
    comes("b@x.example")
    clock.now = NOW + schedule.FAILING + dt.timedelta(hours=1)
    tell(courier(clock))
    made.refresh_from_db()
    assert made.disabled_why == "en échec depuis 5 jours (500 Internal Server Error)"
    assert set(Delivery.objects.values_list("state", flat=True)) == {"given-up"}


def test_of_many_that_wait_for_an_endpoint_that_fails_one_finds_out(clock: Clock, receiver: Receiver) -> None:
    endpoint(receiver.url)
    receiver.usual = Reply(503)
    for number in range(5):
        comes(f"p{number}@x.example")
    assert tell(courier(clock)) == 1
    clock.pass_(seconds=4)
    assert tell(courier(clock)) == 0
    clock.pass_(seconds=2)
    assert tell(courier(clock)) == 1
    receiver.usual = Reply(204)
    clock.pass_(minutes=6)
    assert tell(courier(clock)) == 5
    assert set(Delivery.objects.values_list("state", flat=True)) == {"delivered"}


def test_an_endpoint_that_fails_keeps_none_from_the_others(clock: Clock, receiver: Receiver) -> None:
    with Receiver(Reply(hang=True)) as silent:
        slow, _ = endpoint(silent.url)
        endpoint(receiver.url)
        for number in range(3):
            comes(f"p{number}@x.example")
        tell(courier(clock, patience=0.3))
    assert len(receiver.taken) == 3
    assert len(silent.taken) == 1
    slow.refresh_from_db()
    assert slow.failures == 1
    assert Delivery.objects.filter(endpoint=slow, answer="pas de réponse en 0.3\u00a0s").count() == 1


@pytest.mark.parametrize("status", [429, 503])
def test_a_wish_to_wait_is_respected(clock: Clock, receiver: Receiver, status: int) -> None:
    endpoint(receiver.url)
    receiver.replies = [Reply(status, {"Retry-After": "3600"})]
    comes()
    tell(courier(clock))
    clock.pass_(seconds=3599)
    comes("b@x.example")
    assert tell(courier(clock)) == 0
    clock.pass_(seconds=1)
    assert tell(courier(clock)) == 2


def test_a_redirection_is_a_failure_and_leads_nowhere(clock: Clock, receiver: Receiver) -> None:
    with Receiver() as hidden:
        endpoint(receiver.url)
        receiver.usual = Reply(302, {"Location": hidden.url})
        comes()
        tell(courier(clock))
        assert hidden.connections == 0
    assert only().answer == "302 Found : une redirection n’est pas suivie, donner l’URL finale"


def test_an_endpoint_of_this_machine_is_told_nothing_once_the_site_is_public(clock: Clock, receiver: Receiver) -> None:
    made, _ = endpoint("https://hooks.example.org/")
    Endpoint.objects.filter(pk=made.pk).update(url=f"https://127.0.0.1:{receiver.port}/")
    comes()
    fence.arm_if_new("essai", now=NOW)
    tell(sending.Courier("essai", BASE, Caller(), clock))
    assert receiver.connections == 0
    assert "n’est pas une adresse publique" in only().answer


def test_a_body_without_end_does_not_keep_a_status_from_counting(clock: Clock, receiver: Receiver) -> None:
    endpoint(receiver.url)
    receiver.usual = Reply(200, endless=True)
    comes()
    tell(courier(clock))
    assert (only().state, only().answer) == ("delivered", "200 OK")


def test_two_couriers_tell_each_event_once(clock: Clock, receiver: Receiver) -> None:
    endpoint(receiver.url)
    for number in range(12):
        comes(f"p{number}@x.example")
    carrying = courier(clock)
    assert sum(together(lambda: tell(carrying))) == 12
    ids = [one.headers["webhook-id"] for one in receiver.taken]
    assert len(ids) == len(set(ids)) == 12


def test_an_endpoint_that_fails_is_tried_by_one_at_a_time(clock: Clock, receiver: Receiver) -> None:
    made, _ = endpoint(receiver.url)
    receiver.usual = Reply(500)
    for number in range(6):
        comes(f"p{number}@x.example")
    carrying = courier(clock)
    tell(carrying)
    clock.pass_(minutes=1)
    assert sum(together(lambda: tell(carrying))) == 1
    made.refresh_from_db()
    assert made.failures == 2


def test_what_somebody_took_up_and_died_over_is_told_after_the_lease(clock: Clock, receiver: Receiver) -> None:
    endpoint(receiver.url)
    comes()
    carrying = courier(clock)
    assert sending._claim(clock.now) is not None
    assert tell(carrying) == 0
    clock.pass_(seconds=sending.LEASE.total_seconds() + 1)
    assert sending.waiting(clock.now) == 1
    assert tell(carrying) == 1
    assert (only().state, only().attempts) == ("delivered", 2)


def test_who_is_erased_between_claim_and_request_is_not_told_of(clock: Clock, receiver: Receiver) -> None:
    endpoint(receiver.url, "subscription.started", with_address=True)
    comes()
    found = sending._due(clock.now).get()
    assert sending._is_ours(found, clock.now)
    rights.erase("ada@commune.example", now=clock.now)
    assert sending._mine(found).first() is None
    assert only().state == "dropped"
    clock.pass_(hours=1)
    assert tell(courier(clock)) == 0
    assert receiver.connections == 0


def test_while_a_secret_is_replaced_both_sign_and_then_the_new_one_alone(clock: Clock, receiver: Receiver) -> None:
    made, old = endpoint(receiver.url)
    new = endpoints.rotate(made, actor=STAFF, now=clock.now)
    comes()
    tell(courier(clock))
    assert receiver.taken[0].signed_with(old)
    assert receiver.taken[0].signed_with(new)
    clock.pass_(hours=24)
    comes("b@x.example")
    tell(courier(clock))
    assert not receiver.taken[1].signed_with(old)
    assert receiver.taken[1].signed_with(new)
    third = endpoints.rotate(made, actor=STAFF, now=clock.now)
    assert Secret.objects.count() == 2
    assert endpoints.secrets(made, clock.now) == [third, new]


def test_secrets_stand_in_no_log_no_audit_and_no_column(
    clock: Clock, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    made, secret = endpoint(receiver.url)
    receiver.usual = Reply(500)
    comes()
    tell(courier(clock))
    kept = str(
        [list(model.objects.values()) for model in (AuditEntry, Endpoint, Delivery)]
        + [bytes(one.sealed) for one in Secret.objects.all()]
    )
    for text in (caplog.text, kept, repr(made), repr(Secret.objects.get())):
        assert secret.removeprefix("whsec_") not in text


def test_a_secret_that_does_not_open_any_more_is_a_failure_that_says_the_mend(
    clock: Clock,
    receiver: Receiver,
    settings,  # type: ignore[no-untyped-def]
) -> None:
    made, _ = endpoint(receiver.url)
    comes()
    settings.SECRET_KEY = "another key, as long as keys have to be"
    tell(courier(clock))
    assert receiver.connections == 0
    assert (only().state, "kit webhooks rotate" in only().answer) == ("waiting", True)
    new = endpoints.rotate(made, actor=STAFF, now=clock.now)
    clock.pass_(minutes=1)
    tell(courier(clock))
    assert receiver.taken[0].signed_with(new)


def test_an_installation_that_is_not_armed_tells_nobody(clock: Clock, receiver: Receiver) -> None:
    endpoint(receiver.url)
    comes()
    fence.arm("autre", now=NOW, who="équipe")
    with pytest.raises(fence.NotArmed):
        tell(sending.Courier("essai", BASE, Caller(local=True), clock))
    assert receiver.connections == 0


def test_what_a_stranger_answers_can_be_kept_and_logged(clock: Clock, receiver: Receiver) -> None:
    endpoint(receiver.url)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("http.server.BaseHTTPRequestHandler.responses", {500: ("a\x00\x1bb" + "x" * 5000, "")})
        receiver.usual = Reply(500)
        comes()
        tell(courier(clock))
    assert only().answer == "500 a??b" + "x" * 76


def test_an_endpoint_is_added_once_for_known_types_and_a_url_that_may_be_talked_to() -> None:
    endpoint("https://hooks.example.org/a")
    with pytest.raises(EndpointError, match="déjà le webhook"):
        endpoint("https://hooks.example.org/a")
    with pytest.raises(EndpointError, match=r"« person\.born » n’est pas un type"):
        endpoint("https://hooks.example.org/b", "person.born")
    with pytest.raises(EndpointError, match="https://"):
        endpoints.add("http://127.0.0.1/", local=False, actor=STAFF, now=NOW)
    assert Endpoint.objects.count() == 1


def test_nothing_waits_longer_than_it_is_kept() -> None:
    waits = sum(schedule.WAITS) * (1 + schedule.JITTER)
    assert dt.timedelta(seconds=waits) + schedule.FAILING < privacy.KEPT
