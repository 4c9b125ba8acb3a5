"""How each slot of a season stands: one view, read by beat, the commands, the pages and the notices alike."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from pipeline.release import revisions
from pipeline.release.models import AppliedFiche, Intention, Release, Revision, SlotState
from pipeline.season import calendar, schema
from pipeline.season.calendar import DatedSlot
from pipeline.season.season import Season

State = Literal["planned", "ready", "held", "releasing", "released", "skipped"]


@dataclass(frozen=True, slots=True)
class SlotView:
    """A slot with its date and its state. ``findings`` (French) keep it from being ready; ``reason`` says why it is held or
    skipped; ``version`` is what a decision about it must have seen."""

    season: Season
    dated: DatedSlot
    state: State
    findings: tuple[str, ...]
    reason: str
    version: int
    intention: Intention | None
    release: Release | None

    @property
    def name(self) -> str:
        return self.dated.slot.name

    @property
    def due(self) -> dt.datetime | None:
        return self.dated.due

    @property
    def key(self) -> str:
        return f"{self.season.name}/{self.name}"


def views(season: Season, *, local: bool) -> tuple[SlotView, ...]:
    """Every slot of an applied season. ``local``: mails stay on this machine, so that example values may be used."""
    revision = revisions.current_revision()
    states = {state.slot: state for state in SlotState.objects.filter(season=season.name)}
    releases = {release.slot: release for release in Release.objects.filter(season=season.name).defer("web_version")}
    intentions = {one.slot: one for one in Intention.objects.filter(season=season.name, end="")}
    overrides = {name: state.date for name, state in states.items() if state.date}
    texts = _texts(revision, season.name)
    publisher = () if local else tuple(str(fault) for fault in schema.publisher_faults(season))
    settled = releases.keys() | {name for name, state in states.items() if state.skipped}
    found = []
    for dated in calendar.dated(season, overrides):
        name = dated.slot.name
        state = states.get(name)
        findings = (*_findings(season, dated, texts, settled), *publisher)
        word, reason = _state(dated, state, findings, name in releases, name in intentions)
        found.append(
            SlotView(
                season=season,
                dated=dated,
                state=word,
                findings=findings if word not in ("released", "skipped") else (),
                reason=reason,
                version=state.version if state else 0,
                intention=intentions.get(name),
                release=releases.get(name),
            )
        )
    return tuple(found)


def view(season: Season, slot: str, *, local: bool) -> SlotView:
    """One slot's view. Raises :class:`KeyError` where the season has no such slot."""
    for one in views(season, local=local):
        if one.name == slot:
            return one
    raise KeyError(slot)


def _state(
    dated: DatedSlot, state: SlotState | None, findings: Iterable[str], released: bool, intended: bool
) -> tuple[State, str]:
    if released:
        return "released", ""
    if state is not None and state.skipped:
        return "skipped", state.skip_reason
    if intended:
        return "releasing", ""
    if state is not None and state.held:
        return "held", state.hold_reason
    if dated.hold and not (state is not None and state.cleared):
        return "held", dated.hold
    return ("planned" if findings else "ready"), ""


def _texts(revision: Revision | None, season: str) -> dict[str, list[str]]:
    """slug → its faults (empty: the text is good)."""
    if revision is None:
        return {}
    rows = AppliedFiche.objects.filter(revision=revision, season=season)
    return {slug: list(faults) for slug, faults in rows.values_list("slug", "faults")}


def _findings(
    season: Season, dated: DatedSlot, texts: Mapping[str, list[str]], settled: Iterable[str]
) -> tuple[str, ...]:
    slot = dated.slot
    if slot.kind == "final":
        open_before = [one.name for one in season.slots if one.kind != "final" and one.name not in settled]
        if not open_before:
            return ()
        return (f"Créneaux ni publiés ni annulés : {', '.join(open_before)}. Les publier ou les annuler d’abord.",)
    found: list[str] = [] if slot.slugs else ["Aucune fiche n’est prévue à ce créneau."]
    for kind, slugs in slot.fiches.items():
        for slug in slugs:
            if slug not in texts:
                found.append(f"La fiche « {slug} » n’est pas écrite : fiches/{season.name}/{kind}/NN-{slug}.md.")
            found += texts.get(slug, [])
    return tuple(found)
