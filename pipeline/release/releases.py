"""Releasing a slot: what takes time is built first, then everything appears in one transaction, once."""

from __future__ import annotations

import datetime as dt
import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction

from pipeline import broker
from pipeline.audience import selection
from pipeline.audience.selection import Choices
from pipeline.compose import newsletters
from pipeline.compose.letter import Letter
from pipeline.compose.preflight import PreflightError
from pipeline.content.fiche import Fiche
from pipeline.delivery import freezing, mailings
from pipeline.delivery.dkim import DkimError
from pipeline.delivery.throttle import Throttles
from pipeline.kit import build as kit_build
from pipeline.kit.book import BuiltFile
from pipeline.release import audit, board, books, decisions, letters, revisions, signals
from pipeline.release.audit import Actor
from pipeline.release.board import SlotView
from pipeline.release.letters import Press
from pipeline.release.models import (
    Carrying,
    Intention,
    KitFile,
    Release,
    ReleasedFiche,
    Revision,
    SlotState,
    StoredFiche,
    StoredImage,
)

logger = logging.getLogger(__name__)


class Stale(Exception):
    """Another revision was applied while the release was being built: build it again."""


@dataclass(frozen=True, slots=True)
class Built:
    """Everything a release needs that takes time to make, and the revision it was made from."""

    view: SlotView
    revision: Revision
    base_url: str
    fiches: tuple[Fiche, ...]
    choices: Choices
    subject: str
    compiled: bytes
    web_version: str
    kit: tuple[BuiltFile, ...]
    throttles: Throttles


def fulfil(intention: int, press: Press, *, now: dt.datetime) -> Release | None:
    """Carry out an intention whose time has come; None where there is nothing (more) to do.

    Whatever cannot be released (a mail that fails preflight, a kit that cannot be built, a text that is missing) leaves the
    slot held with its findings: a slot never leaves half-made. Safe to repeat and to run twice at once.
    """
    wanted = Intention.objects.filter(pk=intention, end="", not_before__lte=now).first()
    if wanted is None:
        return None
    actor = Actor(wanted.actor, wanted.who)  # type: ignore[arg-type]
    stale = _stale(wanted, now)
    if stale:
        _refuse(wanted, stale, actor, now)
        return None
    for _ in range(3):
        try:
            return _publish(build(wanted.season, wanted.slot, press, now=now), wanted, now=now)
        except Stale:
            continue
        except (PreflightError, kit_build.KitError, DkimError, decisions.Refusal) as error:
            logger.error("%s/%s cannot be released: %s", wanted.season, wanted.slot, error)
            _refuse(wanted, str(error), actor, now)
            return None
    return None


def _stale(wanted: Intention, now: dt.datetime) -> str:
    """Why an intention that nobody could fulfil in time must not be fulfilled any more: the season's grace binds it too."""
    season = revisions.applied_seasons(revisions.current_revision()).get(wanted.season)
    if season is None or now - wanted.not_before <= season.grace:
        return ""
    return (
        f"Devait partir le {wanted.not_before.astimezone(season.zone):%d/%m/%Y}, et rien ne tournait. "
        f"« kit release {wanted.season}/{wanted.slot} » pour l’envoyer, « kit skip » pour y renoncer."
    )


def draft(season: str, slot: str, press: Press, *, now: dt.datetime) -> tuple[Letter, tuple[Fiche, ...]]:
    """The letter of a slot as it would leave now, and the fiches it carries: for previews. Raises :class:`Refusal`."""
    made = _material(season, slot, press, now=now)
    return made.letter, made.fiches


def build(season: str, slot: str, press: Press, *, now: dt.datetime) -> Built:
    """Compose the mail and build the kit of a slot from the applied texts; nothing is written.

    Raises:
        decisions.Refusal: a text is missing, or the slot is unknown.
        PreflightError: the mail may not leave as it is.
        KitError: a final slot's kit cannot be built.
        DkimError: there are keys, and none can sign for the season's sender.
    """
    made = _material(season, slot, press, now=now)
    press.stationery.signer(made.letter.season.publisher.sender_address)
    compiled = newsletters.compose(made.letter, press.templates)
    return Built(
        view=made.view,
        revision=made.revision,
        base_url=press.base_url,
        throttles=press.throttles,
        fiches=made.fiches,
        choices=letters.eligible(made.view.season, made.view.dated.slot.kind, made.fiches),
        subject=compiled.subject,
        compiled=compiled.dump(),
        web_version=newsletters.web_version(made.letter, press.templates),
        kit=made.kit,
    )


@dataclass(frozen=True, slots=True)
class _Material:
    view: SlotView
    revision: Revision
    letter: Letter
    fiches: tuple[Fiche, ...]
    kit: tuple[BuiltFile, ...]


