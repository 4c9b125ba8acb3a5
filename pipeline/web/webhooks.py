"""Where API providers post what became of messages."""

from __future__ import annotations

from anymail.exceptions import AnymailConfigurationError
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from pipeline.delivery.bounces import webhooks
from pipeline.release import wiring


@csrf_exempt
def events(request: HttpRequest, provider: str) -> HttpResponse:
    """Hand the request to anymail, which checks secret and signature; not found where nothing would check them."""
    view = webhooks.view_of(provider, wiring.environment().smtp_url)
    if view is None:
        raise Http404
    try:
        answer: HttpResponse = view(request)
    except AnymailConfigurationError as error:
        raise Http404 from error
    return answer
