"""Catching up: the season from its start for someone who came late, one release at a time, until they have what everybody has."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from functools import cache

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from pipeline.audience import selection
from pipeline.audience.models import CatchUp, Rhythm, Subscription
from pipeline.delivery.freezing import Draft
from pipeline.delivery.models import Mailing, Recipient
from pipeline.release import revisions
from pipeline.release.audit import BEAT, Actor
from pipeline.release.letters import Press
from pipeline.release.models import Release
from pipeline.rhythm import digest, mails, owed
from pipeline.rhythm.issued import Issued, issued
from pipeline.rhythm.owed import Claim
from pipeline.season import calendar
from pipeline.season.season import Season

STEPS = {CatchUp.Rhythm.WEEKLY: dt.timedelta(days=7), CatchUp.Rhythm.FORTNIGHTLY: dt.timedelta(days=14)}


def first_at(season: Season, now: dt.datetime) -> dt.datetime:
    """When the first message goes to someone who asks now: at the season's time, the next day on which anything leaves."""
    return _days_on(season, now, dt.timedelta(days=1))


def due(now: dt.datetime) -> list[str]:
    """The seasons in which somebody's next message is due, and may leave: from the season's time on, on no day without mails."""
    return [season.name for season in revisions.active_seasons().values() if _leaves(season, now)]


def send(name: str, press: Press, *, now: dt.datetime, staff: Sequence[str] = (), actor: Actor = BEAT) -> list[Mailing]:
    """Freeze the next release for each person whose turn has come, and end with those who have them all, in one transaction.

    A person gets one message at most, however long nothing ran; the next one is counted from now. Safe to repeat and to run twice at
    once. Where a message cannot be made, nothing is written and staff are told.
    """
    season = revisions.active_seasons().get(name)
    if season is None or not _leaves(season, now):
        return []
    try:
        return _send(season, press, now=now, actor=actor)
    except mails.HINDRANCES as error:
        mails.hindered(season, f"{name}/rattrapage", error, staff=staff, now=now)
        return []


def _send(season: Season, press: Press, *, now: dt.datetime, actor: Actor) -> list[Mailing]:
    today = now.astimezone(season.zone).date()
    rows = Release.objects.filter(season=season.name).order_by("released_at", "pk").defer("web_version")
    told = issued(season, list(rows), press.base_url)
    claims = [Claim(one.release, _owed(season, one, now)) for one in told]
    people = _people(season, now)

    @cache
    def drafted(first: int, remaining: int) -> Draft:
        issue = told[first].issue
        letter = mails.letter(
            season,
            "catch-up",
            next(names(first)),
            press,
            now=now,
            number=issue.number,
            web_url=issue.web_url,
            issue=issue,
            remaining=remaining,
        )
        return mails.draft(letter, press)

    @cache
    def names(first: int) -> Iterator[str]:
        return mails.names(f"{season.name}/rattrapage-{told[first].release.slot}-{today}")

    for first, remaining in _turns(owed.sets(people, claims)):  # what takes time is done before the transaction
        drafted(first, remaining)
    found: list[Mailing] = []
    with transaction.atomic():
        if not mails.hold(season):
            return []
        for (first, remaining), marks in _turns(owed.sets(people, claims)).items():
            these = owed.those(people, claims, marks)
            mailing = mails.freeze(drafted(first, remaining), these, [told[first].release], press, now=now)
            if mailing:
                found.append(mailing)
                _advance(season, mailing, last=not remaining, now=now)
        _end(season, owed.those(people, claims, [owed.nothing(claims)]), now)
        if found:
            mails.made("catch up", season, f"rattrapage-{today}", found, actor=actor, now=now)
    return found


def _turns(sets: Sequence[str]) -> dict[tuple[int, int], list[str]]:
    """(which release comes first, how many more after it) → the sets of owed releases that come to this."""
    turns: dict[tuple[int, int], list[str]] = {}
    for marks in sets:
        turns.setdefault((marks.index("1"), marks.count("1") - 1), []).append(marks)
    return turns


def _leaves(season: Season, now: dt.datetime) -> bool:
    today = now.astimezone(season.zone).date()
    open_today = calendar.instant(season, today) <= now and calendar.open_day(season, today) == today
    return open_today and _people(season, now).exists()


def _people(season: Season, now: dt.datetime) -> QuerySet[Subscription]:
    """Whose turn has come. Who is paused waits until the pause ends."""
    everybody = selection.Choices(tuple(choice.id for choice in season.choices))
    waiting = _waiting(season, now).filter(person=OuterRef("person"))
    return selection.active(season.name, everybody, cutoff=now).filter(Exists(waiting))


def _waiting(season: Season, now: dt.datetime) -> QuerySet[CatchUp]:
    return CatchUp.objects.filter(season=season.name, ended_at__isnull=True, next_at__lte=now)


def _owed(season: Season, one: Issued, now: dt.datetime) -> Q:
    """Whom a release concerns; it is left to the digest, for those who get that, while the digest is still to come."""
    wanted = one.choices.condition()
    if digest.in_digests(one.release) and digest.leaves_at(season, digest.month_of(season, one.release)) > now:
        return wanted & Q(rhythm=Rhythm.EACH)
    return wanted


def _advance(season: Season, mailing: Mailing, *, last: bool, now: dt.datetime) -> None:
    listed = Recipient.objects.filter(mailing=mailing, person=OuterRef("person_id"))
    theirs = _waiting(season, now).filter(Exists(listed))
    if last:
        theirs.update(ended_at=now, end="done")
        return
    for rhythm, step in STEPS.items():
        theirs.filter(rhythm=rhythm).update(next_at=_days_on(season, now, step))


def _end(season: Season, having: QuerySet[Subscription], now: dt.datetime) -> None:
    _waiting(season, now).filter(person__in=having.order_by().values("person")).update(ended_at=now, end="done")


def _days_on(season: Season, now: dt.datetime, step: dt.timedelta) -> dt.datetime:
    """That many local days from now, or the first day after them on which anything leaves, at the season's wall time (invariant 8)."""
    date = now.astimezone(season.zone).date() + step
    return calendar.instant(season, calendar.open_day(season, date))
