"""What sending keeps of a person is told to them, and an erasure in the middle of a send leaves none of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from pipeline.audience import consent, moves, rights
from pipeline.audience.addresses import parse
from pipeline.audience.models import Person, SignUp, Visit
from pipeline.audience.wishes import Profile, Wish
from pipeline.delivery import gate, outbox
from pipeline.delivery.models import Attempt, Outgoing, Recipient
from pipeline.delivery.repair import LATELY, repair
from tests.smtp_sink import Behaviour, Sink
from tests.stage import Stage, stage

pytestmark = pytest.mark.usefixtures("database")

NADIA = "nadia.n@nullepart.example"
BEFORE = "nadia.n@avant.example"
TRACES = ("nadia", "nullepart", "avant.example", "ailleurs", "introuvable", "mairie de")
WAIT = {NADIA: f"452 4.2.2 <{NADIA}> mailbox full, Introuvable"}


def everything() -> Iterator[tuple[str, str, Any]]:
    """Each value of each column of each table, whichever room it is of, as the database has it."""
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            names = [column[0] for column in cursor.description or ()]
            for row in cursor.fetchall():
                yield from ((table, name, value) for name, value in zip(names, row, strict=True))


def traces() -> set[tuple[str, str]]:
    """Where something of her is still written."""
    found = set()
    for table, name, value in everything():
        text = bytes(value).decode("latin-1") if isinstance(value, bytes | memoryview) else str(value)
        if any(trace in text.lower() for trace in TRACES):
            found.add((table, name))
    return found


def letter(play: Stage, key: str, recipient: str, person: Person) -> None:
    content = (
        f"From: kit@essai.org\r\nTo: {recipient}\r\nSubject: Bonjour\r\n\r\nBonjour Nadia Introuvable.\r\n".encode()
    )
    outbox.put(key, sender="kit@essai.org", recipient=recipient, content=content, now=play.now, person=person.pk)


def known(play: Stage) -> Person:
    """Someone who moved, and wants to move again; with letters sent and waiting, to her address and to former ones."""
    before = play.now - dt.timedelta(days=2)
    profile = Profile("Nadia Introuvable", "Mairie de Nullepart", "elue", "rural", "09")
    proof = consent.Proof("formulaire", "1", "inscription", "192.0.2.77")
    asked = consent.subscribe(parse(BEFORE), "essai", Wish("tout"), proof, now=before, profile=profile)
    person = consent.confirm("essai", asked.person.public_id, now=before).person
    letter(play, "welcome:1", BEFORE, person)
    move = moves.ask("essai", person.public_id, parse(NADIA), now=before)
    assert move is not None
    moves.confirm(move.public_id, now=before)
    letter(play, "moved:1", NADIA, person)
    moves.ask("essai", person.public_id, parse("nadia@ailleurs.example"), now=before)
    letter(play, "moving:2", "nadia@ailleurs.example", person)
    consent.catch_up("essai", person.public_id, "weekly", first=play.now, now=before)
    Visit.objects.create(
        person=person, season="essai", purpose="confirm", how="opened", verdict="person", why="x", at=before
    )
    SignUp.objects.create(season="autre", mailbox=NADIA, key=NADIA, name="Nadia", source="formulaire", at=before)
    return Person.objects.get(pk=person.pk)


def test_mailings_letters_and_answers_are_told(tmp_path: Path) -> None:
    with Sink(Behaviour(refuse=dict(WAIT))) as sink:
        play = stage(tmp_path, people=2, url=sink.url)
        person = known(play)
        play.tick()
        play.send()
        play.now += dt.timedelta(days=1)
        play.send()
        held = rights.held(person.public_id)
    assert [(one["mailing"], one["attempt"], one["outcome"]) for one in held["messages"]] == [
        ("essai/1", 1, "deferred"), ("essai/1", 2, "deferred"),
    ]  # fmt: skip
    assert (held["messages"][0]["address"], held["messages"][0]["code"]) == (NADIA, 452)
    assert "mailbox full" in held["messages"][0]["answer"]
    assert {one["address"] for one in held["mails"]} == {BEFORE, NADIA, "nadia@ailleurs.example"}
    assert held["mails"][0]["subject"] == "Bonjour"
    assert "Bonjour Nadia" in held["mails"][0]["content"]
    assert {name for name in ("messages", "mails", "bounces") if held["about"][name]} == {
        "messages",
        "mails",
        "bounces",
    }


def test_a_bounce_is_told_to_whom_it_is_about_and_to_nobody_else(tmp_path: Path) -> None:
    with Sink(Behaviour(refuse={NADIA: f"550 5.1.1 <{NADIA}> no such user"})) as sink:
        play = stage(tmp_path, people=2, url=sink.url)
        person = known(play)
        play.tick()
        play.send()
    (bounce,) = rights.held(person.public_id)["bounces"]
    assert (bounce["mailing"], bounce["kind"], bounce["domain"]) == ("essai/1", "hard", "nullepart.example")
    other = rights.show("p1@example.org")
    assert (other["bounces"], other["mails"]) == ([], [])
    assert [one["outcome"] for one in other["messages"]] == ["sent"]


def test_nothing_of_a_person_erased_in_the_middle_of_a_send_is_left_in_any_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    how = Behaviour(refuse=dict(WAIT))
    with Sink(how) as sink:
        play = stage(tmp_path, people=12, url=sink.url)
        person = known(play)
        play.tick()
        play.send()
        outbox.run(play.desk, seconds=5)
        assert Attempt.objects.filter(text__contains=NADIA).exists()
        assert {
            ("audience_person", "email"),
            ("delivery_recipient", "address"),
            ("delivery_attempt", "text"),
        } < traces()

        play.now = dt.datetime(2020, 2, 5, 8, tzinfo=dt.UTC)
        play.tick()
        letter(play, "reminder:1", NADIA, person)
        told = gate.LeaseGate.told

        def erase(self: gate.LeaseGate, outcome: Any) -> None:
            # Her answer, which quotes the address, has come but is not yet written down.
            if Recipient.objects.filter(position=outcome.key, person=person.pk, address=NADIA).exists():
                rights.erase_person(person.public_id, now=play.now)
            told(self, outcome)

        monkeypatch.setattr(gate.LeaseGate, "told", erase)
        before = len(sink.recipients)
        play.send()
        outbox.run(play.desk, seconds=5)
        assert len(sink.recipients) > before
        how.refuse.clear()
        play.now += dt.timedelta(hours=1)
        play.send()
        repair(now=play.now + LATELY - dt.timedelta(hours=2))
    assert Person.objects.get(pk=person.pk).erased_at is not None
    assert traces() == set()
    assert NADIA not in sink.recipients
    assert not Outgoing.objects.filter(state="queued").exists()
