"""What a server's URL says."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.delivery.transports import TransportUrlError, is_local, open_transport
from pipeline.delivery.transports.servers import parse_smtp_url, parse_smtp_urls


def test_the_options_of_a_server() -> None:
    options = "connections=8&messages=0&rate=0.5&weight=100&dsn=failure,delay&helo=kit.example.org&verify=no&timeout=30"
    server = parse_smtp_url(f"smtps://nom:m%40t@smtp.example.org/?{options}")
    assert (server.host, server.port, server.tls, server.user, server.password) == (
        "smtp.example.org", 465, "implicit", "nom", "m@t",
    )  # fmt: skip
    assert (server.connections, server.messages, server.rate, server.weight) == (8, 0, 0.5, 100)
    assert (server.helo, server.verify, server.timeouts.command) == ("kit.example.org", False, 30)
    assert server.notify == "NOTIFY=FAILURE,DELAY"
    assert parse_smtp_url("smtp://h/?dsn=no").notify == ""


def test_a_server_without_options_is_unlimited_checked_and_reports_failures() -> None:
    server = parse_smtp_url("smtp://smtp.example.org")
    assert (server.rate, server.weight, server.verify, server.notify) == (0, 1, True, "NOTIFY=FAILURE")


def test_several_servers_stand_side_by_side() -> None:
    servers = parse_smtp_urls(" smtp://a.example.org:2525/?weight=3   smtps://b.example.org\n")
    assert [(one.name, one.weight) for one in servers] == [("a.example.org:2525", 3), ("b.example.org:465", 1)]
    assert parse_smtp_urls("smtp://un@a.example.org smtp://deux@a.example.org")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "Aucun serveur"),
        ("smtp://a smtp://a:25/?weight=2", "a:25 est donné deux fois"),
        ("smtp://a http://b", "Adresse n° 2 : Le schéma « http »"),
        ("smtp://a/?rate=-1", "« rate=-1 »"),
        ("smtp://a/?rate=nan", "« rate=nan »"),
        ("smtp://a/?rate=inf", "« rate=inf »"),
        ("smtp://a/?rate=1,5", "messages par seconde"),
        ("smtp://a/?weight=0", "entre 1 et 100"),
        ("smtp://a/?dsn=always", "failure,delay"),
        ("smtp://a/?connections=65", "entre 1 et 64"),
        ("smtp://a/?timeout=0", "secondes"),
        ("smtp://a/?pace=3", "Option inconnue « pace »"),
        ("smtp://a/?rate=1&rate=2", "deux fois la même option"),
        ("smtp+starttls://a/?tls=none", "contredit"),
        ("smtp://a/?ca=/nowhere.pem", "n’existe pas"),
        ("smtp://a:port/", "illisible"),
        ("smtp://", "ne nomme pas de serveur"),
        ("smtp://a file:///tmp/box", "SMTP seulement"),
    ],
)
def test_what_cannot_be_used_is_told_in_french(text: str, told: str) -> None:
    with pytest.raises(TransportUrlError, match=told):
        open_transport(text)


@given(st.text(max_size=60), st.sampled_from(["smtp://", "smtps://u:s3cr3t@h/?", "smtp+starttls://h:25/?", ""]))
def test_whatever_is_written_is_a_server_or_an_error_that_shows_no_password(text: str, start: str) -> None:
    told, servers = "", ()
    try:
        servers = parse_smtp_urls(start + text)
    except TransportUrlError as error:
        told = str(error)
    assert bool(told) != bool(servers)
    assert "s3cr3t" not in told + repr(servers)


def test_servers_are_here_only_where_all_are(tmp_path: Path) -> None:
    assert is_local("smtp://127.0.0.1:25 smtp://localhost:26")
    assert not is_local("smtp://127.0.0.1:25 smtp://example.org")
    assert is_local(f"file://{tmp_path}")
