"""`kit dns`, as the operator types it."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from pipeline import clock
from pipeline.delivery.models import Batch, Bounce, Mailing
from tests.databases import database, descriptions  # noqa: F401 - fixtures
from tests.delivery import lists
from tests.dns_server import DnsServer, nobody, serve
from tests.factories import write_season
from tests.keys import write_key, write_keys
from tests.rehearsal.test_rehearse import kit


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    write_season(tmp_path)
    (tmp_path / "dkim").mkdir()
    write_keys(tmp_path / "dkim")
    return {
        "KIT_DATA_DIR": str(tmp_path / "var"),
        "KIT_SCHEDULES_DIR": str(tmp_path / "schedules"),
        "KIT_DKIM_DIR": str(tmp_path / "dkim"),
        "KIT_RETURN_PATH": "rebonds@retour.essai.org",
        "KIT_BASE_URL": "https://essai.org",
        "KIT_SMTP_URL": "smtp://relais.essai.org",
    }


@pytest.fixture
def server() -> Iterator[DnsServer]:
    with serve({("relais.essai.org", "A"): ["192.0.2.25"]}) as held:
        yield held


def test_what_it_says_to_publish_is_all_that_it_asks_for(
    home: dict[str, str], server: DnsServer, tmp_path: Path
) -> None:
    asked = ("dns", "--json", "--resolver", server.address)
    done = kit(*asked, **home)
    assert done.returncode == 1, done.stderr
    (told,) = json.loads(done.stdout)
    assert (told["domain"], told["return_domain"]) == ("essai.org", "retour.essai.org")
    assert told["addresses"] == ["192.0.2.25"]
    assert {one["state"] for one in told["records"]} == {"missing"}
    assert {"spf", "dkim", "dmarc", "alignment"} <= {one["rule"] for one in told["rules"] if one["state"] == "unmet"}
    assert all(one["mend"] for one in told["rules"] if one["state"] != "met")
    for one in told["records"]:
        strings = " ".join(f'"{string}"' for string in one["strings"])
        server.zone[one["name"], one["type"]] = [strings if one["type"] == "TXT" else f"{one['value']}."]
    server.zone |= {
        ("25.2.0.192.in-addr.arpa", "PTR"): ["relais.essai.org."],
        ("essai.org", "A"): ["192.0.2.80"],
    }
    done = kit(*asked, **home)
    assert done.returncode == 0, done.stdout
    (told,) = json.loads(done.stdout)
    assert {one["state"] for one in told["records"]} == {"published"}
    assert not (tmp_path / "var").exists()


def test_a_person_reads_lines_for_a_zone_file_and_what_is_not_met(home: dict[str, str], server: DnsServer) -> None:
    done = kit("dns", "--resolver", server.address, "--mx", "mx.essai.org", "--reports", "dns@essai.org", **home)
    assert done.returncode == 1
    assert '_dmarc.essai.org. IN TXT "v=DMARC1; p=none; rua=mailto:dns@essai.org"' in done.stdout
    assert "retour.essai.org. IN MX 10 mx.essai.org." in done.stdout
    assert "mx: mx.essai.org" in done.stdout
    assert "NON RESPECTÉE : SPF passe pour l’adresse d’envoi (Gmail, Yahoo, Microsoft, Orange)" in done.stdout


def test_another_domain_and_address_may_be_asked_about(home: dict[str, str], server: DnsServer) -> None:
    options = ("--from-domain", "Forêt.example", "--address", "2001:db8::1", "--address", "192.0.2.1")
    (told,) = json.loads(kit("dns", "--json", "--resolver", server.address, *options, **home).stdout)
    assert told["domain"] == "xn--fort-ipa.example"
    assert told["records"][0]["value"] == "v=spf1 ip6:2001:db8::1 ip4:192.0.2.1 ~all"


def test_a_resolver_that_does_not_answer_is_told_for_each_and_is_no_fault(home: dict[str, str]) -> None:
    options = ("--resolver", nobody(), "--timeout", "0.2", "--address", "192.0.2.25")
    done = kit("dns", *options, **home)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("indécis (le résolveur ne répond pas)") == 7
    assert "NON RESPECTÉE" not in done.stdout


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--address", "pas-une-ip"), "--address : « pas-une-ip »"),
        (("--resolver", "dns.example.org:53"), "--resolver"),
        (("--resolver", "127.0.0.1:99999"), "--resolver"),
        (("--from-domain", "-"), "--from-domain"),
    ],
)
def test_an_option_that_makes_no_sense_is_told(home: dict[str, str], options: tuple[str, ...], told: str) -> None:
    done = kit("dns", *options, **home)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert told in done.stderr


def test_an_unfit_key_is_told_by_name(home: dict[str, str], tmp_path: Path) -> None:
    write_key(tmp_path / "dkim/faible.pem", "rsa1024")
    done = kit("dns", "--resolver", nobody(), **home)
    assert done.returncode == 1
    assert "faible.pem" in done.stderr


def complained(name: str, count: int, *, sent: int, days: int) -> None:
    """A mailing frozen so many days ago, with complaints about it."""
    at = clock.now() - dt.timedelta(days=days)
    made = lists.mailing(sent, name=name, batch=sent)
    Mailing.objects.filter(pk=made.pk).update(cutoff=at)
    Batch.objects.filter(mailing=made).update(sent=sent)
    Bounce.objects.bulk_create(
        Bounce(mailing=made, position=n, person=n, kind="complaint", source="arf", at=at, digest=f"{name}:{n}")
        for n in range(1, count + 1)
    )


def rule(home: dict[str, str], **more: str) -> tuple[dict[str, Any], str]:
    """What is told of complaints, and the lines on standard error."""
    done = kit("dns", "--json", "--resolver", nobody(), "--timeout", "0.2", "--address", "192.0.2.25", **home, **more)
    (told,) = json.loads(done.stdout)
    return next(one for one in told["rules"] if one["rule"] == "complaints"), done.stderr


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_complaints_of_the_last_thirty_days_are_counted(home: dict[str, str]) -> None:
    home["KIT_DATABASE_URL"] = f"sqlite://{connection.settings_dict['NAME']}"
    assert rule(home, KIT_LMTP="127.0.0.1:2424")[0]["state"] == "unknown"
    complained("essai/1", 30, sent=1000, days=31)
    complained("essai/2", 1, sent=500, days=29)
    told, _ = rule(home)
    assert (told["state"], told["found"].partition(" ;")[0]) == ("met", "0,20\u202f% de plaintes (1 sur 500)")
    complained("essai/3", 4, sent=1500, days=0)
    told, _ = rule(home)
    assert (told["state"], told["found"]) == ("unmet", "0,25\u202f% de plaintes (5 sur 2000)")
    Bounce.objects.all().delete()
    assert rule(home)[0]["state"] == "unknown"
    assert rule(home, KIT_LMTP="127.0.0.1:2424")[0]["state"] == "met"


def test_no_database_is_created_to_count_complaints(home: dict[str, str], tmp_path: Path) -> None:
    told, errors = rule(home, KIT_DATABASE_URL=f"sqlite://{tmp_path}/absente.sqlite3")
    assert (told["state"], errors) == ("unknown", "")
    assert not (tmp_path / "absente.sqlite3").exists()


def test_a_database_that_cannot_tell_of_complaints_is_one_line(home: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    (tmp_path / "var/kit.sqlite3").touch()
    for more in ({}, {"KIT_DATABASE_URL": "postgresql://kit:secret@127.0.0.1:1/kit"}):
        told, errors = rule(home, **more)
        assert told["state"] == "unknown"
        assert errors.startswith("Plaintes : la base ne répond pas (")
        assert (errors.count("\n"), "secret" in errors) == (1, False)
