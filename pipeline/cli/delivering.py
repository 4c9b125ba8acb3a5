"""The mailings under way: who got what, pause, resume, cancel, resend-unknown."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli.face import Fault, confirm, me, say, say_error, say_json, slot_of, start, table

if TYPE_CHECKING:
    from pipeline.delivery.listing import Line
    from pipeline.delivery.models import Mailing

YES = Annotated[bool, typer.Option("--yes", help="Répondre oui aux questions.")]
REASON = Annotated[str, typer.Option("--reason", help="Pourquoi : la raison est gardée.")]
NAME = Annotated[str, typer.Argument(metavar="NAME", help="Le nom d’un envoi, ou d’un créneau (saison/créneau).")]

WORDS = {
    "frozen": "sur la liste",
    "sent": "envoyés",
    "deferred": "différés",
    "refused": "refusés",
    "suppressed": "désinscrits",
    "cancelled": "annulés",
    "unknown": "incertains",
    "pending": "pas encore",
}


def register(app: typer.Typer) -> None:
    for command in (pause, resume, cancel, delivery):
        app.command(command.__name__)(command)
    app.command("resend-unknown")(resend_unknown)


def delivery(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Le nom d’un envoi, ou d’un créneau ; sans nom, tous les envois.")
    ] = "",
    as_list: Annotated[bool, typer.Option("--list", help="Chaque personne, avec la dernière réponse.")] = False,
    kind: Annotated[
        list[str] | None, typer.Option("--kind", help="Seulement celles-là (se répète) : sent, deferred, refused…")
    ] = None,
    csv: Annotated[Path | None, typer.Option("--csv", help="Écrire la liste dans un fichier CSV.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Écrire du JSON.")] = False,
) -> None:
    """Dire ce que sont devenus les messages d’un envoi : en nombres, ou personne par personne."""
    start()
    from pipeline.delivery import listing

    kinds = tuple(kind or listing.KINDS)
    for one in kinds:
        if one not in listing.KINDS:
            raise Fault(f"« --kind {one} » : choisir parmi {', '.join(listing.KINDS)}.")
    if csv and as_json:
        raise Fault("--csv et --json ne vont pas ensemble : choisir l’un des deux.")
    if not name:
        if as_list or kind or csv:
            raise Fault("De quel envoi ? Les noms sont donnés par « kit delivery ».")
        _all(as_json)
        return
    mailing = _found(name)
    if csv:
        _write(mailing, csv, kinds)
    elif as_list or kind:
        _people(mailing, kinds, as_json)
    else:
        _counts(mailing, as_json)


def pause(name: NAME, reason: REASON = "") -> None:
    """Suspendre un envoi."""
    _act(
        name,
        lambda mailings, one: mailings.pause(one, reason or "suspendu par l’équipe"),
        "suspendu",
        "n’est pas en cours",
    )


def resume(name: NAME) -> None:
    """Reprendre un envoi suspendu."""
    _act(name, lambda mailings, one: mailings.resume(one), "repris", "n’est pas suspendu")


def cancel(name: NAME, reason: REASON = "", yes: YES = False) -> None:
    """Arrêter un envoi pour de bon : qui n’a pas reçu ne recevra pas."""
    from pipeline import clock

    confirm(f"Arrêter pour de bon l’envoi de {name} ?", yes)
    why = reason or "arrêté par l’équipe"
    _act(name, lambda mailings, one: mailings.cancel(one, why, now=clock.now()), "arrêté", "est déjà fini")


def resend_unknown(name: NAME, yes: YES = False) -> None:
    """Renvoyer les mails incertains, avec le même Message-ID : certains les recevront deux fois."""
    start()
    mailing = _found(name)
    from pipeline.delivery import ledger, mailings

    if mailing.state == mailing.State.CANCELLED:
        raise Fault(f"{name} a été arrêté pour de bon : rien n’en est renvoyé.")
    count = ledger.tally(mailing).unknown
    if not count:
        say("Aucun message incertain.")
        return
    confirm(f"Renvoyer {count} message(s) dont on ne sait pas s’ils sont arrivés ?", yes)
    _audit(mailing, "mailing unknown resent")
    say(f"{mailings.resend_unknown(mailing.name)} message(s) à renvoyer.")
    _wake()


def _all(as_json: bool) -> None:
    from pipeline.delivery import ledger, listing

    rows: list[dict[str, Any]] = [
        {"slot": one.name, "kind": one.kind, "state": one.state} | dataclasses.asdict(ledger.tally(one))
        for one in listing.mailings()
    ]
    if as_json:
        say_json(rows)
    elif not rows:
        say("Aucun envoi : rien n’est encore publié avec des mails.")
    else:
        from pipeline.delivery.models import Mailing

        states = dict(Mailing.State.choices)
        told = [(row["slot"], states[row["state"]], *(str(row[column]) for column in WORDS)) for row in rows]
        table(("envoi", "état", *WORDS.values()), told)


def _counts(mailing: Mailing, as_json: bool) -> None:
    from pipeline.delivery import complaint_rates, ledger, listing, verdicts
    from pipeline.release import wiring

    stands = dataclasses.asdict(ledger.tally(mailing))
    if as_json:
        say_json({"slot": mailing.name} | stands)
        return
    say(f"{mailing.name} : {mailing.get_state_display()}")
    found = listing.meanings(mailing)
    for column, word in WORDS.items():
        details = [
            f"{verdicts.WORDS[meaning]} {n}" for (kind, meaning), n in found.most_common() if kind == column and meaning
        ]
        say(f"{word:<13}{stands[column]:>8}{'  dont ' + ', '.join(details) if details else ''}")
    rates = complaint_rates.of_mailing(mailing, wiring.throttles())
    for rate in rates:
        if rate.complaints:
            say(rate.words)
    if mailing.reason:
        say_error(mailing.reason)


def _people(mailing: Mailing, kinds: Sequence[str], as_json: bool) -> None:
    from pipeline.delivery import listing

    if not as_json:
        for line in listing.lines(mailing, kinds):
            say(_line(line))
        return
    # A list of a million is written as it is read.
    separator = "[\n"
    for line in listing.lines(mailing, kinds):
        sys.stdout.write(separator + json.dumps(line.as_dict(), ensure_ascii=False))
        separator = ",\n"
    sys.stdout.write("\n]\n" if separator != "[\n" else "[]\n")


def _line(line: Line) -> str:
    from pipeline.delivery import verdicts

    when = f"{line.at.astimezone():%d/%m/%Y %H:%M:%S}" if line.at else ""
    words = line.text.removeprefix(line.enhanced).lstrip()
    said = " ".join(str(part) for part in (line.code or "", line.enhanced, words) if part)
    meaning = f" ({verdicts.WORDS[line.meaning]})" if line.meaning else ""
    again = f" ; nouvel essai le {line.next_try.astimezone():%d/%m à %H:%M}" if line.next_try else ""
    return f"{line.position:>7}  {line.address or '(effacé)':<40}  {WORDS[line.kind]:<12}{when:<21}{said}{meaning}{again}".rstrip()


def _write(mailing: Mailing, path: Path, kinds: Sequence[str]) -> None:
    from pipeline.delivery import listing

    try:
        with path.open("w", encoding="utf-8", newline="") as stream:
            count = listing.write_csv(mailing, stream, kinds)
    except OSError as error:
        raise Fault(f"{path} ne s’écrit pas ({error.strerror}).") from error
    say(f"{count} personne(s) dans {path}.")


def _act(name: str, act: Callable[..., bool], done: str, otherwise: str) -> None:
    start()
    from pipeline.delivery import mailings

    mailing = _found(name)
    if not act(mailings, mailing.name):
        raise Fault(f"L’envoi de {mailing.name} {otherwise}.")
    _audit(mailing, f"mailing {done}")
    _wake()
    say(f"Envoi de {mailing.name} {done}.")


def _wake() -> None:
    """Workers need not wait for the next tick. Where no Redis answers (« kit serve » does not run), there is nobody to wake."""
    from pipeline import broker, clock
    from pipeline.delivery import mailings

    broker.wake_all("pipeline.tasks.send", "bulk", mailings.open_batches(clock.now()))


def _audit(mailing: Mailing, action: str) -> None:
    from pipeline import clock
    from pipeline.release import audit

    slot = mailing.name.removeprefix(f"{mailing.season}/")
    audit.record(me(), action, now=clock.now(), season=mailing.season, slot=slot)


def _found(name: str) -> Mailing:
    """The mailing of that very name; else the one of the slot of that name."""
    from pipeline.delivery.listing import mailings

    exact = mailings().filter(name=name).first()
    if exact is not None:
        return exact
    season, slot = slot_of(name)
    mailing = mailings().filter(name=f"{season}/{slot}").first()
    if mailing is None:
        raise Fault(
            f"{season}/{slot} n’a pas d’envoi : il n’est pas publié, ou sans mail. Les envois : « kit delivery »."
        )
    return mailing
