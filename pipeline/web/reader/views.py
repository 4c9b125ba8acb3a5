"""What a link in a mail lets its reader do. The signed token says who; opening a page never acts: gateways open every link."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_cache_control
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from pipeline import clock
from pipeline.audience import consent, tokens
from pipeline.audience.models import Status, Subscription
from pipeline.audience.wishes import Wish
from pipeline.release import publication
from pipeline.season.season import Season

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]


def private(view: View[P]) -> View[P]:
    """The page of one person: kept by no cache, listed by no search engine. A link to nobody gets the page of a bad link."""

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


# The token is the proof, and a mail program's one-click POST (RFC 8058) carries no cookie.
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@private
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """A page with one button; its POST, or a mail program's, leaves the list. Doing it twice answers the same."""
    reader = tokens.read("unsubscribe", token)
    if request.method == "POST":
        source = "one-click" if request.POST.get("List-Unsubscribe") == "One-Click" else "page"
        consent.unsubscribe(reader.season, reader.public_id, now=clock.now(), source=source)
        return render(request, "reader/left.html.j2", {"season": _season(reader.season)})
    return render(request, "reader/unsubscribe.html.j2", {"season": _season(reader.season)})


@require_http_methods(["GET", "HEAD", "POST"])
@private
def preferences(request: HttpRequest, token: str) -> HttpResponse:
    """Choose what to receive among the season's choices, or leave."""
    reader = tokens.read("preferences", token, now=clock.now())
    season = _season(reader.season)
    if request.method != "POST":
        return _preferences(request, reader, season)
    if "leave" in request.POST:
        consent.unsubscribe(reader.season, reader.public_id, now=clock.now(), source="preferences")
        return render(request, "reader/left.html.j2", {"season": season})
    wanted = request.POST.get("choice", "")
    if season is None or wanted not in {choice.id for choice in season.choices}:
        return _preferences(request, reader, season, missing=True)
    try:
        consent.change(reader.season, reader.public_id, Wish(wanted), now=clock.now())
    except consent.NotSubscribedError:
        return _ended(request, season)
    return _preferences(request, reader, season, saved=True)


@require_http_methods(["GET", "HEAD", "POST"])
@private
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """A page with one button, whose POST confirms the subscription."""
    reader = tokens.read("confirm", token, now=clock.now())
    season = _season(reader.season)
    if request.method == "POST":
        try:
            consent.confirm(reader.season, reader.public_id, now=clock.now(), ip=request.META.get("REMOTE_ADDR", ""))
        except consent.NotSubscribedError:
            return _ended(request, season)
        return render(request, "reader/confirmed.html.j2", {"season": season})
    return render(request, "reader/confirm.html.j2", {"season": season})


def _preferences(
    request: HttpRequest, reader: tokens.Token, season: Season | None, *, saved: bool = False, missing: bool = False
) -> HttpResponse:
    chosen = _choice(reader)
    if chosen is None:
        return _ended(request, season)
    choices = season.choices if season else ()
    context = {"season": season, "choices": choices, "chosen": chosen, "saved": saved, "missing": missing}
    return render(request, "reader/preferences.html.j2", context, status=422 if missing else 200)


def _choice(reader: tokens.Token) -> str | None:
    """What the person gets now; None where they get nothing."""
    running = Subscription.objects.exclude(status=Status.ENDED)
    found = running.filter(person__public_id=reader.public_id, season=reader.season)
    return found.values_list("choice", flat=True).first()


def _ended(request: HttpRequest, season: Season | None) -> HttpResponse:
    return render(request, "reader/ended.html.j2", {"season": season}, status=409 if request.method == "POST" else 200)


def _season(name: str) -> Season | None:
    """The season of a link; None once it is no longer shown, while its links work for ever."""
    page = publication.season_page(name)
    return page.season if page else None
