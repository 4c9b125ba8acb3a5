"""What a person reads when a page cannot be shown. None of these asks the database anything: it may be what failed."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _page(request, "400.html.j2", 400)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _page(request, "403.html.j2", 403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _page(request, "404.html.j2", 404)


def server_error(request: HttpRequest) -> HttpResponse:
    return _page(request, "500.html.j2", 500)


def _page(request: HttpRequest, template: str, status: int) -> HttpResponse:
    response = render(request, template, {"season": None}, status=status)
    # A page that is missing now may be published in a minute.
    response["Cache-Control"] = "no-store"
    return response