def _material(season: str, slot: str, press: Press, *, now: dt.datetime) -> _Material:
    revision = revisions.current_revision()
    found = revisions.applied_seasons(revision).get(season)
    if revision is None or found is None:
        raise decisions.Refusal(f"Aucune saison « {season} » n’est appliquée : « kit apply ».")
    views = board.views(found, local=press.here)
    at = next((i for i, view in enumerate(views) if view.name == slot), None)
    if at is None:
        raise decisions.Refusal(f"La saison {season} n’a pas de créneau « {slot} ».")
    view = views[at]
    if view.findings:
        raise decisions.Refusal("\n".join(view.findings))
    good, _ = revisions.applied_fiches(revision, season, [slug for one in found.slots for slug in one.slugs])
    fiches = tuple(good[slug] for slug in view.dated.slot.slugs)
    shown, kit = fiches, tuple[BuiltFile, ...]()
    if view.dated.slot.kind == "final":
        date = view.dated.date or now.astimezone(found.zone).date()
        book = books.released(found, base_url=press.base_url, as_of=date, final=True)
        kit = tuple(kit_build.build(book).values())
        shown = tuple(entry.fiche for entry in book.entries)
    letter = letters.letter(press, view, views[at + 1 :], shown, titles=good, kit=kit, now=now)
    return _Material(view, revision, letter, fiches, kit)


def _publish(built: Built, wanted: Intention, *, now: dt.datetime) -> Release | None:
    """Invariants 1 and 2: everything or nothing, once."""
    season, slot = built.view.season, built.view.dated.slot
    with transaction.atomic():
        SlotState.objects.get_or_create(season=season.name, slot=slot.name)
        state = SlotState.objects.select_for_update().get(season=season.name, slot=slot.name)
        intention = Intention.objects.select_for_update().filter(pk=wanted.pk, end="").first()
        if intention is None or Release.objects.filter(season=season.name, slot=slot.name).exists():
            return None
        if state.version != intention.version:
            raise decisions.Refusal("Le créneau a changé depuis la décision : recommencer.")
        current = revisions.current_revision()
        if current is None or current.pk != built.revision.pk:
            raise Stale
        name = built.view.key if intention.with_mail else ""
        release = Release.objects.create(
            season=season.name,
            slot=slot.name,
            number=built.view.dated.number,
            kind=slot.kind,
            date=built.view.dated.date or now.astimezone(season.zone).date(),
            due=built.view.due,
            released_at=now,
            revision=built.revision,
            subject=built.subject,
            web_version=built.web_version,
            mailing=name,
            event=slot.event,
        )
        _freeze_fiches(release, built.fiches)
        _freeze_kit(release, built.kit)
        if name:
            sender = season.publisher.sender_address
            draft = freezing.Draft(
                name=name,
                season=season.name,
                kind=slot.kind,
                subject=built.subject,
                sender=sender,
                domain=sender.rpartition("@")[2],
                base_url=built.base_url,
                compiled=built.compiled,
            )
            people = selection.active(season.name, built.choices, cutoff=now)
            mailing = freezing.freeze(draft, people, now=now, throttles=built.throttles)
            Carrying.objects.create(release=release, mailing=mailing)
        state.held, state.hold_reason = False, ""
        state.version += 1
        state.save()
        intention.end, intention.ended_at = "released", now
        intention.save(update_fields=["end", "ended_at"])
        actor = Actor(intention.actor, intention.who)  # type: ignore[arg-type]
        audit.record(actor, "release", now=now, season=season.name, slot=slot.name, why=intention.why, mailing=name)
        signals.published.send(sender=Release, release=release, now=now)
        broker.wake_all_on_commit("pipeline.tasks.send", "bulk", mailings.open_batches(now))
    return release


def _freeze_fiches(release: Release, fiches: Sequence[Fiche]) -> None:
    digests = {fiche.slug: revisions.digest(fiche) for fiche in fiches}
    stored = {row.digest: row.pk for row in StoredFiche.objects.filter(digest__in=digests.values()).only("digest")}
    ReleasedFiche.objects.bulk_create(
        ReleasedFiche(
            release=release,
            season=release.season,
            slug=fiche.slug,
            number=fiche.number,
            kind=fiche.kind,
            version=fiche.version,
            stored_id=stored[digests[fiche.slug]],
        )
        for fiche in fiches
    )
    shown = {image.sha256 for fiche in fiches for image in fiche.images}
    StoredImage.objects.filter(sha256__in=shown).update(released=True)


def _freeze_kit(release: Release, files: Sequence[BuiltFile]) -> None:
    for one in files:
        if hashlib.sha256(one.content).hexdigest() != one.sha256:
            raise decisions.Refusal(f"Le fichier {one.name} du kit a changé depuis sa fabrication : recommencer.")
        KitFile.objects.create(
            release=release,
            format=one.format,
            name=one.name,
            media_type=one.media_type,
            sha256=one.sha256,
            size=len(one.content),
            pages=one.pages,
            content=one.content,
        )


def _refuse(wanted: Intention, why: str, actor: Actor, now: dt.datetime) -> None:
    with transaction.atomic():
        ended = Intention.objects.filter(pk=wanted.pk, end="").update(end="refused", ended_at=now, refusal=why)
        if ended and not Release.objects.filter(season=wanted.season, slot=wanted.slot).exists():
            decisions.hold(wanted.season, wanted.slot, why, actor=actor, now=now)
