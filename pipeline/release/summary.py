"""What `kit status` says: every slot's state in one list, and what to do about it."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

from django.db.models import Q

from pipeline.audience import selection
from pipeline.delivery import fence, ledger
from pipeline.delivery.models import Mailing
from pipeline.release import audit, board, letters, revisions, wiring
from pipeline.release.board import SlotView
from pipeline.release.models import AppliedFiche, SeasonState
from pipeline.season.words import long_date

SILENCE = dt.timedelta(minutes=3)
SOON = dt.timedelta(days=14)
LATELY = dt.timedelta(days=14)
"""For how long after its list was frozen a mailing's uncertain messages are told."""


def status() -> list[dict[str, Any]]:
    """A row per slot of every applied season: ``season, slot, kind, due, state, fiches, mail`` and why."""
    revision = revisions.current_revision()
    if revision is None:
        return []
    local = wiring.mails_stay_here()
    active = set(SeasonState.objects.filter(active=True).values_list("season", flat=True))
    rows = AppliedFiche.objects.filter(revision=revision, stored__isnull=False)
    numbers = {
        (season, slug): (kind, number)
        for season, slug, kind, number in rows.values_list(
            "season", "slug", "stored__data__kind", "stored__data__number"
        )
    }
    return [
        _row(view, numbers, name in active)
        for name, season in revisions.applied_seasons(revision).items()
        for view in board.views(season, local=local)
    ]


def line(row: dict[str, Any], words: dict[str, str]) -> tuple[str, ...]:
    """The same as columns of text."""
    mail = row["mail"]
    sent = f"{mail['sent']}/{mail['frozen']}" if mail else "–"
    fiches = " ".join(str(number) for numbers in row["fiches"].values() for number in numbers) or "–"
    return (f"{row['season']}/{row['slot']}", row["date_words"], words[row["state"]], fiches, sent)


def asleep(now: dt.datetime) -> list[str]:
    """A warning where nobody has looked at the calendar for a while: nothing leaves then."""
    last = audit.last_tick()
    if last is not None and now - last < SILENCE:
        return []
    since = "jamais" if last is None else f"pas depuis {int((now - last).total_seconds() // 60)} min"
    return [f"Le calendrier ne tourne pas (consulté : {since}) : rien ne part. Lancer « kit serve »."]


def advice(rows: list[dict[str, Any]], *, now: dt.datetime) -> list[str]:
    """What a person should do now."""
    found: list[str] = []
    if not fence.is_armed(wiring.identity()):
        found.append("Cette installation est une copie : rien ne part tant que « kit arm » n’est pas tapé.")
    found += asleep(now)
    sleeping = sorted({row["season"] for row in rows if not row["active"]})
    found += [f"La saison {name} ne court pas : « kit season activate {name} »." for name in sleeping]
    held = [row for row in rows if row["state"] == "held"]
    for row in held[:3]:
        found.append(f"{row['season']}/{row['slot']} est retenu. {row['reason']}")
    if len(held) > 3:
        found.append(
            f"… et {len(held) - 3} autre(s) créneau(x) retenu(s). Pour tous : « kit release --all-held --publish-only », "
            "« kit release --all-held » ou « kit skip --all-held »."
        )
    for row in rows:
        if row["state"] == "planned" and row["findings"] and _soon(row["due"], now):
            found.append(f"{row['season']}/{row['slot']} n’est pas prêt. {' '.join(row['findings'])}")
    return found + _about_mailings(now)


def _about_mailings(now: dt.datetime) -> list[str]:
    """Those that wait for a person, and the uncertain messages of lately."""
    found: list[str] = []
    looked_at = Mailing.objects.filter(Q(state=Mailing.State.PAUSED) | Q(cutoff__gte=now - LATELY))
    for mailing in looked_at.defer("compiled").order_by("pk"):
        name = mailing.name
        if mailing.state == Mailing.State.PAUSED:
            found.append(f"L’envoi de {name} est suspendu. {mailing.reason}")
        if unknown := ledger.tally(mailing).unknown:
            found.append(
                f"{name} : {unknown} message(s) incertain(s), que seule une personne renvoie (« kit resend-unknown {name} ») ; "
                f"lesquels : « kit delivery {name} --list --kind unknown »."
            )
    return found


def _soon(due: str | None, now: dt.datetime) -> bool:
    return due is not None and dt.datetime.fromisoformat(due) - now < SOON


def held(season: str) -> list[tuple[str, str]]:
    """Every held slot, of one season or of all, in order."""
    return [
        (row["season"], row["slot"]) for row in status() if row["state"] == "held" and season in ("", row["season"])
    ]


def audience_size(season: str, slot: str) -> int:
    """How many people a slot's mail would go to now."""
    from pipeline import clock  # noqa: PLC0415 - a command's question, not a room's

    found = revisions.applied_seasons(revisions.current_revision())[season]
    view = board.view(found, slot, local=True)
    revision = revisions.current_revision()
    good = revisions.applied_fiches(revision, season, view.dated.slot.slugs)[0] if revision else {}
    choices = letters.eligible(found, view.dated.slot.kind, list(good.values()))
    return selection.active(season, choices, cutoff=clock.now()).count()


def _row(view: SlotView, numbers: dict[tuple[str, str], tuple[str, int]], active: bool) -> dict[str, Any]:
    fiches: dict[str, list[int]] = {}
    for slug in view.dated.slot.slugs:
        if (view.season.name, slug) in numbers:
            kind, number = numbers[(view.season.name, slug)]
            fiches.setdefault(kind, []).append(number)
    mailing = Mailing.objects.filter(name=view.key).defer("compiled").first()
    mail = None
    if mailing is not None:
        mail = {"state": mailing.state, "reason": mailing.reason} | dataclasses.asdict(ledger.tally(mailing))
    date = long_date(view.dated.date) if view.dated.date else "sans date"
    return {
        "season": view.season.name,
        "slot": view.name,
        "kind": view.dated.slot.kind,
        "due": view.due.isoformat() if view.due else None,
        "state": view.state,
        "fiches": fiches,
        "mail": mail,
        "active": active,
        "date_words": f"{date} (à confirmer)" if view.dated.slot.status == "provisional" and view.dated.date else date,
        "reason": view.reason,
        "findings": list(view.findings),
    }
