from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import dns.resolver
import pytest

from pipeline.audience import domains
from pipeline.audience.models import DomainCheck
from tests.dns_server import DnsServer, nobody, serve

NOW = dt.datetime(2020, 1, 22, 8, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
ZONE = {
    ("ville.example", "MX"): ["10 mx1.ville.example.", "20 mx2.ville.example."],
    ("mx1.ville.example", "AAAA"): ["2001:db8::25"],
    ("mx2.ville.example", "A"): ["192.0.2.25"],
    ("secours.example", "MX"): ["10 disparu.secours.example.", "20 mx2.ville.example."],
    ("implicite.example", "A"): ["192.0.2.80"],
    ("implicite6.example", "AAAA"): ["2001:db8::80"],
    ("sansmail.example", "MX"): ["0 ."],
    ("sansmail.example", "A"): ["192.0.2.80"],
    ("confus.example", "MX"): ["0 .", "10 mx2.ville.example."],
    ("texte.example", "TXT"): ['"v=spf1 -all"'],
    ("perdu.example", "MX"): ["10 nulle-part.example.", "20 ailleurs.example."],
    ("perdu.example", "A"): ["192.0.2.80"],
    ("xn--cole-9oa.example", "MX"): ["10 mx2.ville.example."],
    ("nombreux.example", "MX"): [f"{place} mx{place}.nombreux.example." for place in range(60)],
}


@pytest.fixture
def server() -> Iterator[DnsServer]:
    with serve(dict(ZONE)) as held:
        yield held


def asking(address: str) -> dns.resolver.Resolver:
    resolver = dns.resolver.Resolver(configure=False)
    host, _, port = address.rpartition(":")
    resolver.nameservers, resolver.port = [host], int(port)
    return resolver


@pytest.mark.parametrize(
    ("domain", "verdict"),
    [
        ("ville.example", "mail"),
        ("VILLE.example", "mail"),
        ("xn--cole-9oa.example", "mail"),
        ("secours.example", "mail"),
        ("implicite.example", "mail"),
        ("implicite6.example", "mail"),
        ("confus.example", "mail"),
        ("sansmail.example", "none"),
        ("texte.example", "none"),
        ("perdu.example", "none"),
        ("absent.example", "none"),
    ],
)
def test_a_domain_takes_mail_as_its_records_say(server: DnsServer, domain: str, verdict: str) -> None:
    assert domains.check(domain, asking(server.address)) == verdict


def test_a_null_mx_is_believed_whatever_address_the_domain_has(server: DnsServer) -> None:
    assert domains.check("sansmail.example", asking(server.address)) == "none"
    assert [kind for _, kind, _ in server.asked] == ["MX"]


def test_an_answer_too_long_for_a_datagram_is_asked_for_again_over_tcp(server: DnsServer) -> None:
    assert domains.check("nombreux.example", asking(server.address)) == "none"
    assert ("nombreux.example", "MX", True) in server.asked
    hosts = {name for name, kind, _ in server.asked if kind == "A"}
    assert hosts == {f"mx{place}.nombreux.example" for place in range(10)}


def test_a_server_that_fails_says_nothing(server: DnsServer) -> None:
    server.broken.add("ville.example")
    assert domains.check("ville.example", asking(server.address)) == "unknown"


def test_exchangers_that_cannot_be_asked_for_are_no_refusal(server: DnsServer) -> None:
    server.broken.update(("nulle-part.example", "mx1.ville.example"))
    assert domains.check("perdu.example", asking(server.address)) == "unknown"
    assert domains.check("ville.example", asking(server.address)) == "mail"


def test_silence_is_not_waited_for_beyond_the_time_given_and_nothing_more_is_asked(server: DnsServer) -> None:
    server.lost.update(("ville.example", "mx1.ville.example", "mx2.ville.example"))
    assert domains.check("ville.example", asking(server.address), within=0.3) == "unknown"
    assert {kind for _, kind, _ in server.asked} == {"MX"}
    server.lost.discard("ville.example")
    server.asked.clear()
    assert domains.check("ville.example", asking(server.address), within=0.3) == "unknown"
    assert {name for name, _, _ in server.asked} == {"ville.example", "mx1.ville.example"}


@pytest.mark.parametrize("domain", ["a" * 64 + ".example", ".".join(["a" * 60] * 5), "a..example"])
def test_a_name_that_cannot_be_asked_for_is_unknown(server: DnsServer, domain: str) -> None:
    assert domains.check(domain, asking(server.address)) == "unknown"
    assert server.asked == []


def test_without_a_resolver_nothing_is_known() -> None:
    assert domains.check("ville.example", None) == "unknown"
    assert domains.check("ville.example", asking(nobody()), within=0.3) == "unknown"


@pytest.mark.usefixtures("database")
def test_a_verdict_is_remembered_for_thirty_days() -> None:
    assert domains.known("ville.example", NOW) is None
    domains.remember("ville.example", "mail", NOW)
    assert domains.known("ville.example", NOW + 29 * DAY) == "mail"
    assert domains.known("ville.example", NOW + 30 * DAY) is None
    domains.remember("ville.example", "none", NOW + 31 * DAY)
    assert domains.known("ville.example", NOW + 32 * DAY) == "none"
    assert DomainCheck.objects.count() == 1


@pytest.mark.usefixtures("database")
def test_silence_is_asked_about_again_after_an_hour_and_never_replaces_what_is_known() -> None:
    domains.remember("muet.example", "unknown", NOW)
    assert domains.known("muet.example", NOW + dt.timedelta(minutes=59)) == "unknown"
    assert domains.known("muet.example", NOW + dt.timedelta(hours=1)) is None
    domains.remember("muet.example", "none", NOW + DAY)
    domains.remember("muet.example", "unknown", NOW + 2 * DAY)
    assert domains.known("muet.example", NOW + 2 * DAY) == "none"
    domains.remember("muet.example", "unknown", NOW + 40 * DAY)
    assert domains.known("muet.example", NOW + 40 * DAY) == "unknown"
