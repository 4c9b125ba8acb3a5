"""What a person or the calendar decides about a slot: each in one transaction, guarded by the slot's version, audited."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from django.db import IntegrityError, transaction

from pipeline import broker
from pipeline.delivery import fence
from pipeline.release import audit, revisions
from pipeline.release.audit import Actor
from pipeline.release.models import Intention, Release, SlotState
from pipeline.season import calendar
from pipeline.season.season import Season


class Refusal(Exception):
    """The decision cannot be carried out; the message is French and says why and what to do."""


def intend(
    season: str,
    slot: str,
    *,
    actor: Actor,
    now: dt.datetime,
    why: str = "",
    with_mail: bool = True,
    version: int | None = None,
) -> Intention:
    """Commit the intention to release a slot; a worker fulfils it, for a person after 60 seconds of undo.

    Raises:
        Refusal: released, skipped or under way already, or changed since ``version`` was read.
    """
    with transaction.atomic():
        state = _open(season, slot, version)
        if state.skipped:
            raise Refusal(f"{season}/{slot} est annulé : rien à publier.")
        try:
            with transaction.atomic():
                made = Intention.objects.create(
                    season=season,
                    slot=slot,
                    actor=actor.kind,
                    who=actor.who,
                    why=why,
                    with_mail=with_mail,
                    version=state.version,
                    not_before=now + actor.undo,
                    created_at=now,
                )
        except IntegrityError as error:
            raise Refusal(f"{season}/{slot} : publication déjà en cours.") from error
        audit.record(actor, "intend", now=now, season=season, slot=slot, why=why, with_mail=with_mail)
        if not actor.undo:
            broker.wake_on_commit("pipeline.tasks.release", "kit", made.pk)
    return made


def withdraw(season: str, slot: str, *, actor: Actor, now: dt.datetime) -> None:
    """Take an intention back before a worker has fulfilled it. Raises :class:`Refusal` where there is none."""
    with transaction.atomic():
        changed = Intention.objects.filter(season=season, slot=slot, end="").update(end="withdrawn", ended_at=now)
        if not changed:
            raise Refusal(f"{season}/{slot} : aucune publication en attente.")
        audit.record(actor, "withdraw", now=now, season=season, slot=slot)


def hold(season: str, slot: str, reason: str, *, actor: Actor, now: dt.datetime, version: int | None = None) -> None:
    """Keep a slot back until a person decides; an intention under way is withdrawn. Raises :class:`Refusal`."""

    def change(state: SlotState) -> None:
        state.held, state.hold_reason, state.held_by = True, reason, actor.who
        Intention.objects.filter(season=season, slot=slot, end="").update(end="withdrawn", ended_at=now)

    _decide("hold", season, slot, reason, change, actor=actor, now=now, version=version)


def unhold(season: str, slot: str, *, actor: Actor, now: dt.datetime, version: int | None = None) -> None:
    """Let a held slot leave at its date again. Raises :class:`Refusal` also where that date is past the season's grace."""
    dated = _dated(season, slot)
    grace = _season(season).grace
    if dated.due is not None and now - dated.due > grace:
        raise Refusal(
            f"{season}/{slot} devait partir le {dated.date} : trop tard pour partir seul. "
            f"« kit release {season}/{slot} » (avec ou sans --publish-only), « kit postpone » ou « kit skip »."
        )

    def change(state: SlotState) -> None:
        if not state.held and not dated.hold:
            raise Refusal(f"{season}/{slot} n’est pas retenu.")
        state.held, state.hold_reason, state.held_by, state.cleared = False, "", "", True

    _decide("unhold", season, slot, "", change, actor=actor, now=now, version=version)


def skip(season: str, slot: str, reason: str, *, actor: Actor, now: dt.datetime, version: int | None = None) -> None:
    """Give a slot up: it will not be released. Raises :class:`Refusal`."""

    def change(state: SlotState) -> None:
        state.skipped, state.skip_reason, state.held = True, reason, False
        Intention.objects.filter(season=season, slot=slot, end="").update(end="withdrawn", ended_at=now)

    _decide("skip", season, slot, reason, change, actor=actor, now=now, version=version)


def postpone(
    season: str, slot: str, date: dt.date, reason: str, *, actor: Actor, now: dt.datetime, version: int | None = None
) -> None:
    """Give a slot another date (earlier or later, not past), or a finale without date its first one; a hold ends with it.

    Raises:
        Refusal: also where the new date contradicts the calendar.
    """
    held = _season(season)
    if calendar.instant(held, date) <= now:
        raise Refusal(f"Le {date.isoformat()} est passé : pour publier tout de suite, « kit release {season}/{slot} ».")
    overrides = {
        name: when
        for name, when in SlotState.objects.filter(season=season, date__isnull=False).values_list("slot", "date")
        if when is not None
    }
    try:
        calendar.dated(held, overrides | {slot: date})
    except calendar.CalendarError as error:
        raise Refusal(str(error)) from error
    file_date = next(one.date for one in calendar.dated(held) if one.slot.name == slot)

    def change(state: SlotState) -> None:
        state.date, state.file_date, state.date_reason = date, file_date, reason
        state.held, state.hold_reason, state.cleared = False, "", False
        Intention.objects.filter(season=season, slot=slot, end="").update(end="withdrawn", ended_at=now)

    _decide("postpone", season, slot, reason, change, actor=actor, now=now, version=version, date=date.isoformat())


def arm(identity: str, *, actor: Actor, now: dt.datetime) -> None:
    """Let this installation mail, and no other. What a stopped sender had reserved elsewhere is settled as ``unknown`` by the
    ledger's own rule; slots that fell due meanwhile are held by the calendar's."""
    with transaction.atomic():
        fence.arm(identity, now=now, who=actor.who)
        audit.record(actor, "arm", now=now)


def _decide(
    action: str,
    season: str,
    slot: str,
    why: str,
    change: Callable[[SlotState], None],
    *,
    actor: Actor,
    now: dt.datetime,
    version: int | None,
    **data: str,
) -> None:
    with transaction.atomic():
        state = _open(season, slot, version)
        change(state)
        state.version += 1
        state.save()
        audit.record(actor, action, now=now, season=season, slot=slot, why=why, **data)


def _open(season: str, slot: str, version: int | None) -> SlotState:
    """The slot's state, locked, where it may still be decided about."""
    _dated(season, slot)
    SlotState.objects.get_or_create(season=season, slot=slot)
    state = SlotState.objects.select_for_update().get(season=season, slot=slot)
    if Release.objects.filter(season=season, slot=slot).exists():
        raise Refusal(f"{season}/{slot} est déjà publié.")
    if version is not None and version != state.version:
        raise Refusal(f"{season}/{slot} a changé entre-temps : relire son état (« kit status »), puis recommencer.")
    return state


def _season(name: str) -> Season:
    seasons = revisions.applied_seasons(revisions.current_revision())
    if name not in seasons:
        known = ", ".join(seasons) or "aucune (« kit apply »)"
        raise Refusal(f"Aucune saison « {name} » n’est appliquée. Saisons connues : {known}.")
    return seasons[name]


def _dated(season: str, slot: str) -> calendar.DatedSlot:
    found = _season(season)
    overrides = {
        name: when
        for name, when in SlotState.objects.filter(season=season, date__isnull=False).values_list("slot", "date")
        if when is not None
    }
    for one in calendar.dated(found, overrides):
        if one.slot.name == slot:
            return one
    raise Refusal(
        f"La saison {season} n’a pas de créneau « {slot} ». Créneaux : {', '.join(s.name for s in found.slots)}."
    )
