"""The mailbox answered: the subscription begins, and a welcome follows."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from django.db import transaction

from pipeline import broker
from pipeline.audience import consent, quotas
from pipeline.audience.addresses import Address
from pipeline.audience.models import SignUp, Status, Subscription
from pipeline.correspondence import reception


def confirm(season: str, public_id: UUID, *, now: dt.datetime, ip: str = "") -> Subscription:
    """:func:`pipeline.audience.consent.confirm`, and the welcome in the same transaction: a worker writes it. Same errors."""
    with transaction.atomic():
        before = Subscription.objects.filter(person__public_id=public_id, season=season).values_list(
            "status", flat=True
        )
        active = before.first() == Status.ACTIVE
        confirmed = consent.confirm(season, public_id, now=now, ip=ip)
        if not active:
            person = confirmed.person
            quotas.forget(Address(person.email, person.email, person.key))
            SignUp.objects.create(
                wants=SignUp.Wants.WELCOME,
                season=season,
                mailbox=person.email,
                key=person.key,
                source="confirmation",
                at=now,
            )
            broker.wake_on_commit(reception.TASK, "transactional")
    return confirmed
