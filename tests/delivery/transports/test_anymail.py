"""API providers: what a prepared mail becomes, and what their answers mean."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import pytest

from pipeline.compose.message import Envelope as Heading
from pipeline.compose.message import lay
from pipeline.delivery.envelope import Envelope, Outcome
from pipeline.delivery.transports import TransportUnavailable, TransportUrlError, is_local, open_transport
from pipeline.delivery.transports.base import OpenGate
from pipeline.delivery.transports.providers import PROVIDERS, anymail_settings, parse_anymail_url
from tests.certificates import Authority
from tests.provider_api import NO_RECIPIENT, Fault, ProviderApi

TOKEN = "b-" + "0" * 36


LEAVE = f"https://kit.example.org/desabonnement/{'x' * 90}/"


def mail(key: int = 1) -> Envelope:
    """A mail as the pipeline writes it, and a header more."""
    heading = Heading(
        sender_name="Réseau, des territoires",
        sender_address="kit@example.org",
        reply_to="equipe@example.org",
        subject="L’été « en commun » : troisième levier",
        date=dt.datetime(2020, 1, 22, 8, tzinfo=dt.UTC),
        list_name="Le kit de l’été",
        list_id="kit.example.org",
        unsubscribable=True,
        language="fr",
    )
    text, markup = "Bonjour à tous,\n\n.point\n", "<p>Bonjour à tous</p>\n"
    values = {"to": f"a{key}@example.org", "message_id": f"<{key}@example.org>", "list_unsubscribe": LEAVE}
    content = b"Feedback-ID: levier-3:municipaless:kit:example\r\n" + lay(heading, text, markup).render(values)
    return Envelope(key, f"rebonds+{TOKEN}@retour.example.org", f"a{key}@example.org", content)


@pytest.fixture(params=PROVIDERS)
def api(request: pytest.FixtureRequest) -> Iterator[ProviderApi]:
    with ProviderApi(request.param) as running:
        yield running


@pytest.fixture
def brevo() -> Iterator[ProviderApi]:
    with ProviderApi("brevo") as running:
        yield running


def deliver(api: ProviderApi, count: int = 1, options: str = "") -> list[Outcome]:
    with open_transport(api.url + options) as transport:
        return sorted(transport.deliver([mail(n) for n in range(1, count + 1)], OpenGate()), key=lambda one: one.key)


def test_a_mail_is_taken_by_the_providers_own_api(api: ProviderApi) -> None:
    (outcome,) = deliver(api)
    assert (outcome.verdict, outcome.code, outcome.stage) == ("sent", 250, "dot")
    assert api.recipients == ["a1@example.org"]
    written = json.dumps(api.messages[0][1], ensure_ascii=False)
    for expected in (
        "L’été « en commun » : troisième levier",
        "Bonjour à tous,\\n\\n.point",
        "<p>Bonjour à tous</p>",
        f"<{LEAVE}>",
        "List-Unsubscribe=One-Click",
        "levier-3:municipaless:kit:example",
        "<1@example.org>",
        "<kit.example.org>",
        "equipe@example.org",
        TOKEN,
    ):
        assert expected in written


def test_the_sender_keeps_its_name(api: ProviderApi) -> None:
    deliver(api)
    fields = api.messages[0][1]
    sender = {
        "brevo": lambda: fields["sender"]["email"],
        "mailgun": lambda: fields["from"],
        "mailjet": lambda: "{Name} <{Email}>".format(**fields["From"]),
        "postmark": lambda: fields["From"],
        "sparkpost": lambda: (
            "{name} <{email}>".format(**fields["content"]["from"])
            if isinstance(fields["content"]["from"], dict)
            else fields["content"]["from"]
        ),
    }[api.name]()
    assert "kit@example.org" in sender
    assert "territoires" in sender or api.name == "brevo"


def test_nobody_is_tracked_where_that_can_be_said() -> None:
    with ProviderApi("mailgun") as api:
        deliver(api)
        fields = api.messages[0][1]
        assert (fields["o:tracking-clicks"], fields["o:tracking-opens"]) == ("no", "no")
        assert fields["v:kit"] == TOKEN
    with ProviderApi("mailjet") as api:
        deliver(api)
        assert {api.messages[0][1][name] for name in ("TrackClicks", "TrackOpens")} == {"disabled"}


def test_the_return_path_is_given_where_it_is_taken() -> None:
    with ProviderApi("sparkpost") as api:
        deliver(api)
        assert api.messages[0][1]["return_path"] == f"rebonds+{TOKEN}@retour.example.org"


def test_an_attachment_goes_along(brevo: ProviderApi) -> None:
    message = EmailMessage(policy=SMTP)
    message["From"], message["To"], message["Subject"] = "kit@example.org", "a1@example.org", "Invitation"
    message.set_content("Voir la pièce jointe.")
    message.add_attachment(b"BEGIN:VCALENDAR", maintype="text", subtype="calendar", filename="date.ics")
    with open_transport(brevo.url) as transport:
        list(transport.deliver([Envelope(1, "", "a1@example.org", message.as_bytes())], OpenGate()))
    (attachment,) = brevo.messages[0][1]["attachment"]
    assert attachment == {"name": "date.ics", "content": "QkVHSU46VkNBTEVOREFS"}


def test_an_address_that_is_none_is_refused_and_touches_nobody_else(api: ProviderApi) -> None:
    status, body = NO_RECIPIENT[api.name]
    api.faults["a2@example.org"] = Fault(status, json.dumps(body))
    outcomes = deliver(api, 3)
    assert [one.verdict for one in outcomes] == ["sent", "refused", "sent"]
    assert (outcomes[1].code, outcomes[1].enhanced, outcomes[1].stage) == (550, "5.1.3", "rcpt")


def test_a_recipient_that_the_provider_blocks_is_refused() -> None:
    with ProviderApi("postmark") as api:
        body = {
            "ErrorCode": 406,
            "Message": "Found inactive addresses: a1@example.org. Inactive recipients are ones that",
        }
        api.faults["a1@example.org"] = Fault(422, json.dumps(body))
        (outcome,) = deliver(api)
        assert (outcome.verdict, outcome.enhanced, outcome.stage) == ("refused", "5.1.0", "rcpt")


def test_a_message_that_the_provider_refuses_says_its_words(brevo: ProviderApi) -> None:
    brevo.faults["a1@example.org"] = Fault(400, '{"message": "sender is not\\r\\nvalid"}')
    (outcome,) = deliver(brevo)
    assert (outcome.verdict, outcome.code, outcome.enhanced) == ("refused", 554, "5.6.0")
    assert "Brevo : HTTP 400" in outcome.text
    assert "sender is not" in outcome.text


@pytest.mark.parametrize("status", [429, 503])
def test_later_is_a_deferral_and_the_pause_is_kept(brevo: ProviderApi, status: int) -> None:
    brevo.pending = [Fault(status, headers={"Retry-After": "0"})]
    outcomes = deliver(brevo, 3, "&connections=1")
    assert [one.verdict for one in outcomes] == ["deferred", "sent", "sent"]
    assert brevo.recipients == ["a2@example.org", "a3@example.org"]


def test_later_again_and_again_is_unavailable_and_asks_no_more(brevo: ProviderApi) -> None:
    brevo.pending = [Fault(429, headers={"Retry-After": "0"})] * 20
    found: list[Outcome] = []
    with open_transport(brevo.url + "&connections=1") as transport, pytest.raises(TransportUnavailable) as caught:
        for outcome in transport.deliver([mail(n) for n in range(1, 20)], OpenGate()):
            found.append(outcome)
    assert caught.value.temporary
    assert brevo.requests == len(found) == 3


@pytest.mark.parametrize("status", [500, 502, 504])
def test_a_server_that_fails_with_the_message_in_its_hands_leaves_it_unknown(brevo: ProviderApi, status: int) -> None:
    brevo.faults["a1@example.org"] = Fault(status, "<html>bad gateway</html>")
    assert [one.verdict for one in deliver(brevo, 2)] == ["unknown", "sent"]


@pytest.mark.parametrize("fault", [Fault(hang=True), Fault(drop=True), Fault(200, "no json"), Fault(200, "")])
def test_a_lost_answer_leaves_one_unknown(fault: Fault) -> None:
    with ProviderApi("mailgun") as api:
        api.faults["a1@example.org"] = fault
        assert [one.verdict for one in deliver(api, 2, "&connections=1")] == ["unknown", "sent"]
        assert api.requests == 2


@pytest.mark.parametrize("status", [401, 402, 403, 404, 301])
def test_a_refused_account_is_unavailable_for_good(api: ProviderApi, status: int) -> None:
    api.faults["a1@example.org"] = Fault(status, headers={"Location": "/elsewhere"})
    with open_transport(api.url) as transport, pytest.raises(TransportUnavailable) as caught:
        for outcome in transport.deliver([mail()], OpenGate()):
            assert outcome.verdict == "withheld"
    assert not caught.value.temporary
    assert api.recipients == []


def test_a_wrong_key_is_unavailable_and_never_shown(brevo: ProviderApi) -> None:
    wrong = brevo.url.replace("clef%2Bsecrete", "autre-clef")
    with open_transport(wrong) as transport, pytest.raises(TransportUnavailable, match="HTTP 401") as caught:
        list(transport.deliver([mail()], OpenGate()))
    assert "autre-clef" not in str(caught.value)


def test_a_provider_that_is_not_there_is_unavailable_and_nothing_is_uncertain() -> None:
    with ProviderApi("brevo") as api:
        url = api.url
    found: list[Outcome] = []
    with open_transport(url) as transport, pytest.raises(TransportUnavailable, match="Brevo ne répond pas") as caught:
        for outcome in transport.deliver([mail(1), mail(2)], OpenGate()):
            found.append(outcome)
    assert caught.value.temporary
    assert {one.verdict for one in found} == {"withheld"}


def test_a_certificate_that_nobody_vouches_for_is_refused_before_the_key_is_told(tmp_path: Path) -> None:
    with ProviderApi("brevo", Authority(tmp_path).context()) as api:
        with open_transport(api.url) as transport, pytest.raises(TransportUnavailable) as caught:
            assert all(one.verdict == "withheld" for one in transport.deliver([mail()], OpenGate()))
        assert not caught.value.temporary
        assert api.requests == 0


def test_an_api_under_tls_takes_mails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = Authority(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.path))
    with ProviderApi("brevo", authority.context()) as api:
        assert [one.verdict for one in deliver(api, 5)] == ["sent"] * 5
        api.faults["a1@example.org"] = Fault(drop=True)
        assert [one.verdict for one in deliver(api)] == ["unknown"]


def test_a_connection_is_used_again(brevo: ProviderApi) -> None:
    with open_transport(brevo.url + "&connections=1") as transport:
        for _ in range(2):
            assert len(list(transport.deliver([mail(n) for n in range(1, 4)], OpenGate()))) == 3
    assert brevo.connections == 1


def test_several_requests_are_under_way_at_a_time(brevo: ProviderApi) -> None:
    brevo.faults["a1@example.org"] = Fault(hang=True)
    order = []
    with open_transport(brevo.url + "&connections=2") as transport:
        for outcome in transport.deliver([mail(n) for n in range(1, 6)], OpenGate()):
            order.append(outcome.key)
    assert order == [2, 3, 4, 5, 1]


class Impatient(OpenGate):
    def waiting(self) -> bool:
        return False


def test_who_waits_no_longer_leaves_what_was_written_unknown(brevo: ProviderApi) -> None:
    brevo.faults["a1@example.org"] = Fault(hang=True)
    with open_transport(brevo.url + "&connections=1") as transport:
        outcomes = list(transport.deliver([mail(1), mail(2)], Impatient()))
    assert [one.verdict for one in outcomes] == ["unknown", "sent"]


def test_leaving_early_lets_go_of_what_is_under_way(brevo: ProviderApi) -> None:
    brevo.faults["a2@example.org"] = Fault(hang=True)
    with open_transport(brevo.url + "&connections=2") as transport:
        run = transport.deliver([mail(n) for n in range(1, 50)], OpenGate())
        assert next(run).key == 1
        run.close()
        assert brevo.requests <= 3
        assert [one.verdict for one in transport.deliver([mail(60)], OpenGate())] == ["sent"]


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("anymail://nobody/?api_key=x", "connus : brevo"),
        ("anymail://brevo/", "« api_key »"),
        ("anymail://brevo/?api_key=", "vide"),
        ("anymail://brevo/?api_key=x&api_key=y", "deux fois"),
        ("anymail://brevo/?api_key=x&cle=y", "Option inconnue « cle »"),
        ("anymail://mailjet/?api_key=x", "« secret_key »"),
        ("anymail://brevo/?api_key=x&api_url=http://api.example.org/", "https://"),
        ("anymail://brevo/?api_key=x&connections=0", "entre 1 et 16"),
        ("anymail://brevo/?api_key=x&timeout=soon", "secondes"),
        ("anymail://brevo:25/?api_key=x", "anymail://brevo/"),
        ("anymail://[brevo/?api_key=x", "illisible"),
        ("anymail://brevo/?api_key=x smtp://localhost/", "SMTP seulement"),
    ],
)
def test_a_wrong_account_is_told_in_french_without_its_key(url: str, told: str) -> None:
    secret = url.replace("=x", "=s3cr3t-k3y")
    with pytest.raises(TransportUrlError, match=told) as caught:
        open_transport(secret)
    assert "s3cr3t-k3y" not in str(caught.value)


def test_a_key_does_not_stand_in_the_accounts_own_words() -> None:
    assert "s3cr3t" not in repr(parse_anymail_url("anymail://brevo/?api_key=s3cr3t"))


def test_what_the_webhooks_read_is_named_after_the_provider() -> None:
    url = "anymail://mailgun/?api_key=a%2Bb&webhook_signing_key=c+d&connections=2&timeout=30"
    assert anymail_settings(url, "nom:un-mot-de-passe-long") == {
        "MAILGUN_API_KEY": "a+b",
        "MAILGUN_WEBHOOK_SIGNING_KEY": "c+d",
        "WEBHOOK_SECRET": "nom:un-mot-de-passe-long",
    }


def test_a_provider_is_elsewhere_and_a_mailbox_is_here(tmp_path: Path) -> None:
    assert not is_local("anymail://brevo/?api_key=x")
    assert is_local(f"file://{tmp_path}/a folder")


def settings_of(tmp_path: Path, url: str) -> subprocess.CompletedProcess[str]:
    told = "from pipeline import settings as s; print('anymail' in s.INSTALLED_APPS, getattr(s, 'ANYMAIL', None))"
    environ = {"KIT_SMTP_URL": url, "KIT_DATA_DIR": str(tmp_path), "KIT_WEBHOOK_SECRET": "nom:un-mot-de-passe-long"}
    return subprocess.run(
        [sys.executable, "-c", told], env={**os.environ, **environ}, capture_output=True, text=True, check=False
    )


def test_django_knows_anymail_where_it_is_the_way_out_and_only_there(tmp_path: Path) -> None:
    found = settings_of(tmp_path, "anymail://brevo/?api_key=x").stdout
    assert found == "True {'BREVO_API_KEY': 'x', 'WEBHOOK_SECRET': 'nom:un-mot-de-passe-long'}\n"
    assert settings_of(tmp_path, "smtp://localhost/").stdout == "False None\n"


def test_a_wrong_account_stops_the_start(tmp_path: Path) -> None:
    assert "KIT_SMTP_URL : Il manque à Brevo" in settings_of(tmp_path, "anymail://brevo/").stderr
