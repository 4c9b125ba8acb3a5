"""What every answer tells the browser it may do: nothing but show our own styles, fonts and pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from django.http import HttpRequest, HttpResponseBase

PAGE = (
    "default-src 'none'; style-src 'self'; font-src 'self'; img-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Our own pages: no script at all, no inline style, no frame around them (CSP Level 3)."""


def framed(embedders: Iterable[str]) -> str:
    """The policy of a page that other sites show in a frame: :data:`PAGE`, less that nobody may; none may where none is named."""
    return PAGE.replace("frame-ancestors 'none'", "frame-ancestors " + (" ".join(embedders) or "'none'"))


FILE = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; sandbox; frame-ancestors 'none'"
"""A picture or a file of the kit opened by itself: it keeps its look and runs nothing, in an origin of its own."""


def mail(base_url: str) -> str:
    """The policy of a mail shown raw: its inline styles and our pictures, nothing else; its links open as links do."""
    return (
        f"default-src 'none'; style-src 'unsafe-inline'; img-src 'self' {base_url}; "
        "form-action 'none'; base-uri 'none'; frame-ancestors 'none'; "
        "sandbox allow-popups allow-popups-to-escape-sandbox allow-top-navigation-by-user-activation"
    )


class SecurityHeaders:
    """Add the headers that a view has not set itself."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", PAGE)
        if (
            "frame-ancestors 'none'" in response.headers["Content-Security-Policy"]
        ):  # the older header knows no list of sites
            response.headers.setdefault("X-Frame-Options", "DENY")
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.setdefault("Referrer-Policy", "same-origin")
        response.headers.setdefault(
            "Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"
        )
        return response
