"""Telling endpoints what waits for them: at least once each, in no promised order; a repeated one has the same ``webhook-id``."""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce

from pipeline import outward
from pipeline.delivery import fence
from pipeline.delivery.sender import stopping
from pipeline.hooks import endpoints, payload, schedule, signing, vault
from pipeline.hooks.models import ANSWER_LENGTH, Delivery, Endpoint, Event

logger = logging.getLogger(__name__)

LEASE = dt.timedelta(seconds=60)
"""Longer than any attempt (:data:`pipeline.outward.SECONDS`). By wall time: a clock set forward makes an attempt more, which is allowed."""
_THROTTLED = (429, 502, 503, 504)
_TRIES = 8


@dataclass(frozen=True, slots=True)
class Courier:
    """What an attempt needs. ``identity``: of this installation (:mod:`pipeline.delivery.fence`)."""

    identity: str
    base_url: str
    caller: outward.Caller
    now: Callable[[], dt.datetime]


@dataclass(frozen=True, slots=True)
class Result:
    """How an attempt ended; ``gone`` is 410: the endpoint wants no more. ``wish``: seconds that it asked us to wait; ``content``: what
    it said, for a person who asks."""

    kind: Literal["delivered", "failed", "gone"]
    text: str
    wish: float = 0
    content: bytes = b""


def waiting(now: dt.datetime) -> int:
    """How many could be told now, or were taken up by somebody who died."""
    return _due(now).count() + _abandoned(now).count()


def run(courier: Courier, *, seconds: float) -> int:
    """Tell what is due, for about ``seconds``, one attempt at least; return how many were made.

    Raises:
        NotArmed: this installation tells nobody anything.
    """
    fence.require(courier.identity)
    _abandoned(courier.now()).update(state=Delivery.State.WAITING)
    end, made = time.monotonic() + seconds, 0
    while not stopping.is_set():
        taken = _claim(courier.now())
        if taken is None:
            return made
        _settle(taken, _attempt(courier, taken.endpoint, taken.event), courier.now())
        made += 1
        if time.monotonic() >= end:
            break
    return made


def test(courier: Courier, endpoint: Endpoint) -> Result:
    """Tell ``endpoint`` of an event of the type :data:`pipeline.hooks.payload.TEST`, now. Nothing of it is written down."""
    event = Event(type=payload.TEST, at=courier.now(), data={})
    return _attempt(courier, endpoint, event)


def _attempt(courier: Courier, endpoint: Endpoint, event: Event) -> Result:
    now = courier.now()
    content = payload.render(event, base_url=courier.base_url, with_address=endpoint.with_address)
    try:
        written = endpoints.secrets(endpoint, now)
        signed = signing.headers(event.message_id, int(now.timestamp()), content, written)
        answer = courier.caller.request(
            "POST",
            endpoint.url,
            headers={"Content-Type": "application/json", "User-Agent": "kit-webhooks/1", **signed},
            content=content,
        )
    except (outward.Refused, outward.Unreachable, vault.SealedError) as error:
        return Result("failed", str(error))
    told = f"{answer.status} {_printable(answer.reason)}".strip()
    if 200 <= answer.status < 300:
        return Result("delivered", told, content=answer.content)
    if answer.status == 410:
        return Result("gone", told, content=answer.content)
    if 300 <= answer.status < 400:
        told += " : une redirection n’est pas suivie, donner l’URL finale"
    wish = schedule.wish(answer.headers.get("retry-after", ""), now=now) if answer.status in _THROTTLED else 0
    return Result("failed", told, wish, answer.content)


def _printable(text: str) -> str:
    """What a stranger said, fit for a log and a column."""
    return "".join(sign if sign.isprintable() else "?" for sign in text[:80])


def _due(now: dt.datetime) -> QuerySet[Delivery]:
    """What may be tried. What never was is due, whatever the clock says: it may have been put back since."""
    ready = Q(endpoint__rest_until__isnull=True) | Q(endpoint__rest_until__lte=now)
    return Delivery.objects.filter(
        ready,
        Q(due_at__lte=now) | Q(attempts=0),
        state=Delivery.State.WAITING,
        endpoint__disabled_at__isnull=True,
    )


def _abandoned(now: dt.datetime) -> QuerySet[Delivery]:
    return Delivery.objects.filter(state=Delivery.State.SENDING, until__lt=now)


def _claim(now: dt.datetime) -> Delivery | None:
    for _ in range(_TRIES):
        found = _due(now).select_related("endpoint").order_by("due_at", "pk").first()
        if found is None:
            return None
        if _is_ours(found, now):
            # Read again: what is told must not be older than an erasure that was committed meanwhile.
            return _mine(found).select_related("endpoint", "event__person").first()
    return None


def _is_ours(found: Delivery, now: dt.datetime) -> bool:
    """Take it up; False where somebody else did. An endpoint that fails is tried by one at a time, who may wait for all of its patience."""
    endpoint = found.endpoint
    with transaction.atomic():
        if endpoint.failures:
            probed = Endpoint.objects.filter(pk=endpoint.pk, rest_until=endpoint.rest_until)
            if not probed.update(rest_until=now + LEASE):
                return False
        queued = Delivery.objects.filter(pk=found.pk, state=Delivery.State.WAITING, attempts=found.attempts)
        found.attempts += 1
        return bool(queued.update(state=Delivery.State.SENDING, attempts=found.attempts, until=now + LEASE))


def _mine(taken: Delivery) -> QuerySet[Delivery]:
    return Delivery.objects.filter(pk=taken.pk, state=Delivery.State.SENDING, attempts=taken.attempts)


@transaction.atomic
def _settle(taken: Delivery, result: Result, now: dt.datetime) -> None:
    endpoint, answer = taken.endpoint, result.text[:ANSWER_LENGTH]
    if result.kind == "delivered":
        _mine(taken).update(state=Delivery.State.DELIVERED, answer=answer, settled_at=now)
        failing = Endpoint.objects.filter(pk=endpoint.pk, failures__gt=0)
        failing.update(failures=0, failing_since=None, rest_until=None)
        return
    again = (
        schedule.next_attempt(taken.attempts, taken.pk, now=now, wish=result.wish) if result.kind == "failed" else None
    )
    if again is not None:
        _mine(taken).update(state=Delivery.State.WAITING, answer=answer, due_at=again)
    else:
        _mine(taken).update(state=Delivery.State.GIVEN_UP, answer=answer, settled_at=now)
    logger.warning("%s, évènement %s, essai %s : %s", endpoint, taken.event.message_id, taken.attempts, result.text)
    _blame(endpoint, result, now)


def _blame(endpoint: Endpoint, result: Result, now: dt.datetime) -> None:
    """Count a failure against the endpoint; disable it where that was the last."""
    if result.kind == "gone":
        endpoints.disable(endpoint, result.text, now=now)
        return
    Endpoint.objects.filter(pk=endpoint.pk).update(
        failures=F("failures") + 1,
        failing_since=Coalesce("failing_since", now),
        rest_until=schedule.rest(endpoint.failures + 1, now=now, wish=result.wish),
    )
    since = Endpoint.objects.filter(pk=endpoint.pk).values_list("failing_since", flat=True).first()
    if since is not None and since <= now - schedule.FAILING:
        endpoints.disable(endpoint, f"en échec depuis {schedule.FAILING.days} jours ({result.text})", now=now)
