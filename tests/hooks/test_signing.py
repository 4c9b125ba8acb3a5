"""Signatures that any library of Standard Webhooks takes."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode, b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.hooks import signing, vault

secrets = st.binary(min_size=24, max_size=64).map(lambda raw: "whsec_" + b64encode(raw).decode())
ids = st.from_regex(r"msg_[a-zA-Z0-9]{1,40}", fullmatch=True)
times = st.integers(0, 2**40)


def test_the_published_example_is_signed_as_its_authors_do() -> None:
    """The vector of the reference implementations (github.com/standard-webhooks/standard-webhooks, libraries/)."""
    made = signing.headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
    )
    assert made == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


@given(ids, times, st.binary(max_size=200), st.lists(secrets, min_size=1, max_size=3, unique=True))
def test_every_secret_in_force_signs_id_time_and_payload(
    message_id: str, at: int, payload: bytes, written: list[str]
) -> None:
    made = signing.headers(message_id, at, payload, written)
    signed = f"{made['webhook-id']}.{made['webhook-timestamp']}.".encode() + payload
    keys = [b64decode(secret.removeprefix("whsec_")) for secret in written]
    expected = [f"v1,{b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()}" for key in keys]
    assert made["webhook-signature"].split(" ") == expected


@given(ids, times, st.binary(max_size=50), st.binary(max_size=50), secrets, secrets)
def test_another_payload_time_id_or_secret_has_another_signature(
    message_id: str, at: int, payload: bytes, other: bytes, secret: str, second: str
) -> None:
    made = signing.headers(message_id, at, payload, [secret])["webhook-signature"]
    others = [
        signing.headers(message_id + "x", at, payload, [secret]),
        signing.headers(message_id, at + 1, payload, [secret]),
    ]
    if other != payload:
        others.append(signing.headers(message_id, at, other, [secret]))
    if second != secret:
        others.append(signing.headers(message_id, at, payload, [second]))
    assert made not in [one["webhook-signature"] for one in others]


def test_an_id_that_would_make_the_text_ambiguous_is_refused() -> None:
    with pytest.raises(ValueError, match="full stop"):
        signing.headers("msg_1.2", 3, b"", [signing.new_secret()])


@pytest.mark.parametrize(
    "secret", ["", "whsec_", "whsec_????", "whsec_" + b64encode(bytes(23)).decode(), b64encode(bytes(32)).decode()]
)
def test_what_is_no_secret_is_refused_and_not_quoted(secret: str) -> None:
    with pytest.raises(ValueError, match="a secret is whsec_") as told:
        signing.key(secret)
    assert not secret or secret == "whsec_" or secret not in str(told.value)


def test_new_secrets_are_long_and_differ() -> None:
    made = {signing.new_secret() for _ in range(50)}
    assert len(made) == 50
    assert {len(signing.key(one)) for one in made} == {32}


def test_a_sealed_secret_says_nothing_and_opens_under_retired_keys_too(settings) -> None:  # type: ignore[no-untyped-def]
    secret = signing.new_secret()
    sealed = vault.seal(secret)
    assert secret.encode() not in sealed
    assert vault.unseal(sealed) == secret
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another key, as long as keys have to be"
    assert vault.unseal(sealed) == secret
    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(vault.SealedError, match="kit webhooks rotate"):
        vault.unseal(sealed)
