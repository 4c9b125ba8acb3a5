"""What stands before the operations: what is not sent as JSON, or is too long, is not even read; and no answer is a page."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import wraps
from typing import Any, NoReturn

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import conditional_page, require_safe
from ninja.parser import Parser

from pipeline.web.api.problems import Problem, not_found
from pipeline.web.public.caching import revalidated

LONGEST = 16 * 1024
"""Bytes of a body."""

View = Callable[..., HttpResponse]


class StrictParser(Parser):
    """JSON as RFC 8259 has it: in UTF-8 (§8.1) without a mark before it, and no number that is none (§6)."""

    def parse_body(self, request: HttpRequest) -> dict[str, Any]:
        read: dict[str, Any] = json.loads(request.body.decode(), parse_constant=_no_number)
        return read


def json_only(run: View) -> View:
    """Refuse a body that is not JSON by its media type, or is longer than :data:`LONGEST`, before it is read."""

    @wraps(run)
    def guarded(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        try:
            _check(request)
        except Problem as problem:
            return problem.response()
        return run(request, *args, **kwargs)

    return guarded


def faced(view: View) -> View:
    """The outermost of the API: kept by no cache, unless the operation says so; what Django would answer with a page is a problem."""

    @csrf_exempt  # no cookie is read: there is no session that another site could ride on
    @conditional_page
    @wraps(view)
    def answered(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        asked = request.method
        if asked == "HEAD":  # as GET, less the content, which the server leaves out (RFC 9110 §9.3.2)
            request.method = "GET"
        try:
            response = view(request, *args, **kwargs)
        except Http404:
            response = not_found().response()
        request.method = asked
        if isinstance(response, HttpResponseNotAllowed):
            methods = set(response["Allow"].split(", "))
            allowed = ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set())))
            response = Problem(405, f"Ici, on ne peut que : {allowed}.", headers={"Allow": allowed}).response()
        response.headers.setdefault("Cache-Control", "private, no-store")
        return response

    return answered


def published(view: View) -> View:
    """The document: read by everybody, kept as long as it holds."""
    return require_safe(revalidated(view))


def nothing_here(request: HttpRequest, rest: str) -> HttpResponse:
    raise Http404(rest)


def _check(request: HttpRequest) -> None:
    if request.method not in ("POST", "PATCH"):
        return
    if request.content_type != "application/json":
        told = "Envoyez du JSON : « Content-Type: application/json »."
        raise Problem(415, told, headers={"Accept": "application/json"})
    length = request.headers.get("Content-Length", "")
    # A length that is not said, or is no number, reads as an empty body: Django takes no chunks.
    if length.isdecimal() and int(length) > LONGEST:
        raise Problem(413, f"Le corps de la requête dépasse {LONGEST} octets. Envoyez-en moins.")


def _no_number(name: str) -> NoReturn:
    raise ValueError(name)
