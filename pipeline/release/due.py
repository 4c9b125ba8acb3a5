"""What is due: asked of the database at every wake-up, never remembered. Asking twice changes nothing."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Sequence

from django.db.models import Q

from pipeline.release import audit, board, decisions, notices, revisions
from pipeline.release.audit import Actor
from pipeline.release.board import SlotView
from pipeline.release.models import Intention

logger = logging.getLogger(__name__)

LATE = dt.timedelta(minutes=5)
"""A slot that leaves within five minutes of its instant is on time."""


def check(*, actor: Actor, now: dt.datetime, local: bool, staff: Sequence[str] = ()) -> None:
    """Start what is due, hold what must not leave by itself, tell staff what they must know.

    Invariant 6: a slot later than the season's grace is held; of several late ones only the latest leaves, and none where
    another late one left by itself within the grace. A slot whose text is not ready is held, never released half-made.
    """
    audit.ticked(now)
    for season in revisions.active_seasons().values():
        views = board.views(season, local=local)
        ripe = [
            view for view in views if view.state in ("planned", "ready") and view.due is not None and view.due <= now
        ]
        for view in ripe:
            _attend(view, ripe, actor=actor, now=now)
        if ripe:
            views = board.views(season, local=local)
        notices.send(views, staff=staff, now=now)


def upcoming(now: dt.datetime) -> list[dt.datetime]:
    """The instants, after ``now``, at which something falls due: slots of active seasons and the ends of undo periods."""
    instants = [
        view.due
        for season in revisions.active_seasons().values()
        for view in board.views(season, local=True)
        if view.due is not None and view.state in ("planned", "ready")
    ]
    instants += Intention.objects.filter(end="").values_list("not_before", flat=True)
    return sorted(instant for instant in instants if instant > now)


def intentions(now: dt.datetime) -> list[int]:
    """The intentions that a worker may fulfil now."""
    return list(
        Intention.objects.filter(end="", not_before__lte=now).order_by("not_before").values_list("pk", flat=True)
    )


def _attend(view: SlotView, ripe: Sequence[SlotView], *, actor: Actor, now: dt.datetime) -> None:
    season, slot = view.season.name, view.name
    try:
        reason = _obstacle(view, ripe, now)
        if reason:
            decisions.hold(season, slot, reason, actor=actor, now=now, version=view.version)
        else:
            decisions.intend(season, slot, actor=actor, now=now, why="date atteinte", version=view.version)
    except decisions.Refusal as error:
        # Somebody else was quicker (a second beat, staff): what they decided stands.
        logger.info("%s: %s", view.key, error)


def _obstacle(view: SlotView, ripe: Sequence[SlotView], now: dt.datetime) -> str:
    """Why a due slot must wait for a person; empty where nothing speaks against it."""
    if view.findings:
        return "Pas prêt à sa date :\n" + "\n".join(view.findings)
    late = now - (view.due or now)
    if late <= LATE:
        return ""
    how = (
        f"« kit release {view.key} » pour l’envoyer, avec --publish-only pour le publier sans mail, "
        f"« kit skip {view.key} » pour y renoncer."
    )
    grace = view.season.grace
    if late > grace:
        return f"En retard de {_words(late)} (au-delà de {_words(grace)}, rien ne part seul). {how}"
    if any(
        other.due is not None and view.due is not None and other.due > view.due and not other.findings for other in ripe
    ):
        return f"En retard, et un créneau plus récent part à sa place. {how}"
    if _late_one_left(view, now):
        return f"En retard, et un autre créneau en retard est déjà parti seul ces {_words(grace)}. {how}"
    return ""


def _late_one_left(view: SlotView, now: dt.datetime) -> bool:
    recent = Intention.objects.filter(
        season=view.season.name, created_at__gt=now - view.season.grace, created_at__lte=now
    ).exclude(Q(actor="staff") | Q(end__in=("withdrawn", "refused")))
    dues = {one.name: one.due for one in board.views(view.season, local=True)}
    return any((due := dues.get(one.slot)) is not None and one.created_at - due > LATE for one in recent)


def _words(span: dt.timedelta) -> str:
    hours = int(span.total_seconds() // 3600)
    if hours < 1:
        return f"{max(1, int(span.total_seconds() // 60))} min"
    return f"{hours} h" if hours <= 48 else f"{hours // 24} jours"
