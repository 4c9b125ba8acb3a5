"""A list: frozen whole, cut by provider."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.audience.models import Person
from pipeline.audience.selection import Choices
from pipeline.delivery import freezing
from pipeline.delivery.models import Batch, Mailing, Recipient
from tests.stage import stage

pytestmark = pytest.mark.usefixtures("database")


def test_a_batch_holds_people_of_one_provider_only_and_everybody_is_in_one(tmp_path: Path) -> None:
    play = stage(tmp_path, people=9)
    homes = ["example.org", "orange.fr", "wanadoo.fr", "gmail.com", "example.net"]
    for at, person in enumerate(Person.objects.order_by("pk")):
        person.email = f"p{at}@{homes[at % len(homes)]}"
        person.save(update_fields=["email"])
    play.tick()
    rows = dict(Recipient.objects.values_list("position", "address"))
    assert sorted(rows) == list(range(1, 10))
    seen = {}
    for batch in Batch.objects.all():
        domains = {rows[n].partition("@")[2] for n in range(batch.first, batch.last + 1)}
        seen[batch.destination] = domains
    assert seen == {"": {"example.org", "example.net"}, "orange": {"orange.fr", "wanadoo.fr"}, "google": {"gmail.com"}}
    assert sum(batch.last - batch.first + 1 for batch in Batch.objects.all()) == Mailing.objects.get().frozen == 9


def test_a_long_list_is_cut_into_batches_that_leave_nobody_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(freezing, "BATCH", 7)
    stage(tmp_path, people=30).tick()
    spans = list(Batch.objects.order_by("first").values_list("first", "last"))
    assert [n for first, last in spans for n in range(first, last + 1)] == list(range(1, 31))
    assert max(last - first + 1 for first, last in spans) == 7


def test_a_list_is_frozen_inside_the_transaction_of_its_release(tmp_path: Path) -> None:
    play = stage(tmp_path, people=1)
    play.tick()
    mailing = Mailing.objects.get()
    draft = freezing.Draft(
        "autre", "essai", "release", "x", "a@b.org", "b.org", "https://b.org", bytes(mailing.compiled)
    )
    with pytest.raises(RuntimeError, match="transaction"):
        freezing.freeze(draft, play_people(), now=play.now, throttles=play.press.throttles)


def play_people():  # type: ignore[no-untyped-def]
    from pipeline.audience import selection
    from tests.stage import LAUNCH

    return selection.active("essai", Choices(("tout",)), cutoff=LAUNCH)
