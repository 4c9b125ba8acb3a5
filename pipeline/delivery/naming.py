"""Whom lists and mails still name: nobody removes these people."""

from __future__ import annotations

import datetime as dt
from collections.abc import Set as AbstractSet

from pipeline.delivery.models import Bounce, Mailing, Outgoing, Recipient


def still(*, people: AbstractSet[int], since: dt.datetime, **_: object) -> set[int]:
    """Those of ``people`` that a list frozen after ``since``, a mail or a bounce names (:data:`pipeline.audience.signals.named`)."""
    if not people:
        return set()
    ids = list(people)
    # By mailing and person, for the index: a search by person alone reads every list there ever was.
    lists = list(Mailing.objects.filter(created_at__gte=since).values_list("pk", flat=True))
    found: set[int | None] = set(
        Recipient.objects.filter(mailing__in=lists, person__in=ids).values_list("person", flat=True)
    )
    for model in (Outgoing, Bounce):
        found.update(model.objects.filter(person__in=ids).values_list("person", flat=True))
    return {person for person in found if person is not None}
