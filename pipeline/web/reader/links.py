"""What a link in a letter lets its reader do. The signed token says who; opening a page never acts: gateways open every link."""

from __future__ import annotations

import datetime as dt

from django.http import HttpRequest, HttpResponse

from pipeline import clock
from pipeline.audience import consent, tokens, visits
from pipeline.audience.consent import NotSubscribedError, Proof, UnknownPersonError
from pipeline.audience.models import Status, Subscription, Visit
from pipeline.audience.tokens import ExpiredError, Purpose, Token
from pipeline.audience.wishes import Wish
from pipeline.correspondence import confirming, moving
from pipeline.release import addresses
from pipeline.web import network
from pipeline.web.reader.pages import asked_by, private, season_of, show

MISTAKE = dt.timedelta(hours=1)
"""For how long somebody who has left may say, by the same link, that it was a mistake."""


@private
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """A page with one button; its POST, or a mail program's (RFC 8058), leaves the list. Doing it twice answers the same.

    A mail program shows nothing of the answer: it is kept as small as the page allows, and asks the database for nothing else.
    """
    reader = tokens.read("unsubscribe", token)
    if request.method != "POST":
        return show(request, "unsubscribe", season_of(reader.season))
    one_click = request.POST.get("List-Unsubscribe") == "One-Click"
    if request.POST.get("action") == "resubscribe" and not one_click:
        return _resubscribe(request, reader)
    source = "one-click" if one_click else "page"
    now, ip = clock.now(), network.client(request)
    consent.unsubscribe(reader.season, reader.public_id, now=now, source=source, ip=ip)
    season = None if one_click else season_of(reader.season)
    return show(request, "left", season, back=season is not None and _just_left(reader, now) is not None)


def _resubscribe(request: HttpRequest, reader: Token) -> HttpResponse:
    """« J’ai fait une erreur »: back to what they had. Later, only the form: this link is in every mail, and whoever was passed one on
    must not bring back somebody who wanted to leave."""
    season, now = season_of(reader.season), clock.now()
    former = _just_left(reader, now)
    if season is None or former is None:
        return show(request, "ended", season, status=409)
    proof = Proof("désinscription annulée", form="desabonnement", ip=network.client(request))
    consent.resubscribe(reader.season, reader.public_id, Wish.of(former), proof, now=now)
    return show(request, "resubscribed", season, preferences=_preferences_path(reader))


def _just_left(reader: Token, now: dt.datetime) -> Subscription | None:
    ended = Subscription.objects.filter(person__public_id=reader.public_id, season=reader.season, status=Status.ENDED)
    return ended.filter(person__erased_at=None, ended_at__gt=now - MISTAKE).first()


@private
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """A page with one button, whose POST confirms the subscription, whatever the visit was taken for."""
    try:
        reader = tokens.read("confirm", token, now=clock.now())
    except ExpiredError as error:
        return show(request, "confirm_expired", season_of(error.token.season), status=410)
    season = season_of(reader.season)
    _note(request, reader, "confirm")
    if request.method != "POST":
        return show(request, "confirm", season)
    try:
        confirming.confirm(reader.season, reader.public_id, now=clock.now(), ip=network.client(request))
    except NotSubscribedError:
        return show(request, "ended", season, status=409)
    return show(request, "confirmed", season, preferences=_preferences_path(reader))


@private
def canary(request: HttpRequest, token: str) -> HttpResponse:
    """The link that no person sees. The answer is the same, whether it names somebody or has expired."""
    try:
        reader = tokens.read("canary", token, now=clock.now())
        visits.note(reader.season, reader.public_id, "canary", Visit.How.CANARY, asked_by(request), now=clock.now())
    except (ExpiredError, UnknownPersonError):
        pass  # an old mail, or somebody who is gone: there is nobody to note it for
    return show(request, "canary", None)


@private
def move(request: HttpRequest, token: str) -> HttpResponse:
    """From the new mailbox: a page with one button, whose POST moves the subscription there."""
    try:
        asked = tokens.read("move", token, now=clock.now())
    except ExpiredError as error:
        return show(request, "move_expired", season_of(error.token.season), status=410)
    season = season_of(asked.season)
    if request.method != "POST":
        return show(request, "move", season)
    person = moving.confirm(asked.public_id, now=clock.now(), ip=network.client(request))
    return show(request, "moved", season, preferences=_preferences_path(Token(asked.season, person.public_id)))


@private
def renew(request: HttpRequest, token: str) -> HttpResponse:
    """« Do you still want this? »: one button to go on, one to leave."""
    try:
        reader = tokens.read("renew", token, now=clock.now())
    except ExpiredError as error:
        return show(request, "renew_expired", season_of(error.token.season), status=410)
    season = season_of(reader.season)
    _note(request, reader, "renew")
    if request.method != "POST":
        return show(request, "renew", season)
    now, ip = clock.now(), network.client(request)
    if request.POST.get("action") == "leave":
        consent.unsubscribe(reader.season, reader.public_id, now=now, source="renouvellement", ip=ip)
        return show(request, "left", season, back=False)
    try:
        consent.renew(reader.season, reader.public_id, now=now, ip=ip)
    except NotSubscribedError:
        return show(request, "ended", season, status=409)
    return show(request, "renewed", season, preferences=_preferences_path(reader))


def _note(request: HttpRequest, reader: Token, purpose: Purpose) -> None:
    how = Visit.How.PRESSED if request.method == "POST" else Visit.How.OPENED
    visits.note(reader.season, reader.public_id, purpose, how, asked_by(request), now=clock.now())


def _preferences_path(reader: Token) -> str:
    """A fresh link: the mailbox has just been proven."""
    return addresses.preferences_path(tokens.make("preferences", reader.season, reader.public_id, now=clock.now()))
