"""The digest: one mail a month with what went out in it, to those who prefer that to a mail for each release."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from functools import cache

from django.db import transaction
from django.db.models import Max, Q

from pipeline.audience import selection
from pipeline.audience.models import Rhythm
from pipeline.delivery.freezing import Draft
from pipeline.delivery.models import Mailing
from pipeline.release import letters, revisions
from pipeline.release.audit import BEAT, Actor
from pipeline.release.letters import Press
from pipeline.release.models import Digest, Release
from pipeline.rhythm import mails, owed
from pipeline.rhythm.issued import Issued, issued
from pipeline.rhythm.owed import Claim
from pipeline.season import calendar
from pipeline.season.season import Season

PASSES = 3
"""How often people are looked for: whoever changes what they want while the lists are frozen is found the next time."""


def due(now: dt.datetime) -> list[tuple[str, str]]:
    """The digests to make now: (season, month), the month written ``2020-03``."""
    months = [(season, month_due(season, now)) for season in revisions.active_seasons().values()]
    return [(season.name, f"{month:%Y-%m}") for season, month in months if month and _releases(season, month)]


def month_due(season: Season, now: dt.datetime) -> dt.date | None:
    """The last month whose digest's time has come, as its first day; None where that was longer ago than the season's grace.

    What could not leave in time leaves with the next digest (invariant 6).
    """
    month = _before(now.astimezone(season.zone).date())
    while (leaves := leaves_at(season, month)) > now:
        month = _before(month)
    return month if now - leaves <= season.grace else None


def leaves_at(season: Season, month: dt.date) -> dt.datetime:
    """When the digest of the month that this day is in leaves."""
    return calendar.instant(season, calendar.digest_date(season, month.year, month.month))


def month_of(season: Season, release: Release) -> dt.date:
    """The month of whose digest a release is: when it went out, by the season's clocks."""
    return release.released_at.astimezone(season.zone).date().replace(day=1)


def in_digests(release: Release) -> bool:
    """False for what goes to everybody at once (a final kit), and for what was published without mail."""
    return bool(release.mailing) and release.kind != "final"


def make(
    name: str, month: str, press: Press, *, now: dt.datetime, staff: Sequence[str] = (), actor: Actor = BEAT
) -> list[Mailing]:
    """Freeze the digest of a season's month, one mailing for each set of releases that people are owed, in one transaction.

    Safe to repeat and to run twice at once. Where it cannot be made, nothing is written and staff are told.
    """
    season = revisions.active_seasons().get(name)
    due_month = month_due(season, now) if season else None
    if season is None or due_month is None or f"{due_month:%Y-%m}" != month:
        return []
    try:
        return _make(season, due_month, press, now=now, actor=actor)
    except mails.HINDRANCES as error:
        mails.hindered(season, f"{name}/digest-{month}", error, staff=staff, now=now)
        return []


def _make(season: Season, month: dt.date, press: Press, *, now: dt.datetime, actor: Actor) -> list[Mailing]:
    releases = _releases(season, month)
    if not releases:
        return []
    told = issued(season, releases, press.base_url)
    claims = [Claim(one.release, _owed(season, one)) for one in told]
    everybody = selection.Choices(tuple(choice.id for choice in season.choices))
    # The condition says nothing new (see _owed): it spares asking about a million people who get each release.
    may_be_owed = Q(rhythm=Rhythm.MONTHLY) | Q(decided_at__gte=min(one.release.released_at for one in told))
    people = selection.active(season.name, everybody, cutoff=now).filter(may_be_owed)
    slot = f"digest-{month:%Y-%m}"
    names = mails.names(f"{season.name}/{slot}")
    upcoming = letters.next_up(season, local=press.here)

    def chosen(marks: str) -> list[Issued]:
        return [one for one, mark in zip(told, marks, strict=True) if mark == "1"]

    @cache
    def drafted(marks: str, again: int) -> Draft:
        issues = tuple(one.issue for one in chosen(marks))
        letter = mails.letter(
            season, "digest", next(names), press, now=now, issues=issues, month=month, upcoming=upcoming
        )
        return mails.draft(letter, press)

    for marks in owed.sets(people, claims):  # what takes time is done before the transaction
        drafted(marks, 0)
    found: list[Mailing] = []
    with transaction.atomic():
        if not mails.hold(season) or not _releases(season, month):
            return []
        Digest.objects.create(season=season.name, month=f"{month:%Y-%m}", made_at=now)
        for again in range(PASSES):
            left = owed.sets(people, claims)
            if not left:
                break
            for marks in left:
                these = owed.those(people, claims, [marks])
                carried = [one.release for one in chosen(marks)]
                mailing = mails.freeze(drafted(marks, again), these, carried, press, now=now)
                found += [mailing] if mailing else []
        mails.made("digest", season, slot, found, actor=actor, now=now)
    return found


def _releases(season: Season, month: dt.date) -> list[Release]:
    """What a digest of this month tells of, oldest first: what went out since the month of the last digest, its own month included."""
    last = Digest.objects.filter(season=season.name).aggregate(last=Max("month"))["last"] or ""
    rows = Release.objects.filter(season=season.name).order_by("released_at", "pk").defer("web_version")
    return [row for row in rows if in_digests(row) and last < f"{month_of(season, row):%Y-%m}" <= f"{month:%Y-%m}"]


def _owed(season: Season, one: Issued) -> Q:
    """Whom a digest brings a release that concerns them: those who want a mail a month and were there when its month's digest was
    to leave; and those who have changed to each release since it went out, but were there, and could be written to, when it did."""
    out = one.release.released_at
    monthly = Q(rhythm=Rhythm.MONTHLY, since__lte=leaves_at(season, month_of(season, one.release)))
    changed = Q(rhythm=Rhythm.EACH, since__lte=out, decided_at__gte=out)
    return one.choices.condition() & (monthly | changed & ~selection.withheld(season.name, at=out))


def _before(month: dt.date) -> dt.date:
    return (month.replace(day=1) - dt.timedelta(days=1)).replace(day=1)
