"""The pages that anybody reads: the season, its fiches, its releases."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import conditional_page, require_safe

from pipeline.release import publication
from pipeline.release.published import SeasonPage
from pipeline.web.public.article import article
from pipeline.web.public.caching import revalidated


def page_or_404(season: str) -> SeasonPage:
    """Return the season's page.

    Raises:
        Http404: no active season of that name.
    """
    page = publication.season_page(season)
    if page is None:
        raise Http404(season)
    return page


@require_safe
@conditional_page
@revalidated
def home(request: HttpRequest) -> HttpResponse:
    """A sole season is the site; several are listed; none is said."""
    pages = [page for name in publication.active_seasons() if (page := publication.season_page(name)) is not None]
    if len(pages) == 1:
        return _season(request, pages[0])
    return render(request, "public/seasons.html.j2", {"season": None, "pages": pages})


@require_safe
@conditional_page
@revalidated
def season_home(request: HttpRequest, season: str) -> HttpResponse:
    return _season(request, page_or_404(season))


@require_safe
@conditional_page
@revalidated
def fiche(request: HttpRequest, season: str, slug: str) -> HttpResponse:
    public = publication.public_fiche(season, slug)
    if public is None:
        raise Http404(slug)
    page = page_or_404(season)
    shown = article(public, page, publication.released_paths(season))
    context = {"season": page.season, "page": page, "public": public, "fiche": public.fiche, "article": shown}
    return render(request, "public/fiche.html.j2", context)


@require_safe
@conditional_page
@revalidated
def release(request: HttpRequest, season: str, slot: str) -> HttpResponse:
    public = publication.public_release(season, slot)
    if public is None:
        raise Http404(slot)
    page = page_or_404(season)
    return render(request, "public/release.html.j2", {"season": page.season, "page": page, "release": public})


def _season(request: HttpRequest, page: SeasonPage) -> HttpResponse:
    return render(request, "public/season.html.j2", {"season": page.season, "page": page})
