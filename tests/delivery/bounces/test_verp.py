"""Return paths: what we signed is read back, whatever servers do to it, and nothing else is."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.audience import tokens
from pipeline.delivery.bounces import verp
from pipeline.delivery.bounces.verp import Maker, Origin, Posted, ReturnPathError

NOW = dt.datetime(2031, 3, 3, 8, tzinfo=dt.UTC)
RETURN_PATH = "rebonds@retour.example.org"

numbers = st.integers(0, 2**32 - 1)


@given(numbers, numbers)
def test_a_return_path_gives_back_the_mailing_and_the_place(mailing: int, position: int) -> None:
    made = Maker(RETURN_PATH).make(mailing, position)
    assert made.startswith("rebonds+b-")
    assert made.endswith("@retour.example.org")
    assert len(made.rpartition("@")[0]) <= 64
    assert verp.read(made) == Origin(mailing, position)


@given(st.integers(0, 2**64 - 1))
def test_a_mail_to_one_person_has_a_return_path_of_its_own(outgoing: int) -> None:
    assert verp.read(Maker(RETURN_PATH).post(outgoing)) == Posted(outgoing)


@given(numbers, numbers)
def test_a_server_that_folds_case_or_changes_the_domain_does_no_harm(mailing: int, position: int) -> None:
    made = Maker(RETURN_PATH).make(mailing, position)
    local = made.rpartition("@")[0]
    for spelling in (made.upper(), f"<{made}>", f" {made} ", f"{local}@mx.interne"):
        assert verp.read(spelling) == Origin(mailing, position)


@given(numbers, numbers, st.data())
def test_a_return_path_with_one_digit_changed_is_nobodys(mailing: int, position: int, data: st.DataObject) -> None:
    token = verp.token_of(Maker(RETURN_PATH).make(mailing, position))
    at = data.draw(st.integers(2, len(token) - 1))
    other = data.draw(st.sampled_from("0123456789abcdef").filter(lambda digit: digit != token[at]))
    assert verp.read_token(token[:at] + other + token[at + 1 :]) is None


@given(st.text(max_size=100) | st.from_regex(r"rebonds\+[bp]-[0-9a-f]{36}@retour\.example\.org", fullmatch=True))
def test_what_we_did_not_sign_is_nobodys(address: str) -> None:
    assert verp.read(address) is None


def test_the_two_kinds_are_not_exchanged_for_one_another() -> None:
    bulk, post = Maker(RETURN_PATH).make(0, 7), Maker(RETURN_PATH).post(7)
    assert verp.read(bulk.replace("+b-", "+p-")) is None
    assert verp.read(post.replace("+p-", "+b-")) is None


def test_a_retired_secret_still_counts_and_signs_nothing_new(settings: Any) -> None:
    settings.SECRET_KEY = "the first secret"
    old = Maker(RETURN_PATH).make(1, 2)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "the second secret", ["the first secret"]
    assert verp.read(old) == Origin(1, 2)
    assert Maker(RETURN_PATH).make(1, 2) != old
    settings.SECRET_KEY_FALLBACKS = []
    assert verp.read(old) is None


def test_a_return_path_that_cannot_be_signed_is_refused_with_its_setting() -> None:
    longest = "r" * verp.LONGEST_LOCAL
    assert len(Maker(f"{longest}@example.org").make(2**32 - 1, 2**32 - 1).rpartition("@")[0]) == 64
    with pytest.raises(ReturnPathError, match=f"KIT_RETURN_PATH.*{verp.LONGEST_LOCAL}"):
        Maker(f"r{longest}@example.org")
    with pytest.raises(ReturnPathError, match="KIT_RETURN_PATH"):
        Maker("rebonds")


def test_the_mail_that_unsubscribes_names_who_and_what() -> None:
    who = uuid4()
    token = tokens.make("unsubscribe", "essai", who)
    mailto = verp.unsubscribe_mailto(RETURN_PATH, token)
    assert mailto == f"mailto:rebonds+quitter@retour.example.org?subject=unsubscribe%20{token}"
    assert verp.is_unsubscribe_address("Rebonds+Quitter@retour.example.org")
    (found,) = verp.unsubscribe_tokens_in(f"Re: unsubscribe {token}")
    assert verp.read_unsubscribe(found) == tokens.Token("essai", who)
    assert verp.read_unsubscribe(tokens.make("preferences", "essai", who, now=NOW)) is None
