"""Who publishes, what is done with addresses, and how far the pages can be used by everyone."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import conditional_page, require_safe

from pipeline.release import publication
from pipeline.season.season import Publisher
from pipeline.web.public.caching import revalidated


@require_safe
@conditional_page
@revalidated
def accessibility(request: HttpRequest) -> HttpResponse:
    return _page(request, "public/accessibility.html.j2")


@require_safe
@conditional_page
@revalidated
def notice(request: HttpRequest) -> HttpResponse:
    return _page(request, "public/notice.html.j2")


@require_safe
@conditional_page
@revalidated
def privacy(request: HttpRequest) -> HttpResponse:
    return _page(request, "public/privacy.html.j2")


def _page(request: HttpRequest, template: str) -> HttpResponse:
    """Show ``template`` with each publisher of an active season, once."""
    pages = [page for name in publication.active_seasons() if (page := publication.season_page(name)) is not None]
    publishers: dict[Publisher, None] = dict.fromkeys(page.season.publisher for page in pages)
    season = pages[0].season if len(pages) == 1 else None
    return render(request, template, {"season": season, "publishers": list(publishers)})
