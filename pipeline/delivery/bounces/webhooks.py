"""Events that an API provider posts, read by django-anymail, which checks who posted them.

A provider's door is there only where KIT_SMTP_URL sends through it, and only behind a secret (KIT_WEBHOOK_SECRET) or the
provider's own signature. An event counts for the message whose token it bears: the sender gives each provider ours as metadata.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from anymail.exceptions import AnymailConfigurationError
from anymail.signals import AnymailTrackingEvent, EventType, RejectReason
from anymail.webhooks.base import AnymailBasicAuthMixin
from django.urls import Resolver404, resolve

from pipeline import clock
from pipeline.delivery.bounces import records, status, verp
from pipeline.delivery.bounces.forms.base import Kind, Verdict, meaning
from pipeline.delivery.bounces.report import clean
from pipeline.delivery.envelope import MAX_TEXT
from pipeline.delivery.models import Bounce

logger = logging.getLogger(__name__)

METADATA = "kit"
"""The name under which the sender gives a provider the token of the return path (:func:`verp.token_of`)."""

_DEAD = frozenset({RejectReason.BOUNCED, RejectReason.INVALID})
_AGAINST_US = frozenset({RejectReason.BLOCKED, RejectReason.SPAM})
_PASSING = frozenset({"soft_bounce", "SoftBounce", "Transient"})
"""What providers call a bounce that may pass, where anymail tells it as any other."""


def providers(smtp_url: str) -> frozenset[str]:
    """The API providers that ``KIT_SMTP_URL`` sends through, as anymail's URLs name them."""
    urls = [urlsplit(one) for one in smtp_url.split()]
    return frozenset(one.netloc.lower().replace("-", "_") for one in urls if one.scheme == "anymail")


def view_of(provider: str, smtp_url: str) -> Any | None:
    """anymail's view for the events of ``provider``; None where we do not send through it, or where anybody could post to it."""
    if provider not in providers(smtp_url):
        return None
    for path in (f"/{provider}/tracking/", f"/{provider}/"):
        try:
            view = resolve(path, urlconf="anymail.urls").func
        except Resolver404:
            continue
        return view if _guarded(view.view_class) else None  # type: ignore[attr-defined]
    return None


def _guarded(view_class: type[AnymailBasicAuthMixin]) -> bool:
    """True where the view asks for our secret, or verifies a signature of its provider's."""
    # anymail warns of a view that checks nothing: with None it keeps quiet, and one that has the key of a signature says False.
    quiet = type(
        "Quiet", (view_class,), {} if view_class.warn_if_no_basic_auth is False else {"warn_if_no_basic_auth": None}
    )
    try:
        made = quiet()
    except AnymailConfigurationError:
        return False  # the key of its signature is missing
    return bool(made.basic_auth) or made.warn_if_no_basic_auth is False


def on_event(sender: object, event: AnymailTrackingEvent, esp_name: str, **_: object) -> None:
    """Receives ``anymail.signals.tracking``. An error here answers 500, and the provider posts again."""
    told = _verdict(event)
    if told is None:
        return
    signed = verp.read_token(_token(event))
    sent = records.find(signed) if signed else None
    if sent is None:
        logger.warning("%s: « %s » bears no token of ours", esp_name, event.event_type)
        return
    known_by = records.digest_of("webhook", esp_name, told.kind, repr(signed))
    records.record(sent, told, source=Bounce.Source.WEBHOOK, digest=known_by, now=clock.now())


def _token(event: AnymailTrackingEvent) -> str:
    metadata: Any = event.metadata
    value = metadata.get(METADATA, "") if isinstance(metadata, Mapping) else ""
    return value if isinstance(value, str) else ""


def _verdict(event: AnymailTrackingEvent) -> Verdict | None:
    """Bounces, complaints and farewells; None for what needs nothing done, a deferral among it."""
    said = clean(str(event.mta_response or event.description or ""), MAX_TEXT)
    if event.event_type == EventType.COMPLAINED:
        return Verdict("complaint", "mail", text=said)
    if event.event_type == EventType.UNSUBSCRIBED:
        return Verdict("unsubscribe", "mail", text=said)
    if event.event_type != EventType.BOUNCED:
        return None
    code, enhanced = status.code_in(said), status.enhanced_in(said)
    told = meaning(code, enhanced, said)
    if event.reject_reason in _AGAINST_US:
        told = "blocked"
    dead = event.reject_reason in _DEAD and told in ("", "dead") and not _passing(event)
    kind: Kind = "hard" if dead else "soft"
    return Verdict(kind, "mail", "", "dead" if dead else told, code, enhanced, said)


def _passing(event: AnymailTrackingEvent) -> bool:
    """The provider's own word, beside anymail's."""
    raw: Any = event.esp_event
    if not isinstance(raw, Mapping):
        return False
    return raw.get("event") in _PASSING or raw.get("Type") in _PASSING or raw.get("hard_bounce") is False
