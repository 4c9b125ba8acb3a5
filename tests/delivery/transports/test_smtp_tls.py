"""TLS and passwords: STARTTLS (RFC 3207), implicit TLS (RFC 8314), certificates, AUTH (RFC 4954)."""

from __future__ import annotations

import ssl
from collections.abc import Callable

import pytest

from pipeline.delivery.transports import TransportUnavailable, open_transport
from pipeline.delivery.transports.base import OpenGate
from pipeline.delivery.transports.connection import connect
from pipeline.delivery.transports.pool import Pool
from tests.certificates import Authority
from tests.letters import letters
from tests.smtp_sink import Behaviour, Misdeed, Sink

USERS = {"nom": "mot de passe: é+/="}
LOGIN = "nom:mot%20de%20passe%3A%20%C3%A9%2B%2F%3D@"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def context(authority: Authority) -> ssl.SSLContext:
    return authority.context()


def address(sink: Sink, scheme: str, options: str = "", login: str = "", host: str = "127.0.0.1") -> str:
    return f"{scheme}://{login}{host}:{sink.port}/?{options}"


def sends(url: str, count: int = 3) -> None:
    with open_transport(url) as transport:
        assert [one.verdict for one in transport.deliver(letters(count), OpenGate())] == ["sent"] * count


def cannot(url: str, told: str, *, temporary: bool) -> None:
    """Nothing is sent by ``url``, and it says why."""
    with open_transport(url) as transport, pytest.raises(TransportUnavailable, match=told) as caught:
        list(transport.deliver(letters(2), OpenGate()))
    assert caught.value.temporary is temporary
    assert "passe: é" not in str(caught.value)


# TLS


def test_starttls_comes_before_any_address(authority: Authority, context: ssl.SSLContext) -> None:
    with Sink(Behaviour(tls=context, strict=True)) as sink:
        sends(address(sink, "smtp+starttls", f"connections=1&ca={authority.path}"))
        verbs = [command.split(" ")[0] for command in sink.commands]
        assert verbs[:4] == ["EHLO", "STARTTLS", "EHLO", "MAIL"]
        assert sink.violations == []


@pytest.mark.parametrize("pipelining", [True, False])
def test_tls_from_the_first_byte(authority: Authority, context: ssl.SSLContext, pipelining: bool) -> None:
    with Sink(Behaviour(tls=context, implicit_tls=True, pipelining=pipelining)) as sink:
        sends(address(sink, "smtps", f"ca={authority.path}"), 20)
        assert "STARTTLS" not in sink.commands


def test_a_large_message_goes_through_tls(authority: Authority, context: ssl.SSLContext) -> None:
    with (
        Sink(Behaviour(tls=context, implicit_tls=True, extensions=("SIZE 0",))) as sink,
        open_transport(address(sink, "smtps", f"ca={authority.path}")) as transport,
    ):
        outcomes = list(transport.deliver(letters(3, size=30_000), OpenGate()))
        assert [one.verdict for one in outcomes] == ["sent"] * 3
        assert {one["content"] for one in sink.messages} == {one.content for one in letters(3, size=30_000)}


def test_what_tls_has_sent_counts_as_written(authority: Authority, context: ssl.SSLContext) -> None:
    """A server that reads nothing: what fills the buffers has left, and is never taken for unwritten."""
    with (
        Sink(Behaviour(tls=context, implicit_tls=True, misdeeds={"ehlo": Misdeed(b"250 sink\r\n", "hang")})) as sink,
        open_transport(address(sink, "smtps", f"connections=1&ca={authority.path}")) as transport,
    ):
        assert isinstance(transport, Pool)
        connection = connect(transport._hosts[0].server, lambda: True)
        data, written = memoryview(b"x" * 20_000_000), 0
        while some := connection.write_some(data[written:]):
            assert some <= 16384
            written += some
        assert 0 < written < len(data)
        connection.close()


def test_replies_in_many_packets_under_tls(authority: Authority, context: ssl.SSLContext) -> None:
    with Sink(Behaviour(tls=context, implicit_tls=True, split=1)) as sink:
        sends(address(sink, "smtps", f"ca={authority.path}"))


def test_opportunistic_tls_is_used_where_offered_and_done_without_where_not(
    authority: Authority, context: ssl.SSLContext
) -> None:
    with Sink(Behaviour(tls=context)) as sink:
        sends(address(sink, "smtp", f"tls=opportunistic&ca={authority.path}"))
        assert "STARTTLS" in sink.commands
    with Sink() as sink:
        sends(address(sink, "smtp", "tls=opportunistic"))


def test_required_tls_that_was_stripped_sends_nothing() -> None:
    with Sink() as sink:
        cannot(address(sink, "smtp+starttls"), "n’offre pas STARTTLS", temporary=False)
        assert not any(command.startswith("MAIL") for command in sink.commands)


