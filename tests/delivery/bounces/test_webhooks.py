"""Events as providers post them, through the site: who may post, and what follows."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import warnings
from dataclasses import replace
from typing import Any

import pytest
from django.test import Client

from pipeline.audience.models import Reason, Subscription, Suppression
from pipeline.delivery.bounces import verp, webhooks
from pipeline.delivery.models import Bounce
from tests.delivery.bounces.factories import Posting, posted, reader

# A door hands mails on: what follows from them is tested on both databases in test_records.
pytestmark = [
    pytest.mark.usefixtures("database"),
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
]

SECRET = "prestataire:un-mot-de-passe-bien-long"
BASIC = {"HTTP_AUTHORIZATION": "Basic " + base64.b64encode(SECRET.encode()).decode()}
BREVO = "/webhooks/anymail/brevo/tracking/"
MAILGUN = "/webhooks/anymail/mailgun/tracking/"


@pytest.fixture
def site(settings: Any) -> Client:
    """A site that sends through Brevo, and asks who posts for our secret."""
    settings.KIT = replace(settings.KIT, smtp_url="anymail://brevo/?api_key=x")
    settings.ANYMAIL = {"WEBHOOK_SECRET": SECRET}
    settings.SECURE_SSL_REDIRECT = False
    settings.ALLOWED_HOSTS = ["testserver"]
    return Client()


def brevo(posting: Posting, event: str, *, token: str | None = None, **more: str) -> dict[str, str]:
    kit = verp.token_of(posting.verp) if token is None else token
    return {
        "event": event,
        "email": posting.person.email,
        "id": "1",
        "ts_event": "1930204800",
        "message-id": "<1@smtp-relay.example>",
        "X-Mailin-custom": json.dumps({"kit": kit}),
        **more,
    }


def post(site: Client, path: str, event: object, **headers: Any) -> int:
    return site.post(path, json.dumps(event), content_type="application/json", **headers).status_code


@pytest.mark.parametrize(
    ("event", "more", "kind"),
    [
        ("hard_bounce", {"reason": "550 5.1.1 user unknown"}, "hard"),
        ("hard_bounce", {}, "hard"),
        ("invalid_email", {}, "hard"),
        ("hard_bounce", {"reason": "554 5.7.1 blocked for spam"}, "soft"),
        ("soft_bounce", {"reason": "552 5.2.2 mailbox full"}, "soft"),
        ("soft_bounce", {}, "soft"),
        ("spam", {}, "complaint"),
        ("unsubscribe", {}, "unsubscribe"),
        ("deferred", {}, None),
        ("delivered", {}, None),
        ("blocked", {}, None),
        ("opened", {}, None),
    ],
)
def test_an_event_has_its_consequence(site: Client, event: str, more: dict[str, str], kind: str | None) -> None:
    posting = posted(reader())
    assert post(site, BREVO, brevo(posting, event, **more), **BASIC) == 200
    assert list(Bounce.objects.values_list("kind", "mailing", "position", "source")) == (
        [(kind, posting.mailing.pk, 1, "webhook")] if kind else []
    )
    reasons = {"hard": Reason.BOUNCED, "complaint": Reason.COMPLAINT, "unsubscribe": Reason.UNSUBSCRIBED}
    assert list(Suppression.objects.values_list("reason", flat=True)) == ([reasons[kind]] if kind in reasons else [])
    assert Subscription.objects.get().status == ("ended" if kind in ("complaint", "unsubscribe") else "active")


def test_an_event_posted_twice_counts_once(site: Client) -> None:
    posting = posted(reader())
    for _ in range(2):
        assert post(site, BREVO, brevo(posting, "hard_bounce"), **BASIC) == 200
    assert (Bounce.objects.count(), Suppression.objects.count()) == (1, 1)


def test_an_event_without_our_secret_or_token_changes_nothing(site: Client) -> None:
    posting = posted(reader())
    wrong = {"HTTP_AUTHORIZATION": "Basic " + base64.b64encode(b"prestataire:devine").decode()}
    assert post(site, BREVO, brevo(posting, "hard_bounce")) == 400
    assert post(site, BREVO, brevo(posting, "hard_bounce"), **wrong) == 400
    for token in ("", "b-" + "0" * 36, "n’importe quoi"):
        assert post(site, BREVO, brevo(posting, "hard_bounce", token=token), **BASIC) == 200
    assert post(site, BREVO, brevo(posting, "hard_bounce") | {"X-Mailin-custom": '{"kit": 3}'}, **BASIC) == 200
    assert (Bounce.objects.count(), Suppression.objects.count()) == (0, 0)


def test_the_door_is_not_there_where_nothing_would_check_who_posts(site: Client, settings: Any) -> None:
    posting = posted(reader())
    settings.ANYMAIL = {}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert post(site, BREVO, brevo(posting, "hard_bounce"), **BASIC) == 404
    settings.ANYMAIL = {"WEBHOOK_SECRET": SECRET}
    for other in ("mailgun", "postmark", "nobody"):
        assert post(site, f"/webhooks/anymail/{other}/tracking/", {}, **BASIC) == 404
    settings.KIT = replace(settings.KIT, smtp_url="smtp://localhost")
    assert post(site, BREVO, brevo(posting, "hard_bounce"), **BASIC) == 404


def test_a_providers_own_signature_is_enough_and_is_checked(site: Client, settings: Any) -> None:
    posting = posted(reader())
    settings.KIT = replace(settings.KIT, smtp_url="anymail://brevo/?api_key=x anymail://mailgun/?api_key=y")
    settings.ANYMAIL = {}
    assert post(site, MAILGUN, {}) == 404
    settings.ANYMAIL = {"MAILGUN_WEBHOOK_SIGNING_KEY": "clé".encode().hex()}

    def signed(key: str) -> dict[str, Any]:
        digest = hmac.new(key.encode(), b"1930204800jeton", hashlib.sha256).hexdigest()
        return {
            "signature": {"timestamp": "1930204800", "token": "jeton", "signature": digest},
            "event-data": {
                "event": "failed", "severity": "permanent", "reason": "bounce", "timestamp": 1930204800.0,
                "recipient": posting.person.email, "user-variables": {"kit": verp.token_of(posting.verp)},
                "delivery-status": {"code": 550, "message": "5.1.1 No such user"},
            },
        }  # fmt: skip

    assert post(site, MAILGUN, signed("devine")) == 400
    assert not Bounce.objects.exists()
    assert post(site, MAILGUN, signed("clé".encode().hex())) == 200
    assert Bounce.objects.get().kind == "hard"


def test_every_provider_that_anymail_knows_has_a_door_behind_the_secret(settings: Any) -> None:
    settings.ANYMAIL = {"WEBHOOK_SECRET": SECRET, "UNISENDER_GO_API_KEY": "x", "MAILGUN_API_KEY": "x"}
    for provider in ("brevo", "mailgun", "mailjet", "mailtrap", "postmark", "sparkpost", "unisender_go"):
        assert webhooks.view_of(provider, f"anymail://{provider}/") is not None, provider
    settings.ANYMAIL = {}
    for provider in ("brevo", "mailjet", "mailtrap", "postmark", "sparkpost"):
        assert webhooks.view_of(provider, f"anymail://{provider}/") is None, provider
    settings.ANYMAIL = {"MAILTRAP_TRACKING_SECRET": "x"}
    assert webhooks.view_of("mailtrap", "anymail://mailtrap/") is not None
    assert webhooks.providers("smtp://a anymail://amazon-ses/ anymail://Brevo/?x=y") == {"amazon_ses", "brevo"}
