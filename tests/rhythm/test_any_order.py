"""Whatever people, staff and machines do, in whatever order: each release once to each, all of them to who stayed, none to who had left.

What is expected is worked out from what people did, minute by minute, and from nothing that the rooms keep.
"""

from __future__ import annotations

import datetime as dt
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from pipeline.audience import consent
from pipeline.audience.models import CatchUp, Person, Rhythm
from pipeline.audience.wishes import Wish
from pipeline.delivery.models import Mailing, Recipient
from pipeline.release import decisions, revisions
from pipeline.release.models import Carrying, Digest, Release
from pipeline.rhythm import catching_up
from tests.databases import empty
from tests.rhythm.season import DAY, FINALE, MORNING, SLOTS, THEMES, joined, opened
from tests.stage import STAFF

MINUTE = dt.timedelta(minutes=1)
GRACE = dt.timedelta(hours=48)
DAYS = sorted({*SLOTS.values(), FINALE, *(dt.date(2020, month, 1) for month in range(2, 8))})
WISHES = st.builds(
    Wish,
    choice=st.sampled_from(["tout", "tout", "eau", "fin"]),
    rhythm=st.sampled_from(Rhythm.values),
) | st.builds(
    Wish,
    choice=st.just("choisis"),
    themes=st.sampled_from([("eau",), ("air",), ("air", "eau")]),
    rhythm=st.sampled_from(Rhythm.values),
)
NAMES = st.sampled_from(["ada", "bob", "cleo", "dov"])


@dataclass
class Life:
    """What a person did. ``wishes``: since when they want what (None: they have left); ``pauses``: from, until."""

    person: Person
    wishes: list[tuple[dt.datetime, Wish | None]] = field(default_factory=list)
    pauses: list[tuple[dt.datetime, dt.datetime]] = field(default_factory=list)

    def wish(self, at: dt.datetime) -> Wish | None:
        return next((wish for since, wish in reversed(self.wishes) if since <= at), None)

    def writable(self, at: dt.datetime) -> bool:
        return self.wish(at) is not None and not any(start <= at < end for start, end in self.pauses)

    def between(self, start: dt.datetime, end: dt.datetime) -> list[Wish | None]:
        return [self.wish(start), *(wish for since, wish in self.wishes if start < since <= end)]


def concerned(wish: Wish | None, release: Release) -> bool:
    if wish is None or release.kind == "final":
        return wish is not None
    themes = {"tout": {"eau", "air"}, "eau": {"eau"}, "choisis": set(wish.themes), "fin": set()}[wish.choice]
    return bool(themes & set(THEMES[int(release.slot)]))


