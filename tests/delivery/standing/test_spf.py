"""Whether a sending address passes SPF: RFC 7208, against a real DNS server."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from pipeline.delivery.standing import spf
from pipeline.delivery.standing.resolver import Resolver
from tests.dns_server import DnsServer, serve

SENDER = "192.0.2.25"


@pytest.fixture
def server() -> Iterator[DnsServer]:
    with serve({}) as held:
        yield held


def result(server: DnsServer, *records: str, address: str = SENDER, **others: str) -> spf.Verdict:
    """The verdict on example.org with these SPF records; ``others`` are those of NAME.example.org."""
    for name, text in others.items():
        server.zone[f"{name}.example.org", "TXT"] = [f'"{text}"']
    if records:
        server.zone["example.org", "TXT"] = ['"autre=chose"', *(f'"{record}"' for record in records)]
    return spf.check("example.org", ip_address(address), Resolver(("127.0.0.1", server.port), timeout=2))


@pytest.mark.parametrize(
    ("record", "address", "expected"),
    [
        ("v=spf1 ip4:192.0.2.25 -all", SENDER, "pass"),
        ("v=spf1 ip4:192.0.2.0/24 -all", SENDER, "pass"),
        ("V=SPF1 IP4:192.0.2.0/24 -ALL", SENDER, "pass"),
        ("v=spf1 ip4:192.0.2.26 -all", SENDER, "fail"),
        ("v=spf1 ip4:192.0.2.26 ~all", SENDER, "softfail"),
        ("v=spf1 ip4:192.0.2.26 ?all", SENDER, "neutral"),
        ("v=spf1 ip4:192.0.2.26", SENDER, "neutral"),
        ("v=spf1 -ip4:192.0.2.25 +all", SENDER, "fail"),
        ("v=spf1", SENDER, "neutral"),
        ("v=spf1 ip6:2001:db8::/32 -all", "2001:db8::25", "pass"),
        ("v=spf1 ip4:192.0.2.25 ip6:2001:db8::/64 -all", "2001:db8:1::25", "fail"),
        ("v=spf1 exp=x.example.org futur=oui -all", SENDER, "fail"),
        ("v=spf1 ip4:300.0.2.25 -all", SENDER, "permerror"),
        ("v=spf1 invente:x -all", SENDER, "permerror"),
        ("v=spf1 include: -all", SENDER, "permerror"),
        ("v=spf1 exists:%{i}.example.org -all", SENDER, "unknown"),
        ("v=spf1 include:%{d}.example.org -all", SENDER, "unknown"),
        ("v=spf1 ptr -all", SENDER, "unknown"),
    ],
)
def test_a_record_decides(server: DnsServer, record: str, address: str, expected: str) -> None:
    assert result(server, record, address=address).result == expected


def test_hosts_and_mail_servers_are_looked_up_with_their_lengths(server: DnsServer) -> None:
    server.zone |= {
        ("example.org", "A"): ["192.0.2.7"],
        ("example.org", "MX"): ["10 mx.example.org."],
        ("mx.example.org", "A"): [SENDER],
        ("mx.example.org", "AAAA"): ["2001:db8::1"],
    }
    assert result(server, "v=spf1 a -all").result == "fail"
    assert result(server, "v=spf1 a/24 -all").result == "pass"
    assert result(server, "v=spf1 mx -all").result == "pass"
    assert result(server, "v=spf1 a:mx.example.org//64 -all", address="2001:db8::99").result == "pass"
    assert result(server, "v=spf1 a:mx.example.org/24 -all", address="2001:db8::99").result == "fail"


def test_an_include_counts_only_where_it_passes(server: DnsServer) -> None:
    record = "v=spf1 include:a.example.org ~all"
    assert result(server, record, a="v=spf1 ip4:192.0.2.25 -all").result == "pass"
    assert result(server, record, a="v=spf1 -all").result == "softfail"
    assert result(server, record, a="v=DKIM1").result == "permerror"
    assert result(server, record, a="v=spf1 faux:terme").result == "permerror"


def test_a_redirect_stands_for_the_record_unless_it_ends_in_all(server: DnsServer) -> None:
    assert result(server, "v=spf1 redirect=a.example.org", a="v=spf1 ip4:192.0.2.25 -all").result == "pass"
    assert result(server, "v=spf1 redirect=a.example.org", a="v=spf1 -all").result == "fail"
    assert result(server, "v=spf1 redirect=a.example.org ~all").result == "softfail"
    assert result(server, "v=spf1 redirect=nulle-part.example.org").result == "permerror"


def test_no_record_and_two_records_are_told_apart(server: DnsServer) -> None:
    assert result(server).result == "none"
    assert result(server, "v=spf1 -all", "v=spf1 +all").result == "permerror"


def test_the_eleventh_lookup_is_one_too_many(server: DnsServer) -> None:
    chain = {f"n{n}": f"v=spf1 include:n{n + 1}.example.org -all" for n in range(1, 12)}
    verdict = result(server, "v=spf1 include:n1.example.org -all", **chain)
    assert verdict.result == "permerror"
    assert "10" in verdict.why
    assert sum(kind == "TXT" for _, kind, _ in server.asked) == 11
    exact = {f"n{n}": f"v=spf1 include:n{n + 1}.example.org -all" for n in range(1, 10)} | {"n10": "v=spf1 +all"}
    assert result(server, "v=spf1 include:n1.example.org -all", **exact).result == "pass"


def test_a_record_that_includes_itself_ends(server: DnsServer) -> None:
    assert result(server, "v=spf1 include:example.org -all").result == "permerror"


def test_the_third_empty_answer_is_one_too_many(server: DnsServer) -> None:
    assert result(server, "v=spf1 a:x.example.org a:y.example.org ip4:192.0.2.25 -all").result == "pass"
    hosts = " ".join(f"a:{name}.example.org" for name in "xyz")
    assert result(server, f"v=spf1 {hosts} ip4:192.0.2.25 -all").result == "permerror"


def test_a_resolver_that_fails_decides_nothing(server: DnsServer) -> None:
    server.broken.add("a.example.org")
    assert result(server, "v=spf1 include:a.example.org -all").result == "temperror"
