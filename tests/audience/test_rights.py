"""Seeing, taking along, proving and erasing what is held about a person."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import environment
from pipeline.audience import consent, moves, portable, proving, rights, sealing, selection, signals
from pipeline.audience.addresses import AddressError, parse
from pipeline.audience.consent import UnknownPersonError
from pipeline.audience.fingerprints import fingerprint
from pipeline.audience.models import Consent, Move, Person, SignUp, Status, Subscription, Suppression, Visit
from pipeline.audience.selection import Choices
from pipeline.audience.signals import Part
from pipeline.audience.spreadsheet import bare
from pipeline.audience.verifying import verify
from pipeline.audience.wishes import Profile, Wish
from tests.audience.factories import NOW, PROOF, SEASON, asked, later, subscribed

CHECK = environment.ROOT / "docs/check_proof.py"
ADA = "ada@commune.example"


def known() -> Person:
    """Someone of whom every table of the room holds something."""
    wish = Wish("choisis", ("eau", "air"), "monthly")
    profile = Profile("=Ada", "Foix", "elue", "rural", "09")
    person = consent.subscribe(parse("ada@ancienne.example"), SEASON, wish, PROOF, now=NOW, profile=profile).person
    consent.confirm(SEASON, person.public_id, now=later(1), ip="2001:db8:1:2::3")
    consent.pause(SEASON, person.public_id, later(400), now=later(2))
    consent.catch_up(SEASON, person.public_id, "weekly", first=later(500), now=later(3))
    asked_move = moves.ask(SEASON, person.public_id, parse(ADA), now=later(4))
    assert asked_move is not None
    moves.confirm(asked_move.public_id, now=later(5))
    moves.ask(SEASON, person.public_id, parse("ada@encore.example"), now=later(6))
    Visit.objects.create(
        person=person, season=SEASON, purpose="confirm", how="opened", ip_truncated="192.0.2.0", verdict="person",
        why="un navigateur", at=later(1),
    )  # fmt: skip
    SignUp.objects.create(season="autre-2032", mailbox=ADA, key=ADA, name="Ada", source="formulaire", at=later(7))
    person.refresh_from_db()
    return person


@pytest.mark.usefixtures("database")
def test_everything_that_is_held_is_told_with_a_sentence_on_each_part() -> None:
    held = json.loads(rights.as_json(rights.held(known().public_id)))
    rows = {name: held[name] for name in held["about"]}
    assert {name: len(told) for name, told in rows.items() if told} == {
        "person": 1, "subscriptions": 1, "consents": 5, "suppressions": 3, "sign_ups": 1, "moves": 2, "visits": 1,
        "catch_ups": 1,
    }  # fmt: skip
    assert (held["person"][0]["email"], held["person"][0]["name"]) == (ADA, "=Ada")
    told = held["subscriptions"][0]
    assert (told["choice"], told["themes"], told["rhythm"]) == ("choisis", ["air", "eau"], "monthly")
    assert (told["role"], told["territory"], told["department"]) == ("elue", "rural", "09")
    assert [one["event"] for one in held["consents"]] == ["granted", "confirmed", "paused", "changed", "moved"]
    assert (
        held["consents"][0] | {"season": SEASON, "text_version": "1", "ip_truncated": "192.0.2.0"}
        == held["consents"][0]
    )
    assert held["suppressions"][0]["until"] == "2031-03-20T00:00:00+00:00"
    assert held["visits"][0]["network"] == "192.0.2.0"
    assert held["sign_ups"][0]["season"] == "autre-2032"
    assert all(sentence.endswith((".", "…")) for sentence in held["about"].values())


@pytest.mark.usefixtures("database")
def test_every_column_that_a_table_has_of_a_person_is_told() -> None:
    """A column that is added has to be shown, or to be named here as one that says nothing of the person."""
    held = rights.held(known().public_id)
    technical = {
        Person: {"id", "key", "ledger_key", "erased_at"},
        Subscription: {"id", "person", "brought_by"},
        Move: {"id", "public_id", "person", "key"},
        Visit: {"id", "person", "ip_truncated"},
        SignUp: {"id", "key", "ip_truncated"},
        Suppression: {"id", "person", "key", "sequence"},
        Person.catch_ups.rel.related_model: {"id", "person"},
    }
    parts = ("person", "subscriptions", "moves", "visits", "sign_ups", "suppressions", "catch_ups")
    for (model, hidden), part in zip(technical.items(), parts, strict=True):
        columns = {field.name for field in model._meta.concrete_fields} - hidden
        assert columns - set(held[part][0]) == set(), part


@pytest.mark.usefixtures("database")
def test_other_rooms_add_what_they_keep() -> None:
    person = subscribed()
    asked_of: list[object] = []

    def tell(person_id: int, address: str, **_: object) -> list[Part]:
        asked_of.append((person_id, address))
        return [Part("letters", "Des lettres.", [{"subject": "Bonjour"}])]

    signals.held.connect(tell)
    try:
        held = rights.show("ADA@commune.example")
    finally:
        signals.held.disconnect(tell)
    assert asked_of == [(person.pk, ADA)]
    assert (held["letters"], held["about"]["letters"]) == ([{"subject": "Bonjour"}], "Des lettres.")


@pytest.mark.usefixtures("database")
def test_the_archive_holds_one_guarded_table_a_part_and_says_what_they_are() -> None:
    held = rights.held(known().public_id)
    raw = rights.as_csv_zip(held)
    assert rights.as_csv_zip(held) == raw
    archive = zipfile.ZipFile(io.BytesIO(raw))
    assert set(archive.namelist()) == {"LISEZMOI.txt", *(f"{name}.csv" for name in held["about"] if held[name])}
    (person,) = csv.DictReader(io.StringIO(archive.read("person.csv").decode("utf-8-sig")))
    assert (person["email"], person["name"]) == (ADA, "'=Ada")
    read = archive.read("LISEZMOI.txt").decode("utf-8-sig")
    assert "consents.csv, 5 lignes" in read
    assert all(sentence in read for sentence in held["about"].values())


CELLS = st.none() | st.integers() | st.text(st.characters(exclude_categories=("Cs",)), max_size=12)


@given(st.lists(st.fixed_dictionaries({"a": CELLS, "b": CELLS}), min_size=1, max_size=4))
def test_whatever_a_cell_holds_it_is_read_again_and_is_no_formula(rows: list[dict[str, Any]]) -> None:
    raw = portable.as_csv_zip({"about": {"part": "Une partie."}, "part": rows})
    text = zipfile.ZipFile(io.BytesIO(raw)).read("part.csv").decode("utf-8-sig")
    read = list(csv.DictReader(io.StringIO(text, newline="")))
    for row, again in zip(rows, read, strict=True):
        for name, value in row.items():
            assert bare(again[name]) == ("" if value is None else str(value))
            assert not again[name].startswith(("=", "+", "-", "@", "\t", "\r"))


def test_a_cell_that_is_more_than_a_word_is_read_by_programs_too() -> None:
    row = {"themes": ["air", "eau"], "data": {"choice": "été"}}
    raw = portable.as_csv_zip({"about": {"part": "Une partie."}, "part": [row]})
    text = zipfile.ZipFile(io.BytesIO(raw)).read("part.csv").decode("utf-8-sig")
    (read,) = csv.DictReader(io.StringIO(text, newline=""))
    assert (read["themes"], json.loads(read["data"])) == ("air eau", {"choice": "été"})


@pytest.mark.usefixtures("database")
def test_nobody_is_shown_who_is_not_known() -> None:
    subscribed()
    for door in (rights.held, rights.proof, lambda who: rights.erase_person(who, now=NOW)):
        with pytest.raises(UnknownPersonError):
            door(uuid4())
    with pytest.raises(UnknownPersonError):
        rights.show("bob@commune.example")
    with pytest.raises(AddressError):
        rights.show("pas une adresse")


@pytest.mark.usefixtures("database")
def test_an_erasure_leaves_nothing_that_names_the_person() -> None:
    person = known()
    heard: list[tuple[int, str, tuple[str, ...]]] = []

    def listen(person_id: int, address: str, former: tuple[str, ...], **_: object) -> None:
        heard.append((person_id, address, former))

    signals.erased.connect(listen)
    try:
        rights.erase(" Ada@Commune.example", now=later(8))
    finally:
        signals.erased.disconnect(listen)
    assert heard == [(person.pk, ADA, ("ada@ancienne.example", "ada@encore.example"))]
    models = (Person, Subscription, Consent, Suppression, Move, Visit, SignUp)
    kept = str([list(model.objects.values()) for model in models])
    for trace in ("ada", "Ada", "commune", "ancienne", "encore", "Foix", "rural", "192.0.2", "2001:db8", "eau"):
        assert trace not in kept
    assert set(Suppression.objects.values_list("key", flat=True)) == {
        fingerprint(ADA),
        fingerprint("ada@ancienne.example"),
    }
    assert not person.catch_ups.exists()
    assert set(Subscription.objects.values_list("status", flat=True)) == {Status.ENDED}
    assert not selection.active(SEASON, Choices(("tout", "choisis")), cutoff=later(900)).exists()
    assert person.pk in selection.news(0, SEASON).gone
    for door in (rights.held, rights.proof, lambda who: rights.erase_person(who, now=NOW)):
        with pytest.raises(UnknownPersonError):
            door(person.public_id)


@pytest.mark.usefixtures("database")
def test_an_address_that_was_erased_is_not_written_to_whoever_types_it_nor_the_one_before() -> None:
    rights.erase_person(known().public_id, now=later(8))
    for email in (ADA, "ada@ancienne.example"):
        again = asked(email).person
        held = Suppression.objects.filter(person=again, lifted_at__isnull=True)
        assert set(held.values_list("reason", flat=True)) >= {"erased" if email == ADA else "moved"}
        assert not selection.may_write(again.pk, SEASON, now=later(9))


@pytest.mark.usefixtures("database")
def test_what_concerns_somebody_else_who_has_a_former_address_stays_theirs() -> None:
    person = known()
    other = subscribed("ada@ancienne.example")
    consent.unsubscribe("autre-2032", other.public_id, now=later(7), source="page")
    heard: list[tuple[str, ...]] = []

    def listen(former: tuple[str, ...], **_: object) -> None:
        heard.append(former)

    signals.erased.connect(listen)
    try:
        rights.erase_person(person.public_id, now=later(8))
    finally:
        signals.erased.disconnect(listen)
    assert heard == [("ada@encore.example",)]
    assert Suppression.objects.filter(person=other, key="ada@ancienne.example", season="autre-2032").exists()
    assert not Suppression.objects.filter(person=person, key__contains="@").exists()
    assert rights.show("ada@ancienne.example")["person"][0]["public_id"] == str(other.public_id)


@pytest.mark.usefixtures("database")
def test_a_move_that_somebody_asked_for_towards_an_erased_address_is_dropped() -> None:
    subscribed()
    bob = subscribed("bob@commune.example")
    moves.ask(SEASON, bob.public_id, parse(ADA), now=later(1))
    rights.erase(ADA, now=later(2))
    assert not Move.objects.exists()


@pytest.mark.usefixtures("database")
def test_an_old_unsubscribe_link_of_an_erased_person_still_answers() -> None:
    person = subscribed()
    rights.erase(person.email, now=NOW)
    assert not consent.unsubscribe(SEASON, person.public_id, now=later(1), source="one-click")
    with pytest.raises(consent.NotSubscribedError):
        consent.confirm(SEASON, person.public_id, now=later(1))


@pytest.mark.usefixtures("database")
def test_the_ledger_verifies_before_and_after_an_erasure() -> None:
    person = known()
    subscribed("bob@commune.example")
    sealing.seal(now=later(7), most=3)
    before = verify()
    assert (before.closed, before.faults) == (0, ())
    rights.erase_person(person.public_id, now=later(8))
    sealing.seal(now=later(9))
    after = verify(expect=before.head)
    assert (after.opened, after.closed, after.faults) == (2, 6, ())


@pytest.fixture
def proven(database: str, tmp_path: Path) -> dict[str, Any]:
    """The proof of somebody among others, whose last entry is not sealed yet."""
    for number in range(5):
        subscribed(f"p{number}@commune.example")
    person = known()
    for number in range(5, 9):
        subscribed(f"p{number}@commune.example")
    for most in (7, 4, 50):
        sealing._seal_batch(later(10), most)
    consent.resume(SEASON, person.public_id, now=later(11))
    proof: dict[str, Any] = json.loads(rights.as_json(rights.proof(person.public_id)))
    return proof


def checked(folder: Path, proof: Any, *, seals: Any = None, digest: str = "") -> subprocess.CompletedProcess[str]:
    """What the checker of the documentation says: a program of its own that knows nothing of ours."""
    (folder / "proof.json").write_text(json.dumps(proof))
    command = [sys.executable, "-I", str(CHECK), str(folder / "proof.json")]
    if seals is not None:
        (folder / "seals.json").write_text(json.dumps(seals))
        command += [str(folder / "seals.json"), *([digest] if digest else [])]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def chain() -> list[dict[str, Any]]:
    return [proving.seal_shown(one, previous) for one, previous in sealing.chain()]


def test_a_proof_is_checked_by_somebody_else(proven: dict[str, Any], tmp_path: Path) -> None:
    assert [one["event"] for one in proven["entries"]] == [
        "granted", "confirmed", "paused", "changed", "moved", "resumed",
    ]  # fmt: skip
    assert proven["entries"][0]["details"]["text_version"] == "1"
    assert [one["seal"] for one in proven["entries"]] == [2, 3, 3, 3, 3, None]
    done = checked(tmp_path, proven, seals=chain(), digest=verify().head)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "proven"), done.stdout + done.stderr


def test_a_proof_shows_nothing_of_anybody_else(proven: dict[str, Any]) -> None:
    assert not any(f"p{number}@" in json.dumps(proven) for number in range(9))
    others = [UUID(str(one)).hex for one in Person.objects.exclude(email=ADA).values_list("public_id", flat=True)]
    assert not any(one in json.dumps(proven).replace("-", "") for one in others)


def test_a_proof_that_was_changed_anywhere_is_refused(proven: dict[str, Any], tmp_path: Path) -> None:
    def changed(**told: object) -> dict[str, Any]:
        return {**proven, "entries": [{**proven["entries"][0], **told}]}

    details = proven["entries"][0]["details"]
    forged = [
        {**proven, "person": str(uuid4())},
        changed(details=details | {"choice": "autre"}),
        changed(season="autre"),
        changed(at="2030-03-03T08:00:00+00:00"),
        changed(id=10**6),
        changed(path=[]),
        {**proven, "seals": [one | {"count": one["count"] + 1} for one in proven["seals"]]},
        {**proven, "seals": [one | {"at": "2030-03-03T08:00:00+00:00"} for one in proven["seals"]]},
    ]
    for one in forged:
        assert checked(tmp_path, one).returncode == 1
    assert checked(tmp_path, proven, seals=chain()[1:]).returncode == 1
    assert checked(tmp_path, proven, seals=chain(), digest="00" * 32).returncode == 1
