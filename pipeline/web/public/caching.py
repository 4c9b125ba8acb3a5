"""How long a reader's browser may believe what it has."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_cache_control

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]


def revalidated(view: View[P]) -> View[P]:
    """Keep the page, but ask each time whether it still holds: a release or a correction shows at once.

    With :func:`~django.views.decorators.http.conditional_page` the answer is mostly a short « 304 ».
    """

    @wraps(view)
    def wrapped(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        response = view(request, *args, **kwargs)
        patch_cache_control(response, public=True, no_cache=True)
        return response

    return wrapped
