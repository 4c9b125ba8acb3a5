"""Whose word counts for where a request comes from."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as st

from pipeline.web import network
from pipeline.web.network import networks, walk

OURS = networks(("127.0.0.0/8", "::1/128", "10.1.0.0/16"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("192.0.2.7", "", "192.0.2.7"),
        ("192.0.2.7", "198.51.100.1", "192.0.2.7"),  # nobody's proxy: its word says nothing
        ("127.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("127.0.0.1", "203.0.113.9, 198.51.100.1", "198.51.100.1"),  # what stands left was written by the client
        ("127.0.0.1", "198.51.100.1, 10.1.2.3", "198.51.100.1"),
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", "10.1.9.9", "10.1.9.9"),  # somebody on our own network
        ("127.0.0.1", "198.51.100.1, unknown", "127.0.0.1"),
        ("127.0.0.1", "198.51.100.1, unknown, 10.1.2.3", "10.1.2.3"),
        ("127.0.0.1", "198.51.100.1:51234", "198.51.100.1"),
        ("::1", "[2001:db8::7]:443", "2001:db8::7"),
        ("::1", "2001:db8::7", "2001:db8::7"),
        ("::ffff:127.0.0.1", "::ffff:192.0.2.7", "192.0.2.7"),
        ("", "198.51.100.1", "198.51.100.1"),  # a socket of this machine
        ("", "", ""),
        ("unix:", "198.51.100.1", ""),
    ],
)
def test_the_client_is_the_first_that_is_not_our_proxy(peer: str, forwarded: str, client: str) -> None:
    assert walk(peer, forwarded, OURS) == client


@given(st.text(max_size=80), st.ip_addresses())
def test_nobody_moves_themselves_by_what_they_write(written: str, peer: ipaddress.IPv4Address) -> None:
    sound = network.parse(str(peer))
    assert walk(str(peer), written, ()) == str(sound)
    assert walk("127.0.0.1", f"{written}, 198.51.100.1", OURS) == "198.51.100.1"


def test_a_request_is_read_with_the_operators_proxies(settings: Any) -> None:
    request = RequestFactory().get("/", headers={"x-forwarded-for": "198.51.100.1"})
    assert network.client(request) == "198.51.100.1"
