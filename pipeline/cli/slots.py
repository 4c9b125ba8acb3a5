"""The staff's levers on slots: status, release, undo, hold, unhold, skip, postpone, preview."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline.cli.face import Fault, confirm, me, say, say_error, say_json, slot_of, start, table

JSON = Annotated[bool, typer.Option("--json", help="Écrire du JSON.")]
YES = Annotated[bool, typer.Option("--yes", help="Répondre oui aux questions.")]
SLOT = Annotated[
    str, typer.Argument(metavar="SLOT", help="saison/créneau, ou le créneau seul s’il n’y a pas d’ambiguïté.")
]
REASON = Annotated[str, typer.Option("--reason", help="Pourquoi : la raison est gardée.")]

STATES = {
    "planned": "prévu",
    "ready": "prêt",
    "held": "retenu",
    "releasing": "en cours",
    "released": "publié",
    "skipped": "annulé",
}


def register(app: typer.Typer) -> None:
    for command in (status, release, hold, unhold, skip, postpone, preview, undo):
        app.command(command.__name__)(command)


def status(as_json: JSON = False) -> None:
    """Dire où en est chaque créneau, et ce qu’il faut faire."""
    start()
    from pipeline import clock
    from pipeline.release import summary

    rows = summary.status()
    if as_json:
        say_json(rows)
        return
    if not rows:
        say("Aucune saison n’est appliquée : « kit apply », puis « kit season activate NOM ».")
        return
    table(("créneau", "date", "état", "fiches", "mails"), [summary.line(row, STATES) for row in rows])
    for text in summary.advice(rows, now=clock.now()):
        say_error(text)


def release(
    slot: Annotated[str, typer.Argument(metavar="SLOT", help="saison/créneau ; avec --all-held, la saison.")] = "",
    publish_only: Annotated[
        bool, typer.Option("--publish-only", help="Publier les pages sans envoyer de mail.")
    ] = False,
    all_held: Annotated[bool, typer.Option("--all-held", help="Tous les créneaux retenus.")] = False,
    reason: REASON = "",
    yes: YES = False,
) -> None:
    """Publier un créneau maintenant ; 60 secondes pour y renoncer (« kit undo »)."""
    start()
    from pipeline import clock
    from pipeline.release import decisions, summary

    chosen = summary.held(slot) if all_held else [slot_of(slot)]
    if not chosen:
        raise Fault("Aucun créneau n’est retenu.")
    for season, name in chosen:
        what = (
            "publier sans mail"
            if publish_only
            else f"publier et envoyer à {summary.audience_size(season, name)} personne(s)"
        )
        confirm(f"{season}/{name} : {what} ?", yes)
    for season, name in chosen:
        try:
            made = decisions.intend(season, name, actor=me(), now=clock.now(), why=reason, with_mail=not publish_only)
        except decisions.Refusal as error:
            raise Fault(str(error)) from error
        say(
            f"{season}/{name} part à {made.not_before.astimezone():%H:%M:%S} ; pour y renoncer : « kit undo {season}/{name} »."
        )


def undo(slot: SLOT) -> None:
    """Renoncer à une publication demandée, avant qu’elle parte."""
    _decide(
        slot,
        lambda decisions, season, name, now: decisions.withdraw(season, name, actor=me(), now=now),
        "ne partira pas",
    )


def hold(slot: SLOT, reason: REASON = "") -> None:
    """Retenir un créneau jusqu’à ce qu’une personne décide."""

    def act(decisions: Any, season: str, name: str, now: dt.datetime) -> None:
        decisions.hold(season, name, reason or "retenu par l’équipe", actor=me(), now=now)

    _decide(slot, act, "est retenu")


def unhold(slot: SLOT) -> None:
    """Laisser un créneau retenu partir à sa date."""
    _decide(
        slot,
        lambda decisions, season, name, now: decisions.unhold(season, name, actor=me(), now=now),
        "partira à sa date",
    )


def skip(
    slot: Annotated[str, typer.Argument(metavar="SLOT", help="saison/créneau ; avec --all-held, la saison.")] = "",
    reason: REASON = "",
    all_held: Annotated[bool, typer.Option("--all-held", help="Tous les créneaux retenus.")] = False,
    yes: YES = False,
) -> None:
    """Renoncer à un créneau : il ne sera pas publié."""
    start()
    from pipeline import clock
    from pipeline.release import decisions, summary

    chosen = summary.held(slot) if all_held else [slot_of(slot)]
    if not chosen:
        raise Fault("Aucun créneau n’est retenu.")
    confirm(f"Renoncer à {', '.join('/'.join(one) for one in chosen)} ?", yes)
    for season, name in chosen:
        try:
            decisions.skip(season, name, reason or "annulé par l’équipe", actor=me(), now=clock.now())
        except decisions.Refusal as error:
            raise Fault(str(error)) from error
        say(f"{season}/{name} est annulé.")


def postpone(
    slot: SLOT,
    date: Annotated[str, typer.Argument(metavar="DATE", help="AAAA-MM-JJ.")],
    reason: Annotated[str, typer.Option("--reason", help="Pourquoi : dit aux lecteurs et gardé.")],
) -> None:
    """Donner une autre date à un créneau, ou sa date à une finale qui n’en a pas."""
    try:
        when = dt.date.fromisoformat(date)
    except ValueError as error:
        raise Fault(f"« {date} » n’est pas une date : AAAA-MM-JJ, comme 2020-09-30.") from error

    def act(decisions: Any, season: str, name: str, now: dt.datetime) -> None:
        decisions.postpone(season, name, when, reason, actor=me(), now=now)

    _decide(slot, act, f"part le {when:%d/%m/%Y}")


def preview(
    slot: SLOT,
    out: Annotated[Path, typer.Option("--out", help="Dossier où écrire mail.html, mail.txt, mail.eml et la page.")],
) -> None:
    """Montrer un créneau comme il partirait, sans rien publier."""
    start()
    from pipeline import clock
    from pipeline.cli.previewing import write_preview
    from pipeline.compose.preflight import PreflightError
    from pipeline.release import decisions

    season, name = slot_of(slot)
    try:
        written = write_preview(season, name, out, now=clock.now())
    except (decisions.Refusal, PreflightError) as error:
        raise Fault(str(error)) from error
    for path in written:
        say(str(path))


def _decide(slot: str, act: Callable[..., None], done: str) -> None:
    start()
    from pipeline import clock
    from pipeline.release import decisions

    season, name = slot_of(slot)
    try:
        act(decisions, season, name, clock.now())
    except decisions.Refusal as error:
        raise Fault(str(error)) from error
    say(f"{season}/{name} {done}.")
