"""From the rooms' signals to events: written in the transaction that makes them true, one delivery for each endpoint that wants to know."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import transaction

from pipeline import broker
from pipeline.audience.models import Person, Subscription
from pipeline.hooks import payload, privacy
from pipeline.hooks.models import Delivery, Endpoint, Event, Type
from pipeline.release.models import Release

TASK, QUEUE = "pipeline.tasks.notify", "bulk"
"""Not the queue of mails to one person: an endpoint that does not answer must not keep a confirmation waiting."""


def on_started(*, subscription: Subscription, why: str, now: dt.datetime, **_: object) -> None:
    """:data:`pipeline.audience.signals.started`."""
    _tell(Type.STARTED, payload.of_subscription(subscription, why), person=subscription.person, now=now)


def on_ended(*, subscription: Subscription, why: str, now: dt.datetime, **_: object) -> None:
    """:data:`pipeline.audience.signals.ended`."""
    _tell(Type.ENDED, payload.of_subscription(subscription, why), person=subscription.person, now=now)


def on_moved(*, person_id: int, new: str, now: dt.datetime, **_: object) -> None:
    """:data:`pipeline.audience.signals.moved`. Where the new address was another person's, what starts and ends is told by itself."""
    if new:
        person = Person.objects.get(pk=person_id)
        _tell(Type.MOVED, {"public_id": str(person.public_id)}, person=person, now=now)


def on_erased(*, person_id: int, now: dt.datetime, **_: object) -> None:
    """:data:`pipeline.audience.signals.erased`. Whoever was told of the person is told of the erasure (RGPD, art. 19)."""
    privacy.forget(person_id, now=now)
    person = Person.objects.get(pk=person_id)
    _tell(Type.ERASED, {"public_id": str(person.public_id)}, person=person, now=now)


def on_published(*, release: Release, now: dt.datetime, **_: object) -> None:
    """:data:`pipeline.release.signals.published`."""
    _tell(Type.PUBLISHED, payload.of_release(release), now=now)


def _tell(kind: Type, data: dict[str, Any], *, now: dt.datetime, person: Person | None = None) -> None:
    endpoints = [one for one in Endpoint.objects.filter(disabled_at__isnull=True) if kind in one.types]
    if not endpoints:
        return
    with transaction.atomic():
        event = Event.objects.create(type=kind, at=now, person=person, data=data)
        Delivery.objects.bulk_create(Delivery(event=event, endpoint=one, due_at=now) for one in endpoints)
        broker.wake_on_commit(TASK, QUEUE)
