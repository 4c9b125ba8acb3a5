"""Requests to URLs of others: what is not public is not talked to, and nothing takes longer or more than it may."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline import outward
from pipeline.outward import Address, Caller, Refused, Resolver, Unreachable, is_public, parse
from tests import dns_server
from tests.certificates import Authority
from tests.hooks.receiver import Receiver, Reply

NAME = "hooks.example.org"
# IANA's registries of special-purpose addresses, and the RFCs that take each block out of the public Internet.
SPECIAL = {
    "0.0.0.0/8": "RFC 791", "10.0.0.0/8": "RFC 1918", "100.64.0.0/10": "RFC 6598", "127.0.0.0/8": "RFC 1122",
    "169.254.0.0/16": "RFC 3927", "172.16.0.0/12": "RFC 1918", "192.0.0.0/24": "RFC 6890", "192.0.2.0/24": "RFC 5737",
    "192.88.99.0/24": "RFC 7526", "192.168.0.0/16": "RFC 1918", "198.18.0.0/15": "RFC 2544", "198.51.100.0/24": "RFC 5737",
    "203.0.113.0/24": "RFC 5737", "224.0.0.0/4": "RFC 5771", "240.0.0.0/4": "RFC 1112", "255.255.255.255/32": "RFC 8190",
    "::/128": "RFC 4291", "::1/128": "RFC 4291", "::/96": "RFC 4291 (IPv4-compatible)", "::ffff:0:0/96": "RFC 4291 (IPv4-mapped)",
    "64:ff9b:1::/48": "RFC 8215", "100::/64": "RFC 6666", "2001::/32": "RFC 4380 (Teredo)", "2001:2::/48": "RFC 5180",
    "2001:10::/28": "RFC 4843", "2001:20::/28": "RFC 7343", "2001:db8::/32": "RFC 3849", "2002::/16": "RFC 3056 (6to4)",
    "3fff::/20": "RFC 9637", "5f00::/16": "RFC 9602", "fc00::/7": "RFC 4193", "fe80::/10": "RFC 4291", "fec0::/10": "RFC 3879",
    "ff00::/8": "RFC 4291 (multicast)",
}  # fmt: skip


@pytest.mark.parametrize("block", SPECIAL)
def test_no_address_of_a_special_block_is_public(block: str) -> None:
    network = ip_network(block)
    held = {network[0], network[-1], network[network.num_addresses // 2]}
    assert [one for one in held if is_public(one)] == []
    if network.version == 4:
        behind = [ip_address(int(ip_address("64:ff9b::")) + int(one)) for one in held]
        assert [one for one in behind if is_public(one)] == []


@pytest.mark.parametrize("address", ["9.9.9.9", "193.0.6.139", "2620:fe::fe", "2a00:1450:4007::1", "64:ff9b::909:909"])
def test_addresses_of_public_servers_are(address: str) -> None:
    assert is_public(ip_address(address))


@given(st.ip_addresses())
@example(ip_address("::ffff:127.0.0.1"))
def test_what_the_standard_library_knows_as_special_is_never_public(address: IPv4Address | IPv6Address) -> None:
    if not address.is_global or address.is_multicast or address.is_reserved:
        assert not is_public(address) or address in ip_network("64:ff9b::/96")


@pytest.mark.parametrize(
    ("url", "host", "port", "path"),
    [
        ("https://hooks.example.org", NAME, 443, "/"),
        ("HTTPS://Hooks.Example.ORG:8443/a/b?c=d", NAME, 8443, "/a/b?c=d"),
        ("https://hooks.bücher.example/x", "hooks.xn--bcher-kva.example", 443, "/x"),
        ("https://9.9.9.9/", "9.9.9.9", 443, "/"),
        ("https://[2620:fe::fe]/", "2620:fe::fe", 443, "/"),
    ],
)
def test_a_url_is_taken_apart(url: str, host: str, port: int, path: str) -> None:
    target = parse(url)
    assert (target.scheme, target.host, target.port, target.path) == ("https", host, port, path)


@pytest.mark.parametrize(
    "url",
    [
        "", "hooks.example.org", "ftp://hooks.example.org/", "http://hooks.example.org/", "file:///etc/passwd", "https://",
        "https://user@hooks.example.org/", "https://user:pass@hooks.example.org/", "https://hooks.example.org/#a",
        "https://hooks.example.org:port/", "https://hooks.example.org:99999/", "https://hooks.example.org\\@127.0.0.1/",
        "https://hooks.example.org/a b", "https://hooks.example.org/\r\nHost: x", "https://hooks.example.org/é", "https://redis/",
        "https://localhost/", "https://127.0.0.1/", "https://127.1/", "https://2130706433/", "https://0x7f.0.0.1/", "https://[::1]/",
        "https://[::ffff:127.0.0.1]/", "https://[64:ff9b::7f00:1]/", "https://169.254.169.254/latest/meta-data/", "https://10.0.0.1/",
        "https://[fe80::1%25eth0]/", "https://-a.example.org/", "https://a..example.org/", "https://hooks.example.org/" + "a" * 2000,
    ],
)  # fmt: skip
def test_a_url_that_is_not_talked_to_is_refused_in_words(url: str) -> None:
    with pytest.raises(Refused) as told:
        parse(url)
    assert str(told.value).endswith((".", ")"))


@given(st.text(max_size=80) | st.text(max_size=40).map("https://{}".format))
def test_whatever_is_written_is_refused_or_names_a_public_host(url: str) -> None:
    try:
        target = parse(url)
    except Refused:
        return
    assert target.scheme == "https"
    assert target.host.isascii()
    assert target.path.startswith("/")
    try:
        literal = ip_address(target.host)
    except ValueError:
        assert "." in target.host
    else:
        assert is_public(literal)


def test_this_machine_is_talked_to_on_a_trial_only() -> None:
    for url in ("http://localhost:9/", "http://127.0.0.1:9/", "https://[::1]/"):
        assert parse(url, local=True)
    for url in ("http://10.0.0.1/", f"http://{NAME}/", "http://9.9.9.9/", "https://10.0.0.1/", "ftp://localhost/"):
        with pytest.raises(Refused):
            parse(url, local=True)


def caller(server: dns_server.DnsServer, **options: object) -> Caller:
    return Caller(lookup=Resolver(("127.0.0.1", server.port)), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "zone",
    [
        {(NAME, "A"): ["127.0.0.1"]},
        {(NAME, "A"): ["9.9.9.9", "10.1.2.3"]},
        {(NAME, "A"): ["9.9.9.9"], (NAME, "AAAA"): ["::1"]},
        {(NAME, "AAAA"): ["::ffff:127.0.0.1"]},
        {(NAME, "AAAA"): ["64:ff9b::a9fe:a9fe"]},
    ],
)
def test_a_name_with_one_address_that_is_not_public_is_refused(zone: dns_server.Zone) -> None:
    with Receiver() as receiver, dns_server.serve(zone) as server:
        with pytest.raises(Refused, match="n’est pas une adresse publique"):
            caller(server).request("POST", f"https://{NAME}:{receiver.port}/", headers={})
        assert receiver.connections == 0


def test_the_address_that_was_judged_is_the_one_that_is_talked_to(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    context = ssl.create_default_context(cafile=str(authority.path))
    zone: dns_server.Zone = {(NAME, "A"): ["127.0.0.1"]}
    with Receiver(tls=authority.context(NAME)) as receiver, dns_server.serve(zone) as server:
        seen: list[str | None] = []
        judged = Resolver(("127.0.0.1", server.port))

        def rebinding(name: str, *, seconds: float) -> Sequence[Address]:
            found = judged(name, seconds=seconds)
            server.zone[NAME, "A"] = ["127.0.0.66"]  # what a second question would be answered
            seen.append(name)
            return found

        answer = Caller(local=True, lookup=rebinding, context=context).request(
            "POST", f"https://{NAME}:{receiver.port}/a?b", headers={"X-A": "1"}, content=b"hello"
        )
        assert (answer.status, seen) == (204, [NAME])
        assert [kind for _, kind, _ in server.asked] == ["A", "AAAA"]
        taken = receiver.taken[0]
        assert (taken.path, taken.body, taken.headers["host"]) == ("/a?b", b"hello", f"{NAME}:{receiver.port}")


@pytest.mark.parametrize("wrong", ["name", "expired", "unknown"])
def test_a_certificate_that_does_not_vouch_for_the_name_is_refused(tmp_path: Path, wrong: str) -> None:
    authority = Authority(tmp_path)
    context = ssl.create_default_context(cafile=None if wrong == "unknown" else str(authority.path))
    made = authority.context("autre.example.org" if wrong == "name" else NAME, expired=wrong == "expired")
    with Receiver(tls=made) as receiver, dns_server.serve({(NAME, "A"): ["127.0.0.1"]}) as server:
        with pytest.raises(Unreachable, match="certificat refusé"):
            caller(server, local=True, context=context).request("POST", f"https://{NAME}:{receiver.port}/", headers={})
        assert receiver.taken == []


def test_a_redirection_is_an_answer_like_any_other() -> None:
    with Receiver() as hidden, Receiver() as receiver:
        receiver.usual = Reply(307, {"Location": hidden.url})
        answer = Caller(local=True).request("POST", receiver.url, headers={})
        assert (answer.status, answer.headers["location"], hidden.connections) == (307, hidden.url, 0)


def test_an_answer_without_end_is_cut() -> None:
    with Receiver(Reply(200, endless=True)) as receiver:
        answer = Caller(local=True).request("GET", receiver.url, headers={})
        assert (answer.status, len(answer.content), answer.whole) == (200, outward.LONGEST, False)


def test_an_answer_that_breaks_off_has_its_status_and_says_that_it_is_not_whole() -> None:
    with Receiver(Reply(500, body=b"oh", cut=True)) as receiver:
        answer = Caller(local=True).request("GET", receiver.url, headers={})
        assert (answer.status, answer.content, answer.whole) == (500, b"oh", False)
        receiver.usual = Reply(500, body=b"oh")
        assert Caller(local=True).request("GET", receiver.url, headers={}).whole


@pytest.mark.parametrize("reply", [Reply(hang=True), Reply(trickle=True)], ids=["hangs", "trickles"])
def test_a_server_that_takes_its_time_is_left(reply: Reply) -> None:
    with Receiver(reply) as receiver, pytest.raises(Unreachable, match=r"pas de réponse en 0\.4"):
        Caller(local=True, seconds=0.4).request("POST", receiver.url, headers={})


def test_a_server_that_speaks_no_tls_is_left(tmp_path: Path) -> None:
    with Receiver() as receiver, pytest.raises(Unreachable):
        Caller(local=True, seconds=2).request("POST", f"https://127.0.0.1:{receiver.port}/", headers={})


@pytest.mark.parametrize(
    "spoken", [b"", b"\x00\xff\r\n", b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 1000]
)
def test_what_is_no_http_is_no_answer(spoken: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def once() -> None:
            line, _ = server.accept()
            with line:
                line.recv(65_536)
                line.sendall(spoken)

        threading.Thread(target=once, daemon=True).start()
        with pytest.raises(Unreachable):
            Caller(local=True).request("GET", f"http://127.0.0.1:{server.getsockname()[1]}/", headers={})


def test_nobody_there_is_told() -> None:
    with dns_server.serve({(NAME, "A"): []}) as server:
        with pytest.raises(Unreachable, match=f"le nom {NAME} n’a pas d’adresse"):
            caller(server).request("POST", f"https://{NAME}/", headers={})
        server.broken.add(NAME)
        with pytest.raises(Unreachable, match="le DNS ne répond pas"):
            caller(server).request("POST", f"https://{NAME}/", headers={})
        server.broken.clear()
        server.lost.add(NAME)
        with pytest.raises(Unreachable, match="le DNS ne répond pas"):
            caller(server, seconds=0.4).request("POST", f"https://{NAME}/", headers={})
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(Unreachable, match="Connection refused"):
        Caller(local=True).request("POST", f"http://127.0.0.1:{port}/", headers={})


def test_the_next_address_is_tried_where_the_first_does_not_listen() -> None:
    with Receiver() as receiver:
        both = [ip_address("::1"), ip_address("127.0.0.1")]
        made = Caller(local=True, lookup=lambda name, *, seconds: both)
        assert made.request("POST", f"http://localhost:{receiver.port}/", headers={}).status == 204
