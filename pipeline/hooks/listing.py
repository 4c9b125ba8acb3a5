"""What staff are shown: endpoints with how they fare, and what was told to them; as JSON takes it."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, Q

from pipeline.hooks.models import Delivery, Endpoint
from pipeline.hooks.payload import timestamp

_STATES = Delivery.State


def endpoints() -> list[dict[str, Any]]:
    """Every endpoint with the counts of its deliveries, oldest first. ``state``: ``active``, ``failing`` or ``disabled``."""
    rows = Endpoint.objects.annotate(
        waiting=_count(_STATES.WAITING),
        delivered=_count(_STATES.DELIVERED),
        given_up=_count(_STATES.GIVEN_UP),
        dropped=_count(_STATES.DROPPED),
    ).order_by("pk")
    return [
        {
            "id": one.pk,
            "url": one.url,
            "events": one.types,
            "with_address": one.with_address,
            "state": "disabled" if one.disabled_at else "failing" if one.failures else "active",
            "why": one.disabled_why,
            "failing_since": timestamp(one.failing_since) if one.failing_since else None,
            "waiting": one.waiting,
            "delivered": one.delivered,
            "given_up": one.given_up,
            "dropped": one.dropped,
        }
        for one in rows
    ]


def deliveries(endpoint: Endpoint | None, *, states: tuple[str, ...] = (), most: int) -> list[dict[str, Any]]:
    """The newest first, ``most`` of them; of one endpoint, or of all."""
    rows = Delivery.objects.select_related("event").order_by("-pk")
    if endpoint is not None:
        rows = rows.filter(endpoint=endpoint)
    if states:
        rows = rows.filter(state__in=states)
    return [
        {
            "webhook": one.endpoint_id,
            "message": one.event.message_id,
            "type": one.event.type,
            "at": timestamp(one.event.at),
            "state": one.state,
            "attempts": one.attempts,
            "due_at": timestamp(one.due_at) if one.state == _STATES.WAITING else None,
            "answer": one.answer,
        }
        for one in rows[:most]
    ]


def _count(state: Delivery.State) -> Count:
    return Count("deliveries", filter=Q(deliveries__state=state))
