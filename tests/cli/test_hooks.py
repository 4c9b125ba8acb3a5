"""`kit webhooks`, as an operator types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from pipeline.cli.face import Fault
from pipeline.cli.main import app
from pipeline.hooks import sending, wiring
from pipeline.hooks.models import Endpoint
from pipeline.release.models import AuditEntry
from tests.databases import database, descriptions  # noqa: F401 - fixtures
from tests.hooks.factories import comes
from tests.hooks.receiver import Receiver, Reply
from tests.stage import stage

pytestmark = pytest.mark.usefixtures("installation")
URL = "https://hooks.example.org/recevoir"


@pytest.fixture
def installation(database: str, tmp_path: Path) -> None:  # noqa: F811
    stage(tmp_path)


def kit(*arguments: str) -> Result:
    return CliRunner().invoke(app, ("webhooks", *arguments))


def read(*arguments: str) -> object:
    return json.loads(kit(*arguments, "--json").stdout)


def fault(*arguments: str) -> str:
    error = kit(*arguments).exception
    assert isinstance(error, Fault)
    return str(error)


def test_an_endpoint_is_added_listed_and_removed() -> None:
    told = kit("add", URL, "--events", "subscription.ended, release.published", "--with-address").stdout
    number = Endpoint.objects.get().pk
    secret = next(line for line in told.splitlines() if line.startswith("whsec_"))
    assert f"kit webhooks test {number}" in told
    assert "RGPD, art. 13" in told
    assert "RGPD" not in kit("add", URL + "/2").stdout
    Endpoint.objects.exclude(pk=number).delete()
    assert read("list") == [
        {
            "id": number, "url": URL, "events": ["subscription.ended", "release.published"], "with_address": True, "state": "active",
            "why": "", "failing_since": None, "waiting": 0, "delivered": 0, "given_up": 0, "dropped": 0,
        }
    ]  # fmt: skip
    shown = kit("list").stdout
    assert URL in shown
    assert "actif" in shown
    assert secret not in shown + kit("list", "--json").stdout
    assert "--yes" in fault("remove", str(number))
    assert kit("remove", str(number), "--yes").stdout == "Retiré.\n"
    assert read("list") == []
    assert list(AuditEntry.objects.filter(action__startswith="webhook").values_list("action", flat=True)) == [
        "webhook-add",
        "webhook-add",
        "webhook-remove",
    ]


def test_scripts_get_number_and_secret() -> None:
    made = read("add", URL)
    assert isinstance(made, dict)
    assert made["id"] == Endpoint.objects.get().pk
    assert made["secret"].startswith("whsec_")
    assert len(made["events"]) == 5


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("add", "http://hooks.example.org/"), "https://"),
        (("add", "https://10.0.0.1/"), "adresse publique"),
        (("add", URL, "--events", "person.born"), "« person.born »"),
        (("remove", "99", "--yes"), "kit webhooks list"),
        (("test", "99"), "kit webhooks list"),
        (("rotate", "99"), "kit webhooks list"),
        (("enable", "99"), "kit webhooks list"),
        (("resend", "99"), "kit webhooks list"),
        (("deliveries", "99"), "kit webhooks list"),
        (("deliveries", "--state", "lost"), "given-up"),
    ],
)
def test_what_cannot_be_done_is_told_with_the_mend(arguments: tuple[str, ...], words: str) -> None:
    assert words in fault(*arguments)


def test_an_endpoint_is_tried_out_and_its_answer_shown() -> None:
    with Receiver(Reply(200, body=b"bien")) as receiver:
        made = read("add", receiver.url, "--events", "release.published")
        assert isinstance(made, dict)
        number = str(made["id"])
        assert kit("test", number).stdout == "bien\nReçu : 200 OK.\n"
        assert receiver.taken[0].json["type"] == "webhook.test"
        assert receiver.taken[0].signed_with(made["secret"])
        receiver.usual = Reply(500)
        assert fault("test", number) == "Échec : 500 Internal Server Error."
        second = kit("rotate", number).stdout.splitlines()[-1]
        kit("test", number)
        assert receiver.taken[-1].signed_with(made["secret"])
        assert receiver.taken[-1].signed_with(second)
    assert fault("test", number).startswith("Échec : pas de réponse")
    assert read("deliveries") == []


def test_deliveries_are_shown_given_up_and_sent_again() -> None:
    with Receiver(Reply(410)) as receiver:
        made = read("add", receiver.url, "--events", "subscription.started")
        assert isinstance(made, dict)
        number = str(made["id"])
        person = comes()
        assert [(one["state"], one["attempts"]) for one in read("deliveries", number)] == [("waiting", 0)]  # type: ignore[attr-defined]
        courier = wiring.courier()
        sending.run(sending.Courier("essai", courier.base_url, courier.caller, courier.now), seconds=5)
        (shown,) = read("deliveries", "--state", "given-up")  # type: ignore[misc]
        assert (shown["type"], shown["answer"], shown["due_at"]) == ("subscription.started", "410 Gone", None)
        assert shown["message"] == receiver.taken[0].headers["webhook-id"]
        assert "désactivé (410 Gone)" in kit("list").stdout
        assert "abandonné" in kit("deliveries").stdout
        assert str(person.public_id) not in kit("deliveries").stdout
        assert "kit webhooks enable" in fault("resend", number)
        assert f"kit webhooks resend {number}" in kit("enable", number).stdout
        assert kit("resend", number).stdout == "1 évènement(s) à nouveau en attente.\n"
        assert read("deliveries", "--state", "waiting", "--limit", "1")