@pytest.mark.parametrize("reply", [b"454 4.7.0 TLS not available\r\n", b"502 5.5.1 no\r\n"])
def test_tls_that_is_offered_and_then_refused_sends_nothing(reply: bytes) -> None:
    how = Behaviour(tls=ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), misdeeds={"starttls": Misdeed(reply, times=-1)})
    with Sink(how) as sink:
        cannot(address(sink, "smtp", "tls=opportunistic"), "refuse STARTTLS", temporary=True)
        assert not any(command.startswith("MAIL") for command in sink.commands)


def test_what_was_said_in_clear_does_not_count_under_tls(authority: Authority, context: ssl.SSLContext) -> None:
    with Sink(Behaviour(tls=context, injected=b"250-evil\r\n250 AUTH PLAIN\r\n")) as sink:
        cannot(address(sink, "smtp+starttls", f"ca={authority.path}"), "a parlé avant TLS", temporary=False)


def test_a_certificate_that_nobody_vouches_for_is_refused(context: ssl.SSLContext) -> None:
    for how, scheme in (
        (Behaviour(tls=context), "smtp+starttls"),
        (Behaviour(tls=context, implicit_tls=True), "smtps"),
    ):
        with Sink(how) as sink:
            cannot(address(sink, scheme), "certificat refusé", temporary=False)
            assert not any(command.startswith("MAIL") for command in sink.commands)


@pytest.mark.parametrize("made", [lambda one: one.context("mail.example.org"), lambda one: one.context(expired=True)])
def test_a_certificate_for_another_name_or_out_of_date_is_refused(
    authority: Authority, made: Callable[[Authority], ssl.SSLContext]
) -> None:
    with Sink(Behaviour(tls=made(authority))) as sink:
        cannot(address(sink, "smtp", f"tls=opportunistic&ca={authority.path}"), "certificat refusé", temporary=False)


def test_who_says_verify_no_gets_any_certificate(authority: Authority) -> None:
    with Sink(Behaviour(tls=authority.context("elsewhere.example.org", expired=True))) as sink:
        sends(address(sink, "smtp+starttls", "verify=no"))


def test_no_tls_at_all_on_a_tls_port_is_unavailable(authority: Authority) -> None:
    with Sink() as sink:
        cannot(address(sink, "smtps", f"ca={authority.path}&timeout=2"), "TLS impossible", temporary=True)


# AUTH


@pytest.mark.parametrize("mechanisms", ["PLAIN", "LOGIN", "LOGIN PLAIN", "CRAM-MD5 LOGIN"])
def test_a_password_goes_by_whatever_way_is_offered(
    authority: Authority, context: ssl.SSLContext, mechanisms: str
) -> None:
    with Sink(Behaviour(tls=context, users=USERS, mechanisms=mechanisms)) as sink:
        sends(address(sink, "smtp+starttls", f"connections=1&ca={authority.path}", LOGIN))
        verbs = [command.split(" ")[0] for command in sink.commands]
        assert verbs.index("AUTH") > verbs.index("STARTTLS")


@pytest.mark.parametrize("mechanisms", ["PLAIN", "LOGIN"])
def test_a_wrong_password_is_for_a_person(authority: Authority, context: ssl.SSLContext, mechanisms: str) -> None:
    with Sink(Behaviour(tls=context, users={"nom": "un autre"}, mechanisms=mechanisms)) as sink:
        cannot(address(sink, "smtp+starttls", f"ca={authority.path}", LOGIN), "535", temporary=False)
        assert not any(command.startswith("MAIL") for command in sink.commands)


def test_a_password_that_cannot_be_checked_now_is_tried_later() -> None:
    how = Behaviour(users=USERS, misdeeds={"auth": Misdeed(b"454 4.7.0 later\r\n", times=-1)})
    with Sink(how) as sink:
        cannot(address(sink, "smtp", login=LOGIN), "454", temporary=True)


def test_no_password_leaves_without_tls() -> None:
    with Sink(Behaviour(users=USERS)) as sink:
        # This machine, under a name that only the resolver knows for it.
        cannot(address(sink, "smtp", login=LOGIN, host="127.1"), "ne part pas sans TLS", temporary=False)
        assert not any(command.startswith("AUTH") for command in sink.commands)


def test_a_server_that_asks_who_we_are_is_told_apart_from_a_dead_address() -> None:
    with Sink(Behaviour(users=USERS)) as sink, open_transport(sink.url) as transport:
        (outcome,) = transport.deliver(letters(1), OpenGate())
        assert (outcome.verdict, outcome.code, outcome.stage) == ("refused", 530, "mail")
