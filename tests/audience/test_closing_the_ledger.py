"""A database whose ledger was kept in clear is brought to the present one: every entry closed, and saying what it said."""

from __future__ import annotations

import datetime as dt
import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, connections
from django.db.migrations.executor import MigrationExecutor

from pipeline.audience import evidence, sealing, verifying
from pipeline.audience.models import Consent, Person, Subscription
from pipeline.settings import database as described
from tests.audience.factories import NOW, later
from tests.databases import KINDS, use
from tests.postgres import postgres_url


@pytest.fixture(params=KINDS)
def old(request: pytest.FixtureRequest, tmp_path: Path, django_db_blocker: Any) -> Iterator[Any]:
    """A database as it was before; yields its models."""
    before = connections.settings["default"]
    url = postgres_url(f"old-{uuid4()}") if request.param == "postgresql" else f"sqlite://{tmp_path}/old.sqlite3"
    with django_db_blocker.unblock():
        use(described(url))
        try:
            yield migrated([("audience", "0001_initial")])
        finally:
            use(before)


def migrated(targets: list[tuple[str, str]]) -> Any:
    executor = MigrationExecutor(connection)
    return executor.migrate(targets).apps


def leaves() -> list[tuple[str, str]]:
    return [node for node in MigrationExecutor(connection).loader.graph.leaf_nodes() if node[0] == "audience"]


def written(models: Any, key: str, *, erased: bool = False, **told: object) -> None:
    person = models.get_model("audience", "Person").objects.create(
        public_id=uuid4(),
        email="" if erased else key,
        key=f"erased:{uuid4()}" if erased else key,
        created_at=NOW,
        erased_at=later(1) if erased else None,
    )
    models.get_model("audience", "Subscription").objects.create(
        person=person, season="s", choice="tout", status="active", since=NOW
    )
    entry = models.get_model("audience", "Consent")
    values = {"season": "s", "choice": "tout", "source": "formulaire", "text_version": "1", "form": "inscription"}
    entry(person=person, event="granted", at=NOW, ip_truncated="192.0.2.0", **(values | told)).save()
    entry(person=person, event="confirmed", at=later(1), **(values | told)).save()


def test_every_entry_is_closed_and_says_what_it_said(old: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    step = importlib.import_module("pipeline.audience.migrations.0003_close_the_ledger")
    monkeypatch.setattr(step, "CHUNK", 2)
    given = dt.datetime(2019, 11, 4, 9, 30, tzinfo=dt.UTC)
    for number in range(3):
        written(old, f"p{number}@commune.example", source=f"salon {number}", given_at=given)
    written(old, "eve@commune.example", erased=True)
    migrated(leaves())
    for number in range(3):
        person = Person.objects.get(key=f"p{number}@commune.example")
        first, second = (evidence.read(one, person) for one in person.consents.order_by("id"))
        assert first == evidence.Details(
            source=f"salon {number}", text_version="1", form="inscription", ip_truncated="192.0.2.0", choice="tout",
            given_at=given.isoformat(),
        )  # fmt: skip
        assert second is not None
        assert second.ip_truncated == ""
    gone = Person.objects.get(erased_at__isnull=False)
    assert bytes(gone.ledger_key) == b""
    assert {evidence.read(one, gone) for one in gone.consents.all()} == {None}
    assert not any(b"formulaire" in bytes(one.details) for one in Consent.objects.all())
    assert len({bytes(key) for key in Person.objects.values_list("ledger_key", flat=True)}) == 4
    assert set(Subscription.objects.values_list("decided_at", flat=True)) == {NOW}
    assert sealing.seal(now=later(2)) == 8
    assert verifying.verify() == verifying.Verdict(1, 6, 2, 0, verifying.verify().head, ())


def test_a_closing_that_was_interrupted_is_taken_up_again(old: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    step = importlib.import_module("pipeline.audience.migrations.0003_close_the_ledger")
    monkeypatch.setattr(step, "CHUNK", 2)
    for number in range(3):
        written(old, f"p{number}@commune.example")
    close, calls = step.close, []

    def dies(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return close(*args, **kwargs)

    monkeypatch.setattr(step, "close", dies)
    with pytest.raises(KeyboardInterrupt):
        migrated(leaves())
    monkeypatch.setattr(step, "close", close)
    migrated(leaves())
    verdict = verifying.verify()
    assert (verdict.opened, verdict.faults) == (6, ())
