"""What an endpoint reads: the JSON of an event, with no more of a person than the endpoint was added for (RGPD, art. 5-1-c)."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from django.db.models import F

from pipeline.audience.models import Subscription
from pipeline.hooks.models import Event, Type
from pipeline.release import addresses
from pipeline.release.models import Release

TEST = "webhook.test"
"""The type of an event that a person sends to try an endpoint out. It says nothing, and every endpoint may get it."""


def of_subscription(subscription: Subscription, why: str) -> dict[str, Any]:
    """The ``data`` of what happened to a subscription; ``why``: the ledger's event, or the reason of a suppression."""
    return {
        "public_id": str(subscription.person.public_id),
        "season": subscription.season,
        "choice": subscription.choice,
        "rhythm": str(subscription.rhythm),
        "why": why,
    }


def of_release(release: Release) -> dict[str, Any]:
    """The ``data`` of a release. Links are added by :func:`render`."""
    columns = ("slug", "title", "number", "kind", "version")
    rows = release.fiches.order_by("pk").annotate(title=F("stored__data__title")).values_list(*columns)
    return {
        "season": release.season,
        "slot": release.slot,
        "number": release.number,
        "kind": release.kind,
        "date": release.date.isoformat(),
        "subject": release.subject,
        "mailed": bool(release.mailing),
        "fiches": [dict(zip(columns, row, strict=True)) for row in rows],
    }


def render(event: Event, *, base_url: str, with_address: bool) -> bytes:
    """The body of a request: ``type``, ``timestamp``, ``data``. ``with_address``: with the address and the name that the person has now;
    whoever was erased has none."""
    data = dict(event.data)
    if event.type == Type.PUBLISHED:
        data["url"] = base_url + addresses.release_path(data["season"], data["slot"])
        data["fiches"] = [
            {**one, "url": base_url + addresses.fiche_path(data["season"], one["slug"])} for one in data["fiches"]
        ]
    elif with_address and event.person is not None and event.person.email:
        data |= {"email": event.person.email, "name": event.person.name}
    whole = {"type": event.type, "timestamp": timestamp(event.at), "data": data}
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode()


def timestamp(at: dt.datetime) -> str:
    """RFC 3339, UTC, as ``2020-01-22T08:00:00.000Z``."""
    return at.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
