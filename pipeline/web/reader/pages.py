"""What all pages of one person have in common: kept by no cache, listed by no search engine, and without a cookie.

The token of a link is the proof, and the sign-up form carries its own (:mod:`pipeline.web.reader.gate`): there is no session that
another site could ride on, so these views take POSTs without Django's token, whose cookie they would need.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.cache import patch_cache_control
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from pipeline.audience import consent, tokens, visits
from pipeline.release import publication
from pipeline.season.season import Season
from pipeline.web import network

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]


class SeeOther(HttpResponseRedirect):
    """After a POST: what to look at now (RFC 9110 §15.4.4), so that reloading it sends nothing again."""

    status_code = 303


def private(view: View[P]) -> View[P]:
    """A page that one person acts on. A link to nobody gets the page of a bad link."""

    @csrf_exempt
    @require_http_methods(["GET", "HEAD", "POST"])
    @wraps(view)
    def wrapped(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        try:
            response = view(request, *args, **kwargs)
        except (tokens.TokenError, consent.UnknownPersonError):
            response = render(request, "reader/invalid.html.j2", {"season": None}, status=404)
        patch_cache_control(response, private=True, no_store=True)
        response["X-Robots-Tag"] = "noindex, nofollow"
        return response

    return wrapped


def show(
    request: HttpRequest, template: str, season: Season | None, *, status: int = 200, **context: Any
) -> HttpResponse:
    return render(request, f"reader/{template}.html.j2", {"season": season, **context}, status=status)


def season_of(name: str) -> Season | None:
    """The season of a link; None once it is no longer shown, while its links work for ever."""
    return publication.season(name)


def season_or_404(name: str) -> Season:
    """Raises :class:`~django.http.Http404` where no such season runs."""
    season = publication.season(name)
    if season is None:
        raise Http404(name)
    return season


def asked_by(request: HttpRequest) -> visits.Request:
    return visits.Request.of(request.method or "", request.headers, network.client(request))