class Readers(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        empty()
        self.folder = tempfile.TemporaryDirectory()
        self.play = opened(Path(self.folder.name), now=MORNING + 19 * DAY, finale=f"finale: {{date: {FINALE}}}")
        self.lives: dict[str, Life] = {}
        self.closed = "2019-12"
        self.seen = self.slept = 0
        self.done: set[int] = set()

    def teardown(self) -> None:
        self.folder.cleanup()

    @property
    def now(self) -> dt.datetime:
        return self.play.now

    def _life(self, name: str) -> Life | None:
        life = self.lives.get(name)
        return life if life is not None and life.wish(self.now) is not None else None

    @initialize(wishes=st.tuples(WISHES, WISHES))
    def some_are_there(self, wishes: tuple[Wish, Wish]) -> None:
        for name, wish in zip(("ada", "bob"), wishes, strict=True):
            self.join(name, wish)

    @rule(name=NAMES, wish=WISHES)
    def join(self, name: str, wish: Wish) -> None:
        if self._life(name) is None:
            self.play.now += MINUTE
            person = joined(self.play, name, wish.choice, wish.rhythm, *wish.themes)
            life = self.lives.setdefault(name, Life(person))
            life.wishes.append((self.now, wish))
            life.pauses = [(start, min(end, self.now)) for start, end in life.pauses]

    @rule(name=NAMES, wish=WISHES)
    def change(self, name: str, wish: Wish) -> None:
        if life := self._life(name):
            self.play.now += MINUTE
            consent.change("essai", life.person.public_id, wish, now=self.now)
            life.wishes.append((self.now, wish))

    @rule(name=NAMES, days=st.integers(1, 40))
    def pause(self, name: str, days: int) -> None:
        if life := self._life(name):
            self.play.now += MINUTE
            consent.pause("essai", life.person.public_id, self.now + days * DAY, now=self.now)
            life.pauses = [(start, min(end, self.now)) for start, end in life.pauses]
            life.pauses.append((self.now, self.now + days * DAY))

    @rule(name=NAMES)
    def resume(self, name: str) -> None:
        if life := self._life(name):
            self.play.now += MINUTE
            consent.resume("essai", life.person.public_id, now=self.now)
            life.pauses = [(start, min(end, self.now)) for start, end in life.pauses]

    @rule(name=NAMES)
    def leave(self, name: str) -> None:
        if life := self._life(name):
            self.play.now += MINUTE
            consent.unsubscribe("essai", life.person.public_id, now=self.now, source="préférences")
            life.wishes.append((self.now, None))

    @rule(name=NAMES, rhythm=st.sampled_from(CatchUp.Rhythm.values))
    def ask_to_catch_up(self, name: str, rhythm: str) -> None:
        if life := self._life(name):
            self.play.now += MINUTE
            first = catching_up.first_at(revisions.active_seasons()["essai"], self.now)
            consent.catch_up("essai", life.person.public_id, rhythm, first=first, now=self.now)

    @rule(days=st.integers(1, 18), twice=st.booleans())
    def time_goes_by(self, days: int, twice: bool) -> None:
        """With a tick on every day that matters: slots, digests, turns of those who catch up."""
        end = self.now + days * DAY
        day = self.now.date() + DAY
        while day <= end.date():
            turns = CatchUp.objects.filter(ended_at__isnull=True, next_at__date__lte=day).exists()
            if day in DAYS or turns:
                self.play.now = dt.datetime.combine(day, dt.time(8), dt.UTC)
                self._tick()
                if twice:
                    self._tick()
            day += DAY
        self.play.now = max(end, self.now)

    @precondition(lambda self: self.slept < 2)
    @rule(days=st.sampled_from([1, 2, 3, 10, 40]))
    def nothing_runs(self, days: int) -> None:
        """Then one late tick."""
        self.slept += 1
        self.play.now = dt.datetime.combine(self.now.date() + days * DAY, dt.time(8), dt.UTC)
        self._tick()

    @precondition(lambda self: "held" in self.play.states().values())
    @rule(with_mail=st.booleans())
    def staff_release_what_was_held(self, with_mail: bool) -> None:
        held = next(slot for slot, state in self.play.states().items() if state == "held")
        if not self.play.view(held).findings:
            decisions.intend("essai", held, actor=STAFF, now=self.now, with_mail=with_mail)
            self.play.now += 2 * MINUTE
            self._tick()

    def _tick(self) -> None:
        before = set(self.play.released())
        self.play.tick()
        for release in Release.objects.exclude(slot__in=before).exclude(mailing=""):
            self._left_live(release)
        self.play.keep_rhythms()
        self._digest_left()
        self._caught_up()
        self.play.now += MINUTE

    def _left_live(self, release: Release) -> None:
        for life in self.lives.values():
            wish = life.wish(self.now)
            live = release.kind == "final" or (wish is not None and wish.rhythm == Rhythm.EACH)
            if live and life.writable(self.now) and concerned(wish, release):
                assert self._has(life, release)

    def _digest_left(self) -> None:
        """Who stayed has it all on the day, whatever their rhythm was meanwhile."""
        month = f"{self.now.replace(day=1) - DAY:%Y-%m}"
        due = dt.datetime.combine(self.now.date().replace(day=1), dt.time(7), dt.UTC)
        if not due <= self.now <= due + GRACE or month <= self.closed:
            return
        rows = Release.objects.exclude(mailing="").exclude(kind="final").order_by("pk")
        told = [row for row in rows if self.closed < f"{row.released_at:%Y-%m}" <= month]
        assert Digest.objects.filter(month=month).exists() == bool(told)
        if not told:
            return
        self.closed = month
        for release in told:
            for life in self.lives.values():
                start = release.released_at
                stayed = all(concerned(wish, release) for wish in life.between(start, self.now))
                if stayed and life.writable(start) and life.writable(self.now):
                    assert self._has(life, release)

    def _caught_up(self) -> None:
        for row in CatchUp.objects.filter(end="done").exclude(pk__in=self.done):
            self.done.add(row.pk)
            life = next(life for life in self.lives.values() if life.person.pk == row.person_id)
            wish = life.wish(self.now)
            assert wish is not None
            for release in Release.objects.all():
                to_come = wish.rhythm == Rhythm.MONTHLY and f"{release.released_at:%Y-%m}" == f"{self.now:%Y-%m}"
                left_to_digest = to_come and release.mailing and release.kind != "final"
                if concerned(wish, release) and not left_to_digest:
                    assert self._has(life, release)

    def _has(self, life: Life, release: Release) -> bool:
        carriers = Carrying.objects.filter(release=release).values("mailing")
        return Recipient.objects.filter(mailing__in=carriers, person=life.person.pk).exists()

    @invariant()
    def nobody_is_written_to_against_their_will(self) -> None:
        by_pk = {life.person.pk: life for life in self.lives.values()}
        catching: Counter[tuple[int, dt.datetime]] = Counter()
        for mailing in Mailing.objects.filter(pk__gt=self.seen).order_by("pk"):
            self.seen = mailing.pk
            carried = [one.release for one in Carrying.objects.filter(mailing=mailing).select_related("release")]
            assert carried
            listed = Recipient.objects.filter(mailing=mailing)
            assert listed.exists() or mailing.kind in ("launch", "release", "final")
            for person in listed.values_list("person", flat=True):
                life = by_pk[person]
                assert life.writable(mailing.cutoff)
                assert all(concerned(life.wish(mailing.cutoff), release) for release in carried)
                catching[person, mailing.cutoff] += mailing.kind == "catch-up"
        assert max(catching.values(), default=0) <= 1

    @invariant()
    def each_has_each_release_once(self) -> None:
        carried: dict[int, list[int]] = {}
        for mailing, release in Carrying.objects.values_list("mailing", "release"):
            carried.setdefault(mailing, []).append(release)
        rows = Recipient.objects.values_list("person", "mailing")
        times = Counter((person, release) for person, mailing in rows for release in carried[mailing])
        assert max(times.values(), default=1) == 1


def _play(examples: int, steps: int) -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Readers,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            phases=(Phase.explicit, Phase.reuse, Phase.generate),
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.usefixtures("database")
def test_in_any_order_each_release_comes_once_to_each_and_to_all_who_stayed() -> None:
    _play(examples=3, steps=20)


@pytest.mark.long
@pytest.mark.usefixtures("database")
def test_the_same_for_a_long_time_on_both_databases() -> None:
    _play(examples=60, steps=40)
