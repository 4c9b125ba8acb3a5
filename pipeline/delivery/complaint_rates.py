"""The complaints about mailings, counted, of those whom they reached."""

from __future__ import annotations

import datetime as dt

from django.db.models import Count, Sum

from pipeline.delivery import complaints
from pipeline.delivery.complaints import Rate
from pipeline.delivery.models import Batch, Bounce, Mailing
from pipeline.delivery.throttle import Throttles


def of_mailing(mailing: Mailing, throttles: Throttles) -> list[Rate]:
    """The rate of all, then of each destination: two small queries."""
    reached = Batch.objects.filter(mailing=mailing).order_by().values_list("destination").annotate(n=Sum("sent"))
    told = (
        Bounce.objects.filter(mailing=mailing, kind=Bounce.Kind.COMPLAINT).values_list("domain").annotate(n=Count("*"))
    )
    return complaints.rates(dict(reached), complaints.by_destination(told, throttles.group_of))


def since(instant: dt.datetime) -> Rate | None:
    """The rate of all mailings frozen since then, together; None where none of them has reached anybody."""
    recent = Mailing.objects.filter(cutoff__gte=instant)
    sent = Batch.objects.filter(mailing__in=recent).aggregate(n=Sum("sent"))["n"]
    if not sent:
        return None
    return Rate("", sent, Bounce.objects.filter(mailing__in=recent, kind=Bounce.Kind.COMPLAINT).count())
