"""A mailing written straight into the database, with attempts as a test names them."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable

from pipeline.delivery.models import Attempt, Batch, Mailing, Recipient

NOW = dt.datetime(2020, 1, 22, 9, tzinfo=dt.UTC)


def mailing(people: int, *, name: str = "essai/1", state: str = "sending", batch: int = 10) -> Mailing:
    """A frozen list in open batches of ``batch``, nothing tried yet."""
    made = Mailing.objects.create(
        name=name, season="essai", kind="release", state=state, subject="s", sender="kit@essai.org", domain="essai.org",
        base_url="https://essai.org", compiled=b"", frozen=people, cutoff=NOW, created_at=NOW,
        finished_at=NOW if state == "done" else None,
    )  # fmt: skip
    Recipient.objects.bulk_create(
        Recipient(mailing=made, position=n, person=n, public_id=uuid.UUID(int=n), address=f"p{n}@example.org")
        for n in range(1, people + 1)
    )
    Batch.objects.bulk_create(
        Batch(mailing=made, first=first, last=min(first + batch - 1, people)) for first in range(1, people + 1, batch)
    )
    return made


def tried(made: Mailing, positions: Iterable[int], *kinds: str, **told: object) -> None:
    """Append one attempt for each of ``kinds``, in their order, to every position; ``told`` sets other columns."""
    Attempt.objects.bulk_create(
        Attempt(mailing=made, position=position, number=number, kind=kind, **({"at": NOW} | told))  # type: ignore[arg-type]
        for position in positions
        for number, kind in enumerate(kinds, start=1)
    )


def count(made: Mailing) -> None:
    """Make the counters of every batch agree with the attempts, and close the batches that have nothing left."""
    for batch in Batch.objects.filter(mailing=made):
        found = Attempt.objects.filter(mailing=made, position__range=(batch.first, batch.last)).order_by("number")
        last = {one.position: one.kind for one in found}
        for kind in Attempt.Kind.values:
            setattr(batch, kind, list(last.values()).count(kind))
        settled = sum(kind != "deferred" for kind in last.values())
        batch.state = "done" if settled == batch.last - batch.first + 1 else "open"
        batch.save()
