"""The page of one person: what they get, pausing, another address, catching up, what is kept of them, leaving.

Each part is a form of its own with an ``action``; after a POST that did something, the page is shown anew and says so.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from pipeline import clock, limits
from pipeline.audience import addresses, consent, moves, rights, suppression, tokens
from pipeline.audience.consent import NotSubscribedError, PauseError, Proof, UnknownPersonError
from pipeline.audience.models import CatchUp, Move, Person, Status, Subscription
from pipeline.audience.tokens import ExpiredError, Token
from pipeline.audience.wishes import Profile, Wish
from pipeline.correspondence import moving, reception
from pipeline.release import wiring
from pipeline.rhythm import catching_up
from pipeline.season.season import Season
from pipeline.web import network
from pipeline.web.reader import gate
from pipeline.web.reader.forms import (
    AddressForm,
    CatchUpForm,
    PauseForm,
    ProfileForm,
    SeasonForm,
    WishForm,
)
from pipeline.web.reader.pages import SeeOther, private, season_of, show


@dataclass(frozen=True, slots=True)
class Desk:
    """One person at this page: their link, who they are, their running subscription. ``season``: None once it is no longer shown."""

    token: str
    reader: Token
    person: Person
    season: Season | None
    subscription: Subscription | None

    @property
    def path(self) -> str:
        return reverse("preferences", kwargs={"token": self.token})

    def did(self, what: str) -> HttpResponse:
        return SeeOther(f"{self.path}?fait={what}")


Action: TypeAlias = Callable[[HttpRequest, Desk, Season], HttpResponse]


@private
def preferences(request: HttpRequest, token: str) -> HttpResponse:
    try:
        desk = _desk(token)
    except ExpiredError as error:
        return _expired(request, error.token)
    if request.method != "POST":
        return _show(request, desk)
    try:
        return _act(request, desk)
    except NotSubscribedError:
        return _ended(request, desk, status=409)


@private
def erasure(request: HttpRequest, token: str) -> HttpResponse:
    """A page that says what an erasure means; its button erases."""
    try:
        desk = _desk(token)
    except ExpiredError as error:
        return _expired(request, error.token)
    if desk.person.erased_at is not None:
        return show(request, "erased", desk.season)
    if request.method != "POST":
        return show(request, "erasure", desk.season, preferences=desk.path)
    rights.erase_person(desk.reader.public_id, now=clock.now())
    return show(request, "erased", desk.season)


def _desk(token: str) -> Desk:
    reader = moves.read_preferences(token, now=clock.now())
    person = Person.objects.filter(public_id=reader.public_id).first()
    if person is None:
        raise UnknownPersonError
    asked = Subscription.objects.filter(person=person, season=reader.season).select_related("person")
    return Desk(token, reader, person, season_of(reader.season), asked.exclude(status=Status.ENDED).first())


def _act(request: HttpRequest, desk: Desk) -> HttpResponse:
    action = request.POST.get("action", "")
    always = _ALWAYS.get(action)
    if always is not None:
        return always(request, desk)
    found = _ACTIONS.get(action)
    if found is None:
        return _show(request, desk, status=422, problem=True)
    if desk.season is None or desk.subscription is None:
        raise NotSubscribedError
    return found(request, desk, desk.season)


def _change(request: HttpRequest, desk: Desk, season: Season) -> HttpResponse:
    form = WishForm(season, request.POST)
    if not form.is_valid():
        return _show(request, desk, wish=form, status=422)
    consent.change(season.name, desk.reader.public_id, form.wish, now=clock.now(), ip=network.client(request))
    return desk.did("choix")


def _tell(request: HttpRequest, desk: Desk, season: Season) -> HttpResponse:
    if desk.subscription is None:
        raise NotSubscribedError
    form = ProfileForm(season, request.POST, before=Profile.of(desk.subscription))
    if not form.is_valid():
        return _show(request, desk, profile=form, status=422)
    kept = Wish.of(desk.subscription)
    consent.change(
        season.name, desk.reader.public_id, kept, profile=form.profile, now=clock.now(), ip=network.client(request)
    )
    return desk.did("profil")


def _pause(request: HttpRequest, desk: Desk, season: Season) -> HttpResponse:
    form = PauseForm(season, request.POST)
    if form.is_valid():
        try:
            consent.pause(season.name, desk.reader.public_id, form.until, now=clock.now(), ip=network.client(request))
            return desk.did("pause")
        except PauseError as error:
            form.add_error("until", str(error))
    return _show(request, desk, pause_form=form, status=422)


def _resume(request: HttpRequest, desk: Desk, season: Season) -> HttpResponse:
    consent.resume(season.name, desk.reader.public_id, now=clock.now(), ip=network.client(request))
    return desk.did("reprise")


def _move(request: HttpRequest, desk: Desk, season: Season) -> HttpResponse:
    form = AddressForm(season, request.POST)
    if not form.is_valid():
        return _show(request, desk, move=form, status=422)
    if form.suggestion:
        return _show(request, desk, move=form)
    if limits.take(gate.MOVES, str(desk.reader.public_id)):
        form.add_error("email", _("Vous avez demandé plusieurs changements aujourd’hui : réessayez demain."))
        return _show(request, desk, move=form, status=429)
    moving.ask(wiring.press(), season, desk.reader.public_id, form.address, now=clock.now())
    return desk.did("adresse")


def _stay(request: HttpRequest, desk: Desk) -> HttpResponse:
    moves.drop(desk.reader.public_id)
    return desk.did("adresse-gardee")


def _catch_up(request: HttpRequest, desk: Desk, season: Season) -> HttpResponse:
    form = CatchUpForm(season, request.POST)
    if not form.is_valid():
        return _show(request, desk, catch_up=form, status=422)
    now, ip = clock.now(), network.client(request)
    first, rhythm = catching_up.first_at(season, now), form.cleaned_data["rhythm"]
    consent.catch_up(season.name, desk.reader.public_id, rhythm, first=first, now=now, ip=ip)
    return desk.did("rattrapage")


def _stop_catching_up(request: HttpRequest, desk: Desk, season: Season) -> HttpResponse:
    consent.stop_catching_up(season.name, desk.reader.public_id, now=clock.now(), ip=network.client(request))
    return desk.did("rattrapage-fini")


def _leave(request: HttpRequest, desk: Desk) -> HttpResponse:
    now, ip = clock.now(), network.client(request)
    consent.unsubscribe(desk.reader.season, desk.reader.public_id, now=now, source="preferences", ip=ip)
    return show(request, "left", desk.season, back=False)


def _leave_all(request: HttpRequest, desk: Desk) -> HttpResponse:
    now, ip = clock.now(), network.client(request)
    consent.unsubscribe("", desk.reader.public_id, now=now, source="preferences", ip=ip)
    return show(request, "left", desk.season, back=False)


def _download_json(request: HttpRequest, desk: Desk) -> HttpResponse:
    content = rights.as_json(rights.held(desk.reader.public_id))
    return _download(content, "application/json", "mes-donnees.json")


def _download_csv(request: HttpRequest, desk: Desk) -> HttpResponse:
    content = rights.as_csv_zip(rights.held(desk.reader.public_id))
    return _download(content, "application/zip", "mes-donnees.zip")


_ACTIONS: dict[str, Action] = {
    "choices": _change,
    "profile": _tell,
    "pause": _pause,
    "resume": _resume,
    "move": _move,
    "catch-up": _catch_up,
    "stop-catching-up": _stop_catching_up,
}
"""What takes a running subscription to a season that is shown."""

_ALWAYS: dict[str, Callable[[HttpRequest, Desk], HttpResponse]] = {
    "stay": _stay,
    "leave": _leave,
    "leave-all": _leave_all,
    "download-json": _download_json,
    "download-csv": _download_csv,
}


def _download(content: bytes, media_type: str, name: str) -> HttpResponse:
    return HttpResponse(
        content, content_type=media_type, headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )


def _show(
    request: HttpRequest, desk: Desk, *, status: int = 200, problem: bool = False, **forms: SeasonForm
) -> HttpResponse:
    """The page; ``forms``: those that were just filled in and have something to say."""
    season, kept = desk.season, desk.subscription
    if kept is None:
        return _ended(request, desk)
    now = clock.now()
    others = Subscription.objects.filter(person=desk.person).exclude(pk=kept.pk).exclude(status=Status.ENDED)
    context: dict[str, Any] = {
        "desk": desk,
        "person": desk.person,
        "active": kept.status == Status.ACTIVE,
        "pause": suppression.pause(desk.person, desk.reader.season, now=now),
        "moves": Move.objects.filter(
            person=desk.person, done_at__isnull=True, asked_at__gt=now - tokens.LIFETIMES["move"]
        ),
        "catching_up": CatchUp.objects.filter(
            person=desk.person, season=desk.reader.season, ended_at__isnull=True
        ).first(),
        "others": others.exists(),
        "did": request.GET.get("fait", "") if request.method != "POST" else "",
        "problem": problem,
        "failed": next((name for name, form in forms.items() if form.errors), ""),
    }
    if season is not None:
        today = now.astimezone(season.zone).date()
        context |= {
            "dates": {
                "first": today + dt.timedelta(days=1),
                "example": today + dt.timedelta(days=30),
                "last": today + consent.LONGEST_PAUSE,
            },
            "wish": WishForm(season, initial=asdict(Wish.of(kept))),
            "profile": ProfileForm(season, before=Profile.of(kept)),
            "pause_form": PauseForm(season),
            "move": AddressForm(season),
            "catch_up": CatchUpForm(season, initial={"rhythm": CatchUp.Rhythm.WEEKLY}),
        }
    return show(request, "preferences", season, status=status, **{**context, **forms})


def _ended(request: HttpRequest, desk: Desk, *, status: int = 200) -> HttpResponse:
    kept = desk.person.erased_at is None
    return show(request, "ended", desk.season, status=status, desk=desk if kept else None)


def _expired(request: HttpRequest, old: Token) -> HttpResponse:
    """A link that has expired opens nothing, but a new one goes to the mailbox that is known: whoever holds the link learns nothing."""
    season = season_of(old.season)
    if season is None:
        raise tokens.TokenError
    if request.method != "POST":
        return show(request, "preferences_expired", season, status=410)
    person = Person.objects.filter(public_id=old.public_id, erased_at__isnull=True).first()
    if person is not None:
        address = addresses.parse(person.email)
        if not gate.had_enough(address):
            reception.ask_link(season, address, Proof("lien expiré", ip=network.client(request)), now=clock.now())
    return show(request, "link_thanks", season)
