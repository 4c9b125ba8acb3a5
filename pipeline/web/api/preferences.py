"""What a person gets and has said of themselves: to read, to change, to end. The token of their mails' links is the proof."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from ninja import Router
from ninja.responses import Status as Answer
from ninja.security import HttpBearer

from pipeline import clock
from pipeline.audience import asking, consent, moves, rights, suppression
from pipeline.audience.asking import AskingError, Fault
from pipeline.audience.consent import NotSubscribedError, PauseError, UnknownPersonError
from pipeline.audience.models import Person, Status, Subscription
from pipeline.audience.tokens import ExpiredError, Token, TokenError
from pipeline.audience.wishes import Profile, Wish
from pipeline.season.season import Season
from pipeline.web import network
from pipeline.web.api.problems import Problem, documented, unauthorized
from pipeline.web.api.schemas import PreferencesIn, PreferencesOut, ProfileOut
from pipeline.web.api.seasons import running
from pipeline.web.api.subscribing import FORM, ended


class PreferencesToken(HttpBearer):
    """The token of a mail's link to the preferences (RFC 6750). It names a person and a season, and expires."""

    openapi_description = "What stands in the link to the preferences that every mail carries."

    def authenticate(self, request: HttpRequest, token: str) -> Token:
        try:
            return moves.read_preferences(token, now=clock.now())
        except ExpiredError as error:
            told = "Ce lien a expiré. Prenez celui d’un mail plus récent, ou demandez-en un nouveau."
            raise unauthorized(told, told="invalid_token") from error
        except TokenError as error:
            told = "Ce jeton n’est pas valable. Prenez celui du lien des préférences, en entier."
            raise unauthorized(told, told="invalid_token") from error


router = Router(auth=PreferencesToken(), tags=["preferences"])


@dataclass(frozen=True, slots=True)
class _Desk:
    """Whose preferences they are, as they stand."""

    season: Season
    person: Person
    subscription: Subscription


@router.get("", response={200: PreferencesOut, **documented(401, 404, 410)}, operation_id="show_preferences")
def show(request: HttpRequest) -> Answer[PreferencesOut]:
    """What the person gets of the season now, and who they said they are."""
    return Answer(200, _shown(_desk(_reader(request))))


@router.patch(
    "",
    response={200: PreferencesOut, **documented(400, 401, 404, 409, 410, 413, 415, 422)},
    operation_id="change_preferences",
)
def change(request: HttpRequest, wanted: PreferencesIn) -> Answer[PreferencesOut]:
    """Change what is named, all of it or nothing."""
    reader = _reader(request)
    with transaction.atomic():
        with suppress(UnknownPersonError):
            consent.locked(reader.public_id)
        desk = _desk(reader)
        _change(request, desk, wanted)
        if "paused_until" in wanted.model_fields_set:
            _pause(request, desk, wanted)
    return Answer(200, _shown(_desk(reader)))


@router.delete("", response={204: None, **documented(401)}, operation_id="leave")
def leave(request: HttpRequest) -> Answer[None]:
    """Leave the season: nothing more is written. Twice is once."""
    reader = _reader(request)
    # Nobody is left to be written to: what was asked for is so.
    with suppress(UnknownPersonError):
        now, ip = clock.now(), network.client(request)
        consent.unsubscribe(reader.season, reader.public_id, now=now, source=FORM, ip=ip)
    return Answer(204, None)


@router.get("/data", response={200: dict[str, Any], **documented(401, 410)}, operation_id="show_data")
def data(request: HttpRequest, response: HttpResponse) -> Answer[dict[str, Any]]:
    """Everything that is held about the person, in every season (RGPD, articles 15 and 20); « about » says what each part is."""
    try:
        return Answer(200, rights.held(_reader(request).public_id))
    except UnknownPersonError as error:
        raise Problem(410, "Nous ne gardons plus rien de cette personne.") from error


def _reader(request: HttpRequest) -> Token:
    """What :class:`PreferencesToken` found."""
    reader: Token = request.auth  # type: ignore[attr-defined]
    return reader


def _desk(reader: Token) -> _Desk:
    standing = Subscription.objects.filter(person__public_id=reader.public_id, season=reader.season)
    kept = standing.exclude(status=Status.ENDED).select_related("person").first()
    if kept is None:
        raise ended()
    return _Desk(running(reader.season), kept.person, kept)


def _change(request: HttpRequest, desk: _Desk, wanted: PreferencesIn) -> None:
    wish, told = Wish.of(desk.subscription), Profile.of(desk.subscription)
    given = {name: value for name in ("choice", "themes", "rhythm") if (value := getattr(wanted, name)) is not None}
    faults: list[Fault] = []
    # What is not named is not judged: a season may have dropped a term that somebody chose.
    try:
        wish = asking.wish(desk.season, **{**asdict(wish), **given}) if given else wish
    except AskingError as error:
        faults += error.faults
    try:
        if wanted.profile is not None:
            told = asking.profile(desk.season, wanted.profile.model_dump(exclude_unset=True), before=told)
    except AskingError as error:
        faults += error.faults
    if faults:
        raise AskingError(*faults)
    consent.change(
        desk.season.name,
        desk.person.public_id,
        wish,
        profile=told,
        now=clock.now(),
        source=FORM,
        ip=network.client(request),
    )


def _pause(request: HttpRequest, desk: _Desk, wanted: PreferencesIn) -> None:
    season, who, ip = desk.season, desk.person.public_id, network.client(request)
    if wanted.paused_until is None:
        consent.resume(season.name, who, now=clock.now(), source=FORM, ip=ip)
        return
    try:
        until = asking.resuming(season, wanted.paused_until)
        consent.pause(season.name, who, until, now=clock.now(), source=FORM, ip=ip)
    except PauseError as error:
        raise AskingError(
            Fault("paused_until", "Une pause finit un jour à venir, dans un an au plus.", str(error))
        ) from error
    except NotSubscribedError as error:
        raise Problem(409, "Cette inscription n’est pas confirmée : il n’y a rien à mettre en pause.") from error


def _shown(desk: _Desk) -> PreferencesOut:
    kept, wish = desk.subscription, Wish.of(desk.subscription)
    pause = suppression.pause(desk.person, desk.season.name, now=clock.now())
    return PreferencesOut.model_validate(
        {
            "season": desk.season.name,
            "title": desk.season.title,
            "email": desk.person.email,
            "status": kept.status,
            "since": kept.since,
            "choice": wish.choice,
            "themes": list(wish.themes),
            "rhythm": wish.rhythm,
            "profile": ProfileOut.of(Profile.of(kept)),
            "paused_until": pause.until.astimezone(desk.season.zone).date() if pause and pause.until else None,
        }
    )
