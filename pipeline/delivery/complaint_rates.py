"""The complaints about a mailing, counted: by provider, of those whom it reached."""

from __future__ import annotations

from django.db.models import Count, Sum

from pipeline.delivery import complaints
from pipeline.delivery.complaints import Rate
from pipeline.delivery.models import Batch, Bounce, Mailing
from pipeline.delivery.throttle import Throttles


def of_mailing(mailing: Mailing, throttles: Throttles) -> list[Rate]:
    """The rate of all, then of each destination: two small queries."""
    reached = Batch.objects.filter(mailing=mailing).values_list("destination").annotate(n=Sum("sent"))
    told = (
        Bounce.objects.filter(mailing=mailing, kind=Bounce.Kind.COMPLAINT).values_list("domain").annotate(n=Count("*"))
    )
    return complaints.rates(dict(reached), complaints.by_destination(told, throttles.group_of))
