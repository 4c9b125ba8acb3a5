"""To subscribe, to confirm, to leave. Each may be sent again with the same ``Idempotency-Key``."""

from __future__ import annotations

from contextlib import suppress

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from ninja import Router

from pipeline import clock
from pipeline.audience import asking, consent, flags, tokens
from pipeline.audience.asking import Asked, AskingError, Fault
from pipeline.audience.consent import NotSubscribedError, Proof, UnknownPersonError
from pipeline.audience.tokens import ExpiredError, Purpose, TokenError
from pipeline.correspondence import confirming, reception
from pipeline.release import wiring
from pipeline.season.season import Season
from pipeline.web import network
from pipeline.web.api.idempotency import Answer, Key, Once
from pipeline.web.api.problems import Problem, documented
from pipeline.web.api.schemas import Confirmed, Received, SubscriptionIn, TokenIn
from pipeline.web.api.seasons import running
from pipeline.web.reader import gate
from pipeline.web.reader.information import INFORMATION_VERSION

FORM = "api"
"""What consents and limits call this way in."""

router = Router()


@router.post(
    "/seasons/{season}/subscriptions",
    response={202: Received, **documented(400, 404, 409, 413, 415, 422, 429)},
    operation_id="subscribe",
    tags=["subscriptions"],
)
def subscribe(request: HttpRequest, season: str, sign_up: SubscriptionIn, key: Key = None) -> HttpResponse:
    """Ask for the season at an address: a mail asks there for a confirmation. The answer is the same whatever is known of it."""
    found = running(season)
    once = Once(request, key)
    if before := once.answered():
        return before
    if not reception.is_open(found, wiring.press()):
        raise Problem(
            409, "On ne peut pas s’inscrire à cette saison pour l’instant. Voyez « open » dans /api/v1/seasons."
        )
    asked, ip = _asked(found, sign_up), network.client(request)
    if wait := gate.busy(found.name, FORM, asked.address, ip):
        minutes = -(-wait // 60)
        told = f"Trop d’inscriptions viennent d’ici ou vont à ce domaine. Réessayez dans {minutes} minute(s)."
        raise Problem(429, told, headers={"Retry-After": str(wait)})
    enough = gate.had_enough(asked.address)
    proof = Proof("api", sign_up.information_version, FORM, ip)

    def work() -> None:
        if not enough:
            reception.sign_up(found, asked.address, asked.wish, asked.profile, proof, now=clock.now())

    return once.do(Answer(202, Received()), work)


@router.post(
    "/confirmations",
    response={200: Confirmed, **documented(400, 404, 410, 413, 415, 422)},
    operation_id="confirm",
    tags=["subscriptions"],
)
def confirm(request: HttpRequest, told: TokenIn, key: Key = None) -> HttpResponse:
    """Confirm with the token of the confirmation mail's link: from now on the person is written to. Twice is once."""
    reader = read("confirm", told.token)

    def work() -> None:
        try:
            confirming.confirm(reader.season, reader.public_id, now=clock.now(), ip=network.client(request))
        except (NotSubscribedError, UnknownPersonError) as error:
            raise ended() from error

    return Once(request, key).do(Answer(200, Confirmed(season=reader.season)), work)


@router.post(
    "/unsubscriptions",
    response={204: None, **documented(400, 404, 413, 415, 422)},
    operation_id="unsubscribe",
    tags=["subscriptions"],
)
def unsubscribe(request: HttpRequest, told: TokenIn, key: Key = None) -> HttpResponse:
    """Leave, with the token of any mail's unsubscribe link: it works for ever, and twice is once."""
    reader = read("unsubscribe", told.token)

    def work() -> None:
        # Nobody is left to be written to: what was asked for is so.
        with suppress(UnknownPersonError):
            consent.unsubscribe(
                reader.season, reader.public_id, now=clock.now(), source=FORM, ip=network.client(request)
            )

    once = Once(request, key)
    if before := once.answered():
        work()  # for who has come back since: a program that uses its key again means them to leave
        return before
    return once.do(Answer(204), work)


def read(purpose: Purpose, token: str) -> tokens.Token:
    """What a token names.

    Raises:
        Problem: it has expired, or is none of ours for this.
    """
    try:
        return tokens.read(purpose, token, now=clock.now())
    except ExpiredError as error:
        raise Problem(410, "Ce lien a expiré. Demandez-en un nouveau en vous inscrivant à nouveau.") from error
    except TokenError as error:
        raise Problem(404, "Ce jeton n’est pas valable. Prenez celui du dernier mail reçu, en entier.") from error


def ended() -> Problem:
    return Problem(410, "Cette inscription a pris fin. Pour revenir, il faut s’inscrire à nouveau.")


def _asked(season: Season, sign_up: SubscriptionIn) -> Asked:
    if sign_up.information_version != INFORMATION_VERSION:
        message = f"La version en vigueur est « {INFORMATION_VERSION} »."
        raise AskingError(Fault("information_version", message, "Montrez à la personne le texte de /api/v1/seasons."))
    return asking.asked(
        season,
        sign_up.email,
        choice=sign_up.choice,
        themes=sign_up.themes,
        rhythm=sign_up.rhythm,
        told=sign_up.profile.model_dump(),
        policy=flags.Policy.of(settings.KIT),
        now=clock.now(),
    )
