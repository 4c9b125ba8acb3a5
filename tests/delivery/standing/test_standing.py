"""What to publish, what is there, and the rules of mailbox providers: asked of a real DNS server."""

from __future__ import annotations

import base64
import dataclasses
import subprocess
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest

from pipeline.delivery import dkim
from pipeline.delivery.complaints import Rate
from pipeline.delivery.standing import facts, records, rules
from pipeline.delivery.standing.facts import Facts, Habits
from pipeline.delivery.standing.records import Checked, Sender
from pipeline.delivery.standing.resolver import Resolver, Silent
from tests.dns_server import DnsServer, nobody, serve
from tests.keys import write_keys

SENDER = ip_address("192.0.2.25")
GOOD = Habits(one_click=True, complaints=Rate("", 10_000, 4), cfbl="plaintes@retour.example.org")


@pytest.fixture(scope="module")
def sender(tmp_path_factory: pytest.TempPathFactory) -> Sender:
    keys = dkim.load(write_keys(tmp_path_factory.mktemp("dkim")), "example.org").keys
    return Sender(
        "example.org", "retour.example.org", bounces=True, mail_host="mx.example.org", reports="postmaster@example.org",
        addresses=(SENDER,), keys=keys,
    )  # fmt: skip


@pytest.fixture
def server(sender: Sender) -> Iterator[DnsServer]:
    """Everything published as told."""
    with serve({}) as held:
        for record in records.wanted(sender):
            held.zone[record.name, record.type] = [record.line.partition(f" IN {record.type} ")[2]]
        held.zone |= {
            ("25.2.0.192.in-addr.arpa", "PTR"): ["envoi.example.org."],
            ("envoi.example.org", "A"): [str(SENDER)],
            ("example.org", "MX"): ["10 mx.example.org."],
        }
        yield held


def resolver(server: DnsServer) -> Resolver:
    return Resolver(("127.0.0.1", server.port), timeout=2)


def found(server: DnsServer, sender: Sender, habits: Habits = GOOD) -> Facts:
    return facts.gather(sender, habits, resolver(server))


def states(held: Facts) -> dict[str, str]:
    return {one.rule.key: one.judgement.state for one in rules.judge(held)}


def checked(held: Facts, purpose: str) -> Checked:
    return next(one for one in held.records if one.record.purpose == purpose)


def test_what_is_published_as_told_is_found_so_and_meets_every_rule(server: DnsServer, sender: Sender) -> None:
    held = found(server, sender)
    assert {(one.record.purpose, one.state) for one in held.records} == {
        (purpose, "published") for purpose in ("SPF", "DKIM", "DMARC", "MX", "MTA-STS", "TLS-RPT")
    }
    told = states(held)
    # What no DNS can tell: how the mail server goes on, and a list kept elsewhere.
    assert {key for key, state in told.items() if state != "met"} == {"tls", "signal-spam"}
    assert "unmet" not in told.values()


def test_a_long_key_is_split_in_strings_and_read_over_tcp(server: DnsServer, sender: Sender) -> None:
    key = next(key for key in sender.keys if key.algorithm == "rsa")
    record = next(one for one in records.wanted(sender) if one.name.startswith(f"{key.selector}._domainkey."))
    assert [len(string) for string in record.strings[:-1]] == [255]
    assert max(len(string) for string in record.strings) <= 255
    assert resolver(server).texts(record.name) == (record.value,)
    server.zone[record.name, "TXT"].append('"' + "x" * 250 + '"')
    server.asked.clear()
    assert len(resolver(server).texts(record.name)) == 2
    assert [tcp for _, _, tcp in server.asked] == [False, True]


def test_the_published_keys_are_those_openssl_derives(sender: Sender, tmp_path: Path) -> None:
    folder = write_keys(tmp_path)
    for key in sender.keys:
        der = subprocess.run(
            ["openssl", "pkey", "-in", str(folder / f"{key.selector}.pem"), "-pubout", "-outform", "DER"],
            capture_output=True, check=True,
        ).stdout  # fmt: skip
        # RFC 8463 §4.2: the bare 32 bytes, without the wrapping that RSA's has.
        assert base64.b64decode(key.public) == (der if key.algorithm == "rsa" else der[-32:])


