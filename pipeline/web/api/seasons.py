"""What can be subscribed to."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.cache import patch_cache_control
from ninja import Router

from pipeline.audience.models import Rhythm
from pipeline.correspondence import reception
from pipeline.release import addresses, publication, wiring
from pipeline.release.published import LineSlot, SeasonPage
from pipeline.season.season import Season, Term
from pipeline.web.api.problems import Problem, documented
from pipeline.web.api.schemas import ChoiceOut, InformationOut, NextOut, SeasonOut, SeasonsOut, TermOut
from pipeline.web.reader.information import INFORMATION_VERSION, TEMPLATE

router = Router(tags=["seasons"])


@router.get("", response=SeasonsOut, operation_id="list_seasons")
def list_seasons(request: HttpRequest, response: HttpResponse) -> SeasonsOut:
    """The seasons that run."""
    _revalidated(response)
    pages = [page for name in publication.active_seasons() if (page := publication.season_page(name)) is not None]
    return SeasonsOut(seasons=[_shown(page) for page in pages])


@router.get("/{season}", response={200: SeasonOut, **documented(404)}, operation_id="show_season")
def show_season(request: HttpRequest, response: HttpResponse, season: str) -> SeasonOut:
    """One of them."""
    page = publication.season_page(season)
    if page is None:
        raise unknown(season)
    _revalidated(response)
    return _shown(page)


def running(name: str) -> Season:
    """Raises :class:`Problem` where no such season runs."""
    season = publication.season(name)
    if season is None:
        raise unknown(name)
    return season


def unknown(name: str) -> Problem:
    return Problem(404, f"Aucune saison en cours ne s’appelle « {name[:80]} ». Voyez /api/v1/seasons.")


def _revalidated(response: HttpResponse) -> None:
    """A release or a postponement shows at once; what has not changed is answered by a short « 304 »."""
    patch_cache_control(response, public=True, no_cache=True)


def _shown(page: SeasonPage) -> SeasonOut:
    season = page.season
    return SeasonOut(
        name=season.name,
        title=season.title,
        tagline=season.tagline,
        url=wiring.environment().base_url + addresses.season_path(season.name),
        open=reception.is_open(season, wiring.press()),
        choices=[ChoiceOut(id=one.id, label=one.label, pick_themes=one.pick_themes) for one in season.choices],
        themes=_terms(season.themes),
        roles=_terms(season.roles),
        territories=_terms(season.territories),
        rhythms=[TermOut(id=one.value, label=str(one.label)) for one in Rhythm],
        information=InformationOut(version=INFORMATION_VERSION, html=render_to_string(TEMPLATE, {"season": season})),
        next=_next(page.next) if page.next else None,
    )


def _terms(terms: tuple[Term, ...]) -> list[TermOut]:
    return [TermOut(id=one.id, label=one.label) for one in terms]


def _next(slot: LineSlot) -> NextOut:
    return NextOut(
        slot=slot.name,
        kind=slot.kind,
        date=slot.date,
        provisional=slot.status == "provisional",
        titles=[one.short_title for one in slot.fiches],
    )
