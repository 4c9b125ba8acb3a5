"""Taking an import back: what it made active and nobody has touched since. Short transactions, as in :mod:`.applying`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from pipeline.audience import evidence, signals, suppression
from pipeline.audience.evidence import Details
from pipeline.audience.list_models import Import
from pipeline.audience.lists import bulk
from pipeline.audience.lists.applying import CHUNK, write_entries
from pipeline.audience.models import Consent, Event, Person, Reason, Status, Subscription, Suppression

SOURCE = "import annulé"


def decide(told: Import, *, now: dt.datetime) -> None:
    """From this commit on, no list of a mailing holds anybody whom only this import brought; whoever was on one is told of later."""
    with transaction.atomic():
        if connection.vendor == "postgresql":
            # A list that is being frozen right now has read this table, and may hold its people: it comes first, and is seen then.
            with connection.cursor() as cursor:
                cursor.execute(
                    f"LOCK TABLE {connection.ops.quote_name(Import._meta.db_table)} IN ACCESS EXCLUSIVE MODE"
                )
        Import.objects.filter(pk=told.pk, state=Import.State.DONE).update(state=Import.State.UNDOING, undone_at=now)
    told.refresh_from_db()


def carry_on(told: Import, *, go_on: Callable[[], bool] = lambda: True) -> bool:
    """Undo what is left, while ``go_on`` says so; True once it is done. Two at once share the work."""
    now = told.undone_at
    if now is None:
        raise RuntimeError("nobody decided to undo this import")
    brought = Subscription.objects.filter(brought_by=told)
    while people := list(brought.order_by("person").values_list("person_id", flat=True)[:CHUNK]):
        if not go_on():
            return False
        entries = _entries(told, brought, people, now)
        with transaction.atomic():
            _end(told, brought, entries, now)
    Import.objects.filter(pk=told.pk, state=Import.State.UNDOING).update(state=Import.State.UNDONE)
    told.refresh_from_db()
    return True


def _entries(
    told: Import, brought: QuerySet[Subscription], people: Sequence[int], now: dt.datetime
) -> dict[int, tuple[bytes, bytes]]:
    """What the ledger will say of each, by person; made before the transaction begins."""
    rows = brought.filter(person__in=bulk.among(people)).values_list(
        *("person_id", "person__public_id", "person__ledger_key", "choice", "themes", "rhythm")
    )
    return {
        person: evidence.close(
            AESGCM(bytes(key)),
            who,
            told.season,
            Event.WITHDRAWN,
            Details(source=SOURCE, choice=choice, themes=themes.strip(), rhythm=rhythm),
            now=now,
        )
        for person, who, key, choice, themes, rhythm in rows
    }


def _end(
    told: Import, brought: QuerySet[Subscription], entries: dict[int, tuple[bytes, bytes]], now: dt.datetime
) -> None:
    locked = dict(
        Person.objects.select_for_update(no_key=True)
        .filter(pk__in=bulk.among(entries))
        .order_by("pk")
        .values_list("pk", "key")
    )
    # Read again under the locks: whoever did anything themselves in the meantime keeps theirs.
    people = list(brought.filter(person__in=bulk.among(locked)).values_list("person_id", flat=True))
    write_entries(((person, *entries[person]) for person in people), told.season, Event.WITHDRAWN, bulk.instant(now))
    gone = _only_by(told, people)
    stay = [person for person in people if person not in gone]
    brought.filter(person__in=bulk.among(stay)).update(status=Status.ENDED, ended_at=now, brought_by=None)
    Consent.objects.filter(season=told.season).let_go(bulk.among(gone))
    # Straight from the tables: nothing else names these people, and the database would refuse if anything did.
    Subscription.objects.filter(person__in=bulk.among(gone))._raw_delete(connection.alias)
    Person.objects.filter(pk__in=bulk.among(gone))._raw_delete(connection.alias)
    Import.objects.filter(pk=told.pk).update(ended=F("ended") + len(stay), removed=F("removed") + len(gone))
    if stay:  # last: it locks the counter
        first = suppression.next_sequence(len(stay)) - len(stay) + 1
        Suppression.objects.bulk_create(
            Suppression(
                sequence=sequence,
                person_id=person,
                key=locked[person],
                season=told.season,
                reason=Reason.UNDONE,
                at=now,
            )
            for sequence, person in enumerate(stay, first)
        )


def _only_by(told: Import, people: Sequence[int]) -> set[int]:
    """Those whom nothing but this import knows: nobody wrote to them, and they did nothing. Their rows can go."""
    others = (
        Subscription.objects.filter(person=OuterRef("pk")).exclude(brought_by=told),
        Consent.objects.filter(person=OuterRef("pk")).exclude(
            Q(event=Event.IMPORTED, at=told.at) | Q(event=Event.WITHDRAWN, at=told.undone_at), season=told.season
        ),
        Suppression.objects.filter(person=OuterRef("pk")),
    )
    known = Person.objects.filter(
        pk__in=bulk.among(people), moves=None, visits=None, catch_ups=None, created_at=told.at
    )
    for rows in others:
        known = known.exclude(Exists(rows))
    alone = set(known.values_list("pk", flat=True))
    for _, named in signals.named.send(sender=Person, people=frozenset(alone), since=told.at):
        alone.difference_update(named or ())
    return alone