def test_without_a_return_path_of_its_own_only_the_authors_domain_is_asked_for(sender: Sender) -> None:
    plain = dataclasses.replace(sender, return_domain="example.org", bounces=False, keys=())
    assert [one.purpose for one in records.wanted(plain)] == ["SPF", "DMARC"]


@pytest.mark.parametrize(
    ("name", "broken", "rule", "purpose"),
    [
        ("retour.example.org", ["v=spf1 ip4:198.51.100.1 -all"], "spf", "SPF"),
        ("retour.example.org", [], "spf", "SPF"),
        ("r._domainkey.example.org", ["v=DKIM1; k=rsa; p="], "dkim", "DKIM"),
        ("r._domainkey.example.org", [], "dkim", "DKIM"),
        ("_dmarc.example.org", ["v=DMARC1"], "dmarc", "DMARC"),
        ("_dmarc.example.org", ["v=DMARC1; p=none", "v=DMARC1; p=reject"], "dmarc", "DMARC"),
        ("_dmarc.example.org", ["v=spf1 -all"], "dmarc", "DMARC"),
    ],
)
def test_a_record_that_does_not_serve_breaks_its_rule(
    server: DnsServer, sender: Sender, name: str, broken: list[str], rule: str, purpose: str
) -> None:
    server.zone[name, "TXT"] = [f'"{text}"' for text in broken]
    held = found(server, sender)
    assert states(held)[rule] == "unmet"
    states_of = {one.state for one in held.records if one.record.purpose == purpose}
    assert states_of & {"missing", "different"}
    mend = next(one.judgement.mend for one in rules.judge(held) if one.rule.key == rule)
    assert mend.startswith("Publier")


def test_what_other_mail_of_the_domain_needs_stays_in_its_spf_record(server: DnsServer, sender: Sender) -> None:
    server.zone["retour.example.org", "TXT"] = ['"v=spf1 ip4:198.51.100.1 -all"']
    mended = checked(found(server, sender), "SPF").record
    assert mended.value == "v=spf1 ip4:192.0.2.25 ip4:198.51.100.1 -all"
    server.zone["retour.example.org", "TXT"] = [f'"{mended.value}"']
    assert checked(found(server, sender), "SPF").state == "published"


def test_dmarc_of_the_domain_above_counts(server: DnsServer, sender: Sender) -> None:
    below = dataclasses.replace(sender, domain="lettre.example.org", keys=())
    assert states(found(server, below))["dmarc"] == "met"


@pytest.mark.parametrize(
    ("domain", "return_domain", "aspf", "expected"),
    [
        ("example.org", "retour.example.org", "", "met"),
        ("lettre.example.org", "example.org", "", "met"),
        ("example.org", "retour.example.org", "; aspf=s", "unknown"),
        ("example.org", "example.com", "", "unknown"),
    ],
)
def test_where_the_mail_server_signs_spf_alone_can_be_seen_to_vouch_for_the_author(
    server: DnsServer, sender: Sender, domain: str, return_domain: str, aspf: str, expected: str
) -> None:
    server.zone["_dmarc.example.org", "TXT"] = [f'"v=DMARC1; p=none{aspf}"']
    server.zone[return_domain, "TXT"] = ['"v=spf1 ip4:192.0.2.25 -all"']
    other = dataclasses.replace(sender, domain=domain, return_domain=return_domain, keys=())
    assert states(found(server, other))["alignment"] == expected


def test_a_return_path_elsewhere_and_no_signature_vouch_for_nobody(server: DnsServer, sender: Sender) -> None:
    del server.zone["r._domainkey.example.org", "TXT"]
    server.zone["example.com", "TXT"] = ['"v=spf1 ip4:192.0.2.25 -all"']
    assert states(found(server, dataclasses.replace(sender, return_domain="example.com")))["alignment"] == "unmet"


