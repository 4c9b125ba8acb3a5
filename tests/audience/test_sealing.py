"""The ledger is sealed in batches; whatever is changed in it afterwards is found, and what may rightly happen to it is not."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.audience import consent, rights, sealing, verifying
from pipeline.audience.models import Consent, Event, Person, Seal
from pipeline.audience.verifying import verify
from pipeline.audience.wishes import Wish
from tests.audience.factories import NOW, SEASON, asked, later, subscribed

pytestmark = pytest.mark.usefixtures("database")
PEOPLE = ("ada", "bob", "eve", "ida")
TABLES = {"audience_consent": Consent, "audience_seal": Seal}


def filled() -> None:
    """Four people, of whom one was erased and one never confirmed; three seals, each with a few entries."""
    for number, name in enumerate(PEOPLE[:3]):
        person = subscribed(f"{name}@commune.example")
        consent.change(SEASON, person.public_id, Wish("autre"), now=later(number + 1), ip="192.0.2.77")
    asked("ida@commune.example")
    rights.erase("eve@commune.example", now=later(9))
    while Consent.objects.filter(seal__isnull=True).exists():
        sealing._seal_batch(later(10), 5)


def run(sql: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)


class _Undo(Exception):
    pass


def faults(*statements: tuple[Any, ...]) -> tuple[str, ...]:
    """What a verification finds after these statements; they are undone."""
    found: list[tuple[str, ...]] = []
    try:
        with transaction.atomic():
            with connection.constraint_checks_disabled():
                for statement in statements:
                    run(*statement)
                found.append(verify().faults)
            raise _Undo
    except _Undo:
        return found[0]


def others(table: str, column: str, now: Any) -> Iterator[Any]:
    """Values that a column could have instead of ``now``."""
    model = TABLES[table]
    field = next(one for one in model._meta.concrete_fields if one.column == column)
    if field.null:
        yield None
    if isinstance(now, dt.datetime):
        yield now + dt.timedelta(microseconds=1)
    elif isinstance(now, bytes | memoryview):
        kept = bytes(now)
        yield from (b"", kept[:-1], kept + b"\0", kept[:20] + bytes([kept[20] ^ 1]) + kept[21:])
        yield bytes([kept[0] ^ 1]) + kept[1:]
    elif isinstance(now, int):
        yield now + 1
        yield 1_000_000 + now
        if field.is_relation:
            yield from field.related_model.objects.exclude(pk=now).values_list("pk", flat=True)
    elif now is None:
        yield from Person.objects.values_list("pk", flat=True)
    else:
        yield from set(Event.values) - {now} if column == "event" else (f"{now}x", "", now.upper())


def test_any_change_of_any_column_of_any_sealed_entry_or_seal_is_found(database: str) -> None:
    filled()
    assert verify().faults == ()
    tried = 0
    for table, model in TABLES.items():
        columns = [field.column for field in model._meta.concrete_fields]
        for row in model.objects.order_by("pk"):
            for column in columns:
                field = next(one for one in model._meta.concrete_fields if one.column == column)
                now = getattr(row, field.attname)
                for other in others(table, column, now):
                    taken = field.unique and model.objects.filter(**{field.attname: other}).exists()
                    if other == now or taken:
                        continue
                    changed = timezone.make_naive(other, dt.UTC) if _is_naive(database, other) else other
                    statement = f'UPDATE {table} SET "{column}" = %s WHERE id = %s'
                    assert faults((statement, changed, row.pk)) != (), f"{table} {row.pk}: {column} = {other!r}"
                    tried += 1
    assert tried > 300


def _is_naive(database: str, value: object) -> bool:
    """SQLite keeps instants as text without a zone."""
    return database == "sqlite" and isinstance(value, dt.datetime)


def test_a_removed_an_added_and_a_swapped_entry_are_found() -> None:
    filled()
    first, second = Consent.objects.order_by("id")[:2]
    assert "4 entrées au lieu de 5" in faults(("DELETE FROM audience_consent WHERE id = %s", first.pk))[0]
    seal = Seal.objects.get(number=2)
    run_in = "UPDATE audience_consent SET id = %s WHERE id = %s"
    assert faults((run_in, 10**6, first.pk), (run_in, first.pk, second.pk), (run_in, second.pk, 10**6)) != ()
    asked("zoe@commune.example")
    added = Consent.objects.order_by("id").last()
    assert added is not None
    assert verify() == verifying.Verdict(3, 8, 4, 1, verify().head, ())
    assert faults(("UPDATE audience_consent SET seal_id = %s WHERE id = %s", seal.pk, added.pk)) != ()


def test_a_removed_seal_is_found_even_with_its_entries() -> None:
    filled()
    for number in (1, 2):
        seal = Seal.objects.get(number=number)
        cut = (
            ("DELETE FROM audience_consent WHERE seal_id = %s", seal.pk),
            ("DELETE FROM audience_seal WHERE id = %s", seal.pk),
        )
        assert faults(*cut)[0] == f"le sceau {number} manque."


def test_a_chain_that_was_cut_at_its_end_is_found_by_the_digest_that_was_noted() -> None:
    filled()
    noted = verify().head
    last = Seal.objects.get(number=3)
    run("DELETE FROM audience_consent WHERE seal_id = %s", last.pk)
    run("DELETE FROM audience_seal WHERE id = %s", last.pk)
    assert verify().faults == ()
    for digest in (noted, noted.upper(), noted[:16]):
        assert "n’est pas dans la chaîne" in verify(expect=digest).faults[0]
    assert verify(expect=verify().head).faults == ()
    with pytest.raises(ValueError, match="« zz » n’est pas l’empreinte"):
        verify(expect="zz")


def test_a_chain_made_by_whoever_can_write_to_the_database_is_not_ours(settings: Any) -> None:
    filled()
    ours = settings.SECRET_KEY
    run("UPDATE audience_consent SET seal_id = NULL")
    run("DELETE FROM audience_seal")
    settings.SECRET_KEY = "une autre clé, que l’on a devinée de travers"
    sealing.seal(now=later(11))
    assert verify().faults == ()
    settings.SECRET_KEY = ours
    assert verify().faults == ("sceau 1 : il n’a pas été posé avec le secret de cette installation.",)
    settings.SECRET_KEY_FALLBACKS = ["une autre clé, que l’on a devinée de travers"]
    assert verify().faults == ()


def test_an_entry_that_is_not_sealed_yet_cannot_be_rewritten_either() -> None:
    person, other = subscribed(), subscribed("bob@commune.example")
    entry = person.consents.get(event=Event.CONFIRMED)
    for column, value in (
        ("person_id", other.pk), ("person_id", None), ("season", "autre"), ("event", "renewed"), ("at", later(1)),
        ("details", b"\x01" * 80), ("commitment", b"\x01" * 32),
    ):  # fmt: skip
        assert len(faults((f"UPDATE audience_consent SET {column} = %s WHERE id = %s", value, entry.pk))) == 1


def test_a_key_that_was_taken_away_without_an_erasure_is_found() -> None:
    person = subscribed()
    sealing.seal(now=later(1))
    for key in (b"", b"\0" * 32, b"court"):
        assert len(faults(("UPDATE audience_person SET ledger_key = %s WHERE id = %s", key, person.pk))) == 2


def test_thousands_of_faults_are_told_as_a_few_and_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifying, "MOST_FAULTS", 2)
    filled()
    told = faults(("UPDATE audience_consent SET season = 'autre'",))
    assert len(told) == 3
    assert told[-1].startswith("et ")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.sampled_from(["ask", "confirm", "leave", "back", "erase", "seal"]), max_size=25))
def test_whatever_people_do_the_ledger_stays_sound(steps: list[str], database: str) -> None:
    try:
        with transaction.atomic():
            for number, step in enumerate(steps):
                _do(step, number)
            verdict = verify()
            raise _Undo
    except _Undo:
        assert verdict.faults == ()


def _do(step: str, number: int) -> None:
    who = f"{PEOPLE[number % 3]}@commune.example"
    person = Person.objects.filter(key=who).first()
    now = later(number)
    if step == "seal":
        sealing.seal(now=now, most=2)
    elif step == "ask":
        asked(who)
    elif person is not None:
        try:
            if step == "confirm":
                consent.confirm(SEASON, person.public_id, now=now)
            elif step == "leave":
                consent.unsubscribe(SEASON, person.public_id, now=now, source="page")
            elif step == "back":
                consent.resubscribe(SEASON, person.public_id, Wish("tout"), consent.Proof("page"), now=now)
            else:
                rights.erase_person(person.public_id, now=now)
        except consent.NotSubscribedError:
            pass


def test_two_who_seal_at_once_seal_each_entry_once(database: str) -> None:
    for number in range(30):
        asked(f"p{number}@commune.example")
    begin = threading.Barrier(2)

    def seal() -> None:
        begin.wait(timeout=10)
        try:
            sealing.seal(now=later(1), most=4)
        finally:
            connection.close()

    both = [threading.Thread(target=seal) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join(timeout=30)
    sealing.seal(now=later(2))
    verdict = verify()
    assert (verdict.opened, verdict.unsealed, verdict.faults) == (30, 0, ())
    assert sum(Seal.objects.values_list("count", flat=True)) == 30


def test_sealing_tells_each_digest_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    subscribed()
    with caplog.at_level("INFO", logger="pipeline.audience.sealing"):
        assert sealing.seal(now=NOW) == 2
    assert verify().head in caplog.text
    assert sealing.seal(now=NOW) == 0
