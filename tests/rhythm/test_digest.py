"""The digest: whom it goes to, what it brings them, and when."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.audience import consent
from pipeline.audience.models import Person, Rhythm
from pipeline.audience.wishes import Wish
from pipeline.delivery import mailings
from pipeline.delivery.models import Mailing, Outgoing
from pipeline.release import decisions
from pipeline.release.letters import Press
from pipeline.release.models import AuditEntry, Digest, Release, SeasonState
from pipeline.rhythm import digest
from tests.factories import fiche_markdown
from tests.rhythm.season import DAY, MORNING, had, joined, listed, live, opened, received
from tests.stage import STAFF, Stage

pytestmark = [
    pytest.mark.usefixtures("database"),
    # What differs between the databases is played in any order, and by two at once, on both.
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
]
MONTHLY = Rhythm.MONTHLY
FEBRUARY, MARCH, APRIL = dt.date(2020, 2, 1), dt.date(2020, 3, 1), dt.date(2020, 4, 1)


def wants(play: Stage, person: Person, choice: str, rhythm: str, *themes: str) -> None:
    consent.change("essai", person.public_id, Wish(choice, themes, rhythm), now=play.now)


def test_who_wants_a_mail_a_month_gets_the_months_releases_in_one(tmp_path: Path) -> None:
    play = opened(tmp_path)
    ada, bob = joined(play, "ada", "tout", MONTHLY), joined(play, "bob")
    assert live(play, APRIL) == ["essai/digest-2020-01", "essai/digest-2020-02", "essai/digest-2020-03"]
    assert listed(ada) == ["essai/digest-2020-01", "essai/digest-2020-02", "essai/digest-2020-03"]
    assert listed(bob) == ["essai/1", "essai/2", "essai/3", "essai/4", "essai/5", "essai/6"]
    assert had(ada) == ["1", "2", "3", "4", "5"]
    entry = AuditEntry.objects.filter(action="digest").latest("pk")
    assert (entry.slot, entry.data) == ("digest-2020-03", {"mailings": ["essai/digest-2020-03"]})


def test_each_set_of_releases_that_people_are_owed_is_a_mailing_of_its_own(tmp_path: Path) -> None:
    play = opened(tmp_path, now=MORNING + 32 * DAY)
    both = [joined(play, f"tout{n}", "tout", MONTHLY) for n in range(3)]
    water = [joined(play, "eau", "eau", MONTHLY), joined(play, "goutte", "choisis", MONTHLY, "eau")]
    air = joined(play, "air", "choisis", MONTHLY, "air")
    nothing = [joined(play, "fin", "fin", MONTHLY), joined(play, "rien", "choisis", MONTHLY)]
    assert live(play, MARCH) == [f"essai/digest-2020-02{ending}" for ending in ("", "-b", "-c")]
    assert [had(person) for person in both] == [["2", "3"]] * 3
    assert [had(person) for person in water] == [["2"]] * 2
    assert had(air) == ["3"]
    assert [had(person) for person in nothing] == [[]] * 2
    assert list(Mailing.objects.filter(kind="digest").order_by("pk").values_list("frozen", flat=True)) == [3, 2, 1]


def test_it_goes_to_whoever_is_subscribed_on_its_day(tmp_path: Path) -> None:
    play = opened(tmp_path)
    left, paused, back = (joined(play, name, "tout", MONTHLY) for name in ("left", "paused", "back"))
    live(play, dt.date(2020, 1, 30))
    late = joined(play, "late", "tout", MONTHLY)
    consent.unsubscribe("essai", left.public_id, now=play.now, source="préférences")
    consent.pause("essai", paused.public_id, play.now + 10 * DAY, now=play.now)
    consent.pause("essai", back.public_id, play.now + DAY, now=play.now)
    live(play, FEBRUARY)
    assert [had(person) for person in (left, paused, back, late)] == [[], [], ["1"], ["1"]]
    live(play, MARCH)
    assert had(paused) == ["2", "3"], "who had paused on its day gets the next month's, as with a live mail"


def test_who_changes_to_each_release_still_gets_what_had_gone_out_before(tmp_path: Path) -> None:
    play = opened(tmp_path)
    ada = joined(play, "ada", "tout", MONTHLY)
    live(play, dt.date(2020, 2, 10))
    wants(play, ada, "tout", Rhythm.EACH)
    live(play, MARCH)
    assert listed(ada) == ["essai/digest-2020-01", "essai/3", "essai/digest-2020-02"]
    assert had(ada) == ["1", "2", "3"]


def test_who_changes_to_a_mail_a_month_gets_nothing_twice(tmp_path: Path) -> None:
    play = opened(tmp_path)
    ada = joined(play, "ada")
    live(play, dt.date(2020, 2, 10))
    wants(play, ada, "tout", MONTHLY)
    live(play, MARCH)
    assert listed(ada) == ["essai/1", "essai/2", "essai/digest-2020-02"]
    assert had(ada) == ["1", "2", "3"]


def test_who_paused_when_a_release_went_out_does_not_get_it_by_changing_something_else(tmp_path: Path) -> None:
    play = opened(tmp_path)
    ada = joined(play, "ada")
    live(play, dt.date(2020, 2, 4))
    consent.pause("essai", ada.public_id, play.now + 5 * DAY, now=play.now)
    live(play, dt.date(2020, 2, 12))
    wants(play, ada, "eau", Rhythm.EACH)
    live(play, MARCH)
    assert had(ada) == ["1"]


def test_a_month_in_which_nothing_was_mailed_makes_nothing(tmp_path: Path) -> None:
    play = opened(tmp_path)
    joined(play, "ada", "tout", MONTHLY)
    decisions.hold("essai", "1", "à revoir", actor=STAFF, now=play.now)
    live(play, dt.date(2020, 1, 24))
    decisions.intend("essai", "1", actor=STAFF, now=play.now, with_mail=False)
    live(play, dt.date(2020, 1, 25))
    assert live(play, FEBRUARY) == []
    assert Release.objects.filter(slot="1", mailing="").exists()
    assert not Digest.objects.exists()


def test_the_final_kit_goes_to_everybody_at_once_and_in_no_digest(tmp_path: Path) -> None:
    play = opened(tmp_path, finale="finale: {date: 2020-04-15}")
    ada = joined(play, "ada", "tout", MONTHLY)
    live(play, dt.date(2020, 5, 2))
    assert listed(ada)[-3:] == ["essai/digest-2020-03", "essai/finale", "essai/digest-2020-04"]
    assert had(ada) == ["1", "2", "3", "4", "5", "6", "finale"]


def test_one_that_nothing_ran_for_waits_for_the_next(tmp_path: Path) -> None:
    play = opened(tmp_path)
    ada = joined(play, "ada", "tout", MONTHLY)
    live(play, dt.date(2020, 1, 31))
    play.now += 20 * DAY
    joined(play, "late", "tout", MONTHLY)
    play.tick()
    assert play.keep_rhythms() == []
    assert live(play, MARCH) == ["essai/digest-2020-02", "essai/digest-2020-02-b"]
    assert had(ada) == ["1", "3"], "slot 2 was held: nothing ran on its day"


def test_one_that_is_late_within_the_grace_leaves(tmp_path: Path) -> None:
    play = opened(tmp_path)
    ada = joined(play, "ada", "tout", MONTHLY)
    live(play, dt.date(2020, 1, 31))
    play.now += 2 * DAY
    assert play.keep_rhythms() == ["essai/digest-2020-01"]
    assert had(ada) == ["1"]


def test_one_that_was_stopped_for_good_is_not_sent_again(tmp_path: Path) -> None:
    play = opened(tmp_path)
    ada = joined(play, "ada", "tout", MONTHLY)
    live(play, FEBRUARY)
    assert mailings.cancel("essai/digest-2020-01", "erreur", now=play.now)
    live(play, MARCH)
    assert had(ada) == ["1", "2", "3"]
    assert len(listed(ada)) == 2


def test_a_wake_up_that_comes_too_late_or_names_another_month_makes_nothing(tmp_path: Path) -> None:
    play = opened(tmp_path)
    joined(play, "ada", "tout", MONTHLY)
    live(play, dt.date(2020, 1, 31))
    for month, later in (("2020-01", 0), ("2019-12", 1), ("2020-02", 1), ("2020-01", 4)):
        assert digest.make("essai", month, play.press, now=play.now + later * DAY) == []
    SeasonState.objects.update(active=False)
    assert digest.make("essai", "2020-01", play.press, now=play.now + DAY) == []
    assert digest.due(play.now + DAY) == []


def test_days_without_mails_put_it_off(tmp_path: Path) -> None:
    play = opened(tmp_path, blackouts="[{from: 2020-02-01, to: 2020-02-03, reason: pause, action: next-day}]")
    joined(play, "ada", "tout", MONTHLY)
    assert live(play, dt.date(2020, 2, 3)) == []
    assert live(play, dt.date(2020, 2, 4)) == ["essai/digest-2020-01"]


def test_it_says_what_was_released_and_not_what_was_applied_since(tmp_path: Path) -> None:
    play = opened(tmp_path)
    ada = joined(play, "ada", "tout", MONTHLY)
    live(play, dt.date(2020, 1, 31))
    file = tmp_path / "fiches/essai/conseil/01-fiche-1.md"
    file.write_text(fiche_markdown(1, title="Un titre d’après ?"))
    play.apply()
    live(play, FEBRUARY)
    play.send()
    (mail,) = received(play, ada)
    assert "Comment faire la chose numéro 1" in mail
    assert "Un titre d" not in mail


def test_where_it_cannot_be_made_nothing_is_written_and_staff_are_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    play = opened(tmp_path)
    ada = joined(play, "ada", "tout", MONTHLY)
    live(play, dt.date(2020, 1, 31))
    broken = tmp_path / "emails"
    broken.mkdir()
    for file in play.press.templates.iterdir():
        (broken / file.name).write_bytes(file.read_bytes())
    (broken / "digest.mjml.j2").write_text("<mjml><mj-body><mj-nonsense/></mj-body></mjml>")
    with monkeypatch.context() as patch:
        patch.setattr(Stage, "press", property(lambda _: Press(broken, "https://essai.org", local=True, here=True)))
        play.now += DAY
        assert play.keep_rhythms() == play.keep_rhythms() == []
    assert not Digest.objects.exists()
    told = Outgoing.objects.get(key__startswith="hindered/essai/digest-2020-01/")
    assert "mj-nonsense" in bytes(told.content).decode()
    assert play.keep_rhythms() == ["essai/digest-2020-01"]
    assert had(ada) == ["1"]


def test_example_values_do_not_leave_this_machine(tmp_path: Path) -> None:
    play = opened(tmp_path)
    joined(play, "ada", "tout", MONTHLY)
    live(play, dt.date(2020, 1, 31))
    file = tmp_path / "schedules/essai.yaml"
    file.write_text(file.read_text().replace("publisher:\n", "publisher:\n  example: true\n"))
    play.apply()
    abroad = replace(play.press, here=False)
    assert digest.make("essai", "2020-01", abroad, now=play.now + DAY, staff=["equipe@essai.org"]) == []
    assert "exemple" in bytes(Outgoing.objects.get(key__startswith="hindered").content).decode()
