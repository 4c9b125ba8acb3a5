"""What the room keeps of a person: shown to them, dropped when they are erased, and thrown away after a month in any case."""

from __future__ import annotations

import datetime as dt

from pipeline.audience.signals import Part
from pipeline.hooks.models import Delivery, Event, Type

KEPT = dt.timedelta(days=30)
"""How long events can be looked up, and sent again."""
AT_ONCE = 2_000
"""Every tick comes by: so many are a fraction of a second, and three million a day."""

_OPEN = (Delivery.State.WAITING, Delivery.State.SENDING)


def forget(person_id: int, *, now: dt.datetime) -> None:
    """Drop what has not been told yet of someone who is being erased, in the erasure's transaction.

    Except that they left: whoever was told that they came has to know it. Events bear no address, so there is none to take out.
    """
    told = Delivery.objects.filter(event__person=person_id, state__in=_OPEN).exclude(event__type=Type.ENDED)
    told.update(state=Delivery.State.DROPPED, settled_at=now)


def held(*, person_id: int, **_: object) -> list[Part]:
    """:data:`pipeline.audience.signals.held`: to whom what was told of a person (RGPD, art. 15-1-c)."""
    rows = Delivery.objects.filter(event__person=person_id).select_related("event", "endpoint").order_by("pk")
    told = [
        {
            "type": one.event.type,
            "at": one.event.at.isoformat(),
            "data": one.event.data,
            "to": one.endpoint.host,
            "with_address": one.endpoint.with_address,
            "state": one.state,
        }
        for one in rows
    ]
    return [Part("webhooks", "Ce qui a été dit de vous à d’autres systèmes, et auxquels.", told)]


def purge(now: dt.datetime) -> int:
    """Throw away events that are older than :data:`KEPT`, :data:`AT_ONCE` at most. Returns how many. Nothing is tried for so long."""
    old = Event.objects.filter(at__lt=now - KEPT).order_by("at").values_list("pk", flat=True)[:AT_ONCE]
    return Event.objects.filter(pk__in=list(old)).delete()[1].get("hooks.Event", 0)
