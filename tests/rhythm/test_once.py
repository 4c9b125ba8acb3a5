"""Once, on both databases: from the tick to the mailbox, and where two workers are woken for the same."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import Any

import pytest

from pipeline import clock, tasks
from pipeline.audience import consent
from pipeline.audience.models import CatchUp, Rhythm
from pipeline.audience.wishes import Wish
from pipeline.delivery import ledger
from pipeline.delivery.models import Mailing
from pipeline.rhythm import catching_up, digest, mails
from tests.rhythm.season import DAY, MORNING, asks, had, joined, listed, live, opened, received
from tests.together import together

pytestmark = pytest.mark.usefixtures("database")


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_every_reader_finds_each_fiche_once_in_the_mailbox(tmp_path: Path) -> None:
    play = opened(tmp_path)
    each, monthly = joined(play, "each"), joined(play, "monthly", "tout", Rhythm.MONTHLY)
    live(play, dt.date(2020, 2, 20))
    late = joined(play, "late")
    asks(play, late)
    play.send()
    while play.now.date() < dt.date(2020, 4, 1):
        live(play, play.now.date() + 7 * DAY, daily=True)
        play.send()
    for person, count in ((each, 6), (monthly, 3), (late, 6)):
        found = received(play, person)
        assert len(found) == count
        told = [
            number
            for mail in found
            for number in re.findall(r"^Comment faire la chose numéro (\d)", mail, re.MULTILINE)
        ]
        assert sorted(told) == ["1", "2", "3", "4", "5", "6"][: 5 if person is monthly else 6]
        assert all("desabonnement/" in mail and "preferences/" in mail for mail in found)
    assert all(ledger.tally(mailing).sent == mailing.frozen for mailing in Mailing.objects.all())


def test_the_tasks_that_the_tick_wakes_make_both(tmp_path: Path) -> None:
    play = opened(tmp_path)
    ada, bob = joined(play, "ada", "tout", Rhythm.MONTHLY), joined(play, "bob", "fin")
    live(play, dt.date(2020, 1, 31))
    late = joined(play, "late")
    play.now += DAY
    consent.catch_up("essai", late.public_id, CatchUp.Rhythm.WEEKLY, first=play.now, now=play.now)
    with clock.simulated(lambda: play.now):
        tasks.digest("essai", "2020-01")
        tasks.catch_up("essai")
    assert listed(ada) == ["essai/digest-2020-01"]
    assert listed(late) == ["essai/rattrapage-1-2020-02-01"]
    assert listed(bob) == []


def test_two_workers_make_a_digest_once(tmp_path: Path) -> None:
    play = opened(tmp_path)
    ada = joined(play, "ada", "tout", Rhythm.MONTHLY)
    live(play, dt.date(2020, 1, 31))
    play.now += DAY
    assert sorted(map(len, together(lambda: digest.make("essai", "2020-01", play.press, now=play.now)))) == [0, 1]
    assert had(ada) == ["1"]


def test_two_workers_send_once_to_who_catches_up(tmp_path: Path) -> None:
    play = opened(tmp_path)
    live(play, dt.date(2020, 2, 20))
    ada = joined(play, "ada")
    asks(play, ada)
    play.now += DAY
    assert sorted(map(len, together(lambda: catching_up.send("essai", play.press, now=play.now)))) == [0, 1]
    assert had(ada) == ["1"]


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_who_changes_their_mind_while_the_lists_are_frozen_is_on_one_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    play = opened(tmp_path, now=MORNING + 32 * DAY)
    joined(play, "ada", "tout", Rhythm.MONTHLY)
    joined(play, "cleo", "tout", Rhythm.MONTHLY)
    bob = joined(play, "bob", "eau", Rhythm.MONTHLY)
    live(play, dt.date(2020, 2, 29))
    play.now += DAY
    freeze, changed = mails.freeze, []

    def meanwhile(*what: Any, **how: Any) -> Mailing | None:
        made = freeze(*what, **how)
        if not changed:
            wish = Wish("tout", (), Rhythm.MONTHLY)
            changed.extend(together(lambda: consent.change("essai", bob.public_id, wish, now=play.now), count=1))
        return made

    monkeypatch.setattr(mails, "freeze", meanwhile)
    assert play.keep_rhythms() == ["essai/digest-2020-02", "essai/digest-2020-02-c"]
    assert had(bob) == ["2", "3"]
