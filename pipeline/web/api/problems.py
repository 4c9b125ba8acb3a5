"""What an answer says when it is no success: problem details (RFC 9457), in French, with the mend of each field."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI, Schema
from ninja.errors import AuthenticationError, HttpError, ValidationError
from pydantic import Field

from pipeline.audience.asking import AskingError, Fault
from pipeline.web.api.schemas import place

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"

TITLES: dict[int, str] = {
    400: "Requête mal formée",
    401: "Jeton manquant ou refusé",
    404: "Introuvable",
    405: "Méthode non permise",
    409: "Conflit",
    410: "Terminé",
    413: "Requête trop longue",
    415: "Format non accepté",
    422: "Contenu refusé",
    429: "Trop de demandes",
    500: "Erreur du serveur",
}
"""RFC 9457 §4.2.1: the phrase of the status, in the readers' language, where the type is ``about:blank``."""


class FieldProblem(Schema):
    """What does not pass in one field."""

    field: str = Field(description="Its name; « profile.name » stands below « profile ».")
    message: str = Field(description="Why, in French.")
    mend: str = Field(description="What to do, in French.")


class ProblemDetails(Schema):
    """RFC 9457. The status says what a program has to know; the texts are for people."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldProblem] = []


class Problem(Exception):
    """Ends a request with this answer."""

    def __init__(self, status: int, detail: str, *faults: Fault, headers: Mapping[str, str] | None = None) -> None:
        self.status = status
        self.detail = detail
        self.faults = faults
        self.headers = dict(headers or {})
        super().__init__(status, detail)

    def response(self) -> HttpResponse:
        body = ProblemDetails(
            type="about:blank",
            title=TITLES[self.status],
            status=self.status,
            detail=self.detail,
            errors=[FieldProblem(field=one.field, message=one.message, mend=one.mend) for one in self.faults],
        )
        content = json.dumps(body.model_dump(), ensure_ascii=False)
        return HttpResponse(content, status=self.status, content_type=MEDIA_TYPE, headers=self.headers)


def refused(faults: Iterable[Fault]) -> Problem:
    """The fields do not pass."""
    return Problem(422, "Des champs sont à corriger : voyez « errors ».", *faults)


def unauthorized(detail: str, *, told: str = "") -> Problem:
    """``told``: what RFC 6750 §3.1 calls ``error``, where a token was given."""
    challenge = f'Bearer error="{told}"' if told else "Bearer"
    return Problem(401, detail, headers={"WWW-Authenticate": challenge})


def documented(*statuses: int) -> dict[int, type[ProblemDetails]]:
    """For the document: the answers of an operation that are problems."""
    return dict.fromkeys(statuses, ProblemDetails)


def install(api: NinjaAPI) -> None:
    """Make every error of ``api`` answer as a problem."""
    answers: dict[type[Exception], Callable[[HttpRequest, Any], HttpResponse]] = {
        Problem: lambda request, error: error.response(),
        AskingError: _not_passing,
        ValidationError: lambda request, error: refused(map(_fault, error.errors)).response(),
        AuthenticationError: _no_token,
        HttpError: _malformed,
        Http404: lambda request, error: not_found().response(),
        Exception: _failed,
    }
    for kind, answer in answers.items():
        api.add_exception_handler(kind, answer)


def _not_passing(request: HttpRequest, error: Any) -> HttpResponse:
    return refused(replace(one, field=place(one.field)) for one in error.faults).response()


def not_found() -> Problem:
    return Problem(404, "Il n’y a rien à cette adresse. Voyez /api/v1/openapi.json.")


def _no_token(request: HttpRequest, error: Any) -> HttpResponse:
    return unauthorized("Donnez le jeton des préférences : « Authorization: Bearer … ».").response()


def _malformed(request: HttpRequest, error: Any) -> HttpResponse:
    """Ninja raises it for one reason only: the body is no JSON."""
    return Problem(400, "Le corps de la requête n’est pas du JSON (RFC 8259), en UTF-8.").response()


def _failed(request: HttpRequest, error: Any) -> HttpResponse:
    logger.error("%s %s failed", request.method, request.path, exc_info=error)
    return Problem(500, "Cette demande a échoué par notre faute. Réessayez plus tard.").response()


_WHY: dict[str, tuple[str, str]] = {
    "missing": ("Ce champ manque.", "Ajoutez-le."),
    "extra_forbidden": ("Ce champ n’existe pas.", "Retirez-le, ou corrigez son nom."),
    "string_type": ("Un texte est attendu.", "Écrivez-le entre guillemets."),
    "string_unicode": ("Ce texte contient la moitié d’un caractère.", "Écrivez-le sans elle."),
    "string_too_short": ("Ce texte est trop court.", "Il compte au moins {min_length} caractère(s)."),
    "string_too_long": ("Ce texte est trop long.", "Il compte au plus {max_length} caractères."),
    "string_pattern_mismatch": ("Ce texte n’a pas la forme attendue.", "Suivez le motif {pattern}."),
    "literal_error": ("Cette valeur n’est pas proposée.", "Choisissez parmi {expected}."),
    "list_type": ("Une liste est attendue.", "Mettez les valeurs entre crochets."),
    "too_long": ("Cette liste est trop longue.", "Elle compte au plus {max_length} valeurs."),
    "date": ("Une date est attendue.", "Écrivez-la AAAA-MM-JJ."),
}
_OTHER = ("Cette valeur n’a pas la forme attendue.", "Suivez /api/v1/openapi.json.")


def _fault(found: Mapping[str, Any]) -> Fault:
    """A fault of pydantic's, in French. Its ``loc``: where it was read, the parameter's name, then the way down from there."""
    where, name, *below = (str(part) for part in found["loc"])
    message, mend = _WHY.get(found["type"], _OTHER)
    field = ".".join(below) or "body" if where == "body" else name
    return Fault(field, message, mend.format(**found.get("ctx", {})))
