"""The invariants, checked on the mailbox's own files and on what the database says went out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from email.parser import BytesHeaderParser
from pathlib import Path

from pipeline.audience.models import Subscription
from pipeline.compose.message import message_id
from pipeline.delivery import ledger
from pipeline.delivery.models import Mailing
from pipeline.rehearsal.play import Played
from pipeline.release.board import SlotView
from pipeline.release.models import KitFile, Release, ReleasedFiche


@dataclass(frozen=True, slots=True)
class Delivered:
    """What the mailbox holds of one mailing: how many mails, how many more than one to a person, how many people without."""

    mails: int
    duplicates: int
    missing: int


@dataclass(frozen=True, slots=True)
class Findings:
    """The mailbox against the audience, by mailing; files of no mailing; and every broken invariant, in French."""

    delivered: dict[str, Delivered]
    strangers: int
    broken: tuple[str, ...]

    @property
    def duplicates(self) -> int:
        return sum(one.duplicates for one in self.delivered.values())

    @property
    def missing(self) -> int:
        return sum(one.missing for one in self.delivered.values())


def check(played: Played, mailbox: Path) -> Findings:
    """Read every file of the mailbox and check the invariants on them."""
    seen = _mailbox(mailbox)
    delivered: dict[str, Delivered] = {}
    known: set[tuple[str, str]] = set()
    audience = _audience(played)
    for release in Release.objects.filter(season=played.season.name).exclude(mailing=""):
        domain = Mailing.objects.values_list("domain", flat=True).get(name=release.mailing)
        wanted = {(message_id(release.mailing, public_id, domain), address) for public_id, address in audience.items()}
        got = {key: seen.get(key, 0) for key in wanted}
        known |= wanted
        delivered[release.slot] = Delivered(
            mails=sum(got.values()),
            duplicates=sum(count - 1 for count in got.values() if count > 1),
            missing=sum(1 for count in got.values() if count == 0),
        )
    strangers = sum(count for key, count in seen.items() if key not in known and not _to_staff(key))
    return Findings(delivered, strangers, tuple(_broken(played, delivered, strangers)))


def _audience(played: Played) -> dict[str, str]:
    """public id → address of everyone who should have got each mailing: all were active before the first cut-off."""
    rows = Subscription.objects.filter(season=played.season.name, status="active")
    return {str(public_id): email for public_id, email in rows.values_list("person__public_id", "person__email")}


def _mailbox(mailbox: Path) -> Counter[tuple[str, str]]:
    """(Message-ID, X-Original-To) of every file, counted."""
    parser = BytesHeaderParser()
    seen: Counter[tuple[str, str]] = Counter()
    for folder in ("new", "cur"):
        for path in (mailbox / folder).glob("*"):
            headers = parser.parsebytes(path.read_bytes().partition(b"\n\n")[0])
            seen[(str(headers["Message-ID"]).strip(), str(headers["X-Original-To"]).strip())] += 1
    return seen


def _to_staff(key: tuple[str, str]) -> bool:
    return key[1].startswith("equipe@")


def _broken(played: Played, delivered: dict[str, Delivered], strangers: int) -> list[str]:
    broken: list[str] = []
    for slot, one in delivered.items():
        if one.duplicates:
            broken.append(f"Exactement une fois : {one.duplicates} mail(s) en double au créneau {slot}.")
        if one.missing:
            broken.append(f"Exactement une fois : {one.missing} personne(s) sans mail au créneau {slot}.")
    if strangers:
        broken.append(f"Exactement une fois : {strangers} mail(s) que personne ne devait recevoir.")
    for view in played.views:
        broken += _broken_slot(view, delivered)
    for mailing in Mailing.objects.filter(season=played.season.name):
        stands = ledger.tally(mailing)
        if stands.unknown or stands.pending or stands.deferred:
            left = stands.unknown + stands.pending + stands.deferred
            broken.append(f"Registre : {left} message(s) de {mailing.name} sans issue.")
    return broken


def _broken_slot(view: SlotView, delivered: dict[str, Delivered]) -> list[str]:
    if view.state == "skipped":
        return []
    if view.release is None:
        why = view.reason or "; ".join(view.findings)
        return [f"Calendrier : le créneau {view.name} n’est pas parti ({view.state}). {why}"]
    broken: list[str] = []
    if view.release.due is not None and view.release.released_at != view.release.due:
        broken.append(
            f"Calendrier : le créneau {view.name} est parti à {view.release.released_at}, dû à {view.release.due}."
        )
    if view.due is not None and view.due.astimezone(view.season.zone).time() != view.season.time:
        broken.append(f"Heure locale : le créneau {view.name} ne part pas à {view.season.time}.")
    out = set(ReleasedFiche.objects.filter(release=view.release).values_list("slug", flat=True))
    if out != set(view.dated.slot.slugs):
        broken.append(f"Ensemble : le créneau {view.name} n’a pas publié toutes ses fiches.")
    if view.name not in delivered:
        broken.append(f"Ensemble : le créneau {view.name} n’a pas de mail.")
    if view.dated.slot.kind == "final" and not KitFile.objects.filter(release=view.release).exists():
        broken.append("Ensemble : la finale n’a pas de kit.")
    return broken