def test_an_ed25519_key_alone_is_not_enough(server: DnsServer, sender: Sender) -> None:
    alone = dataclasses.replace(sender, keys=tuple(key for key in sender.keys if key.algorithm == "ed25519"))
    assert states(found(server, alone))["dkim"] == "unmet"


def test_a_name_must_lead_back_to_its_address(server: DnsServer, sender: Sender) -> None:
    server.zone["envoi.example.org", "A"] = ["192.0.2.99"]
    assert states(found(server, sender))["reverse"] == "unmet"
    del server.zone["25.2.0.192.in-addr.arpa", "PTR"]
    assert states(found(server, sender))["reverse"] == "unmet"


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"clear": True}, "tls"),
        ({"one_click": False}, "one-click"),
        ({"complaints": Rate("", 10_000, 10)}, "complaints"),
        ({"complaints": Rate("", 10_000, 30)}, "complaints"),
        ({"cfbl": "plaintes@example.com"}, "cfbl"),
    ],
)
def test_a_setting_may_break_a_rule(
    server: DnsServer, sender: Sender, change: dict[str, bool | Rate | str], rule: str
) -> None:
    assert states(found(server, sender, dataclasses.replace(GOOD, **change)))[rule] == "unmet"  # type: ignore[arg-type]


def test_what_nobody_counted_or_set_is_not_judged(server: DnsServer, sender: Sender) -> None:
    told = states(found(server, sender, Habits(one_click=True)))
    assert told["complaints"] == "unknown"
    assert "cfbl" not in told


def test_an_author_at_a_mailbox_provider_and_one_who_cannot_be_answered_are_told(
    server: DnsServer, sender: Sender
) -> None:
    told = states(found(server, dataclasses.replace(sender, domain="gmail.com", keys=())))
    assert told["own-domain"] == "unmet"
    assert told["receives"] == "unmet"


def test_an_unknown_sending_address_is_told_to_be_given(server: DnsServer, sender: Sender) -> None:
    held = found(server, dataclasses.replace(sender, addresses=()))
    judged = {one.rule.key: one.judgement for one in rules.judge(held)}
    assert {judged[key].state for key in ("spf", "reverse")} == {"unknown"}
    assert "--address" in judged["spf"].mend


def test_a_resolver_that_answers_nothing_leaves_every_rule_of_dns_undecided(sender: Sender) -> None:
    host, _, port = nobody().partition(":")
    held = facts.gather(sender, GOOD, Resolver((host, int(port)), timeout=0.2))
    assert {(one.state, one.why) for one in held.records} == {("unknown", "le résolveur ne répond pas")}
    told = states(held)
    assert {told[key] for key in ("spf", "dkim", "dmarc", "alignment", "reverse", "receives")} == {"unknown"}


def test_one_name_that_fails_leaves_the_others_judged(server: DnsServer, sender: Sender) -> None:
    server.broken.add("_dmarc.example.org")
    held = found(server, sender)
    assert checked(held, "DMARC").state == "unknown"
    assert states(held)["dmarc"] == "unknown"
    assert states(held)["spf"] == "met"


def test_a_dead_resolver_is_asked_twice_and_no_more(server: DnsServer) -> None:
    server.lost |= {f"n{n}.example.org" for n in range(5)}
    lookup = Resolver(("127.0.0.1", server.port), timeout=0.3)
    for n in range(5):
        with pytest.raises(Silent):
            lookup.texts(f"n{n}.example.org")
    assert {name for name, _, _ in server.asked} == {"n0.example.org", "n1.example.org"}


def test_a_null_mx_and_an_impossible_name_hold_nothing(server: DnsServer) -> None:
    server.zone["example.org", "MX"] = ["0 ."]
    assert resolver(server).exchangers("example.org") == ()
    assert resolver(server).texts("x" * 80 + ".example.org") == ()
