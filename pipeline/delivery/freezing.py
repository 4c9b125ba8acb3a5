"""The list of a mailing, frozen at the cut-off: one INSERT … SELECT in the release's transaction, whatever the number of people."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.db import connection
from django.db.models import QuerySet

from pipeline.audience import selection
from pipeline.audience.models import Subscription
from pipeline.delivery.models import Batch, Mailing, Recipient
from pipeline.delivery.throttle import Throttles

BATCH = 1000
"""People of a batch at most: what one sender holds at a time."""
LARGE = 10_000
"""From so many people on, PostgreSQL is told at once what its table has become: until it finds out, it plans for a small one."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What a mailing is made of. ``sender`` is the return path, ``domain`` the right side of its Message-IDs."""

    name: str
    season: str
    kind: str
    subject: str
    sender: str
    domain: str
    base_url: str
    compiled: bytes


def freeze(draft: Draft, people: QuerySet[Subscription], *, now: dt.datetime, throttles: Throttles) -> Mailing:
    """Create the mailing and its list, in the caller's transaction.

    People whose provider is written to at a pace of its own come last, provider by provider, so that a batch holds people of one
    provider only. ``people``: see :func:`pipeline.audience.selection.active`.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("a list is frozen inside the release's transaction")
    mailing = Mailing.objects.create(
        name=draft.name,
        season=draft.season,
        kind=draft.kind,
        subject=draft.subject,
        sender=draft.sender,
        domain=draft.domain,
        base_url=draft.base_url,
        compiled=draft.compiled,
        cutoff=now,
        suppressions=selection.latest_sequence(),
        created_at=now,
    )
    _list(mailing, people, throttles)
    mailing.frozen = _cut(mailing, throttles)
    if mailing.frozen >= LARGE and connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"ANALYZE {connection.ops.quote_name(Recipient._meta.db_table)}")
    if not mailing.frozen:
        mailing.state, mailing.finished_at = Mailing.State.DONE, now
    mailing.save(update_fields=["frozen", "state", "finished_at"])
    return mailing


def _list(mailing: Mailing, people: QuerySet[Subscription], throttles: Throttles) -> None:
    """Write everybody down."""
    listed = people.order_by().values_list("person_id", "person__public_id", "person__email")
    chosen, parameters = listed.query.sql_with_params()
    table = connection.ops.quote_name(Recipient._meta.db_table)
    providers, names = _providers(throttles)
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH providers (domain, name) AS ({providers}), chosen (person, public_id, address) AS ({chosen}) "  # noqa: S608
            f"INSERT INTO {table} (mailing_id, position, person, public_id, address) "
            f"SELECT %s, row_number() OVER (ORDER BY {_DESTINATION}, person), person, public_id, address "
            f"FROM chosen LEFT JOIN providers ON domain = {_domain()}",
            [*names, *parameters, mailing.pk],
        )


def _cut(mailing: Mailing, throttles: Throttles) -> int:
    """Cut the list into batches of one destination each; return how many people it holds (positions count from 1 without a gap)."""
    table = connection.ops.quote_name(Recipient._meta.db_table)
    providers, names = _providers(throttles)
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH providers (domain, name) AS ({providers}) "  # noqa: S608
            f"SELECT {_DESTINATION}, min(position), max(position) "
            f"FROM {table} LEFT JOIN providers ON domain = {_domain()} WHERE mailing_id = %s GROUP BY 1 ORDER BY 2",
            [*names, mailing.pk],
        )
        spans = cursor.fetchall()
    Batch.objects.bulk_create(
        Batch(mailing=mailing, destination=destination, first=first, last=min(first + BATCH - 1, end))
        for destination, start, end in spans
        for first in range(start, end + 1, BATCH)
    )
    return max((int(end) for _, _, end in spans), default=0)


_DESTINATION = "COALESCE(providers.name, '')"


def _domain() -> str:
    find = "strpos" if connection.vendor == "postgresql" else "instr"
    return f"substr(address, {find}(address, '@') + 1)"


def _providers(throttles: Throttles) -> tuple[str, list[str]]:
    """The domains that have a destination of their own, as the rows of a table, and its parameters."""
    domains = throttles.domains() or {"": ""}
    text = "(CAST(%s AS text), CAST(%s AS text))"
    return f"VALUES {', '.join([text] * len(domains))}", [word for pair in domains.items() for word in pair]
