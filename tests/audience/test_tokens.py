from __future__ import annotations

import re
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pipeline.audience.tokens import Maker, Purpose, Token, TokenError, make, read

PURPOSES: tuple[Purpose, ...] = ("unsubscribe", "preferences", "confirm")
SIGNS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
KEY = b"k" * 32

purposes = st.sampled_from(PURPOSES)
seasons = st.text(st.characters(exclude_categories=["Cs"]), max_size=50)


@given(purposes, seasons, st.uuids())
def test_a_token_gives_back_what_it_was_made_of(purpose: Purpose, season: str, who: UUID) -> None:
    token = make(purpose, season, who, key=KEY)
    assert re.fullmatch(r"[A-Za-z0-9_-]+", token)
    assert read(purpose, token, key=KEY) == Token(season, who)
    assert Maker(purpose, season, key=KEY).make(who) == token


@given(purposes, purposes, seasons, st.uuids())
def test_a_token_of_one_purpose_says_nothing_for_another(
    made: Purpose, wanted: Purpose, season: str, who: UUID
) -> None:
    assume(made != wanted)
    with pytest.raises(TokenError):
        read(wanted, make(made, season, who, key=KEY), key=KEY)


@given(seasons, st.uuids(), st.data())
def test_a_token_with_one_sign_changed_is_refused(season: str, who: UUID, data: st.DataObject) -> None:
    token = make("unsubscribe", season, who, key=KEY)
    at = data.draw(st.integers(0, len(token) - 1))
    sign = data.draw(st.sampled_from(SIGNS).filter(lambda sign: sign != token[at]))
    with pytest.raises(TokenError):
        read("unsubscribe", token[:at] + sign + token[at + 1 :], key=KEY)


@given(st.text(max_size=500) | st.text(SIGNS, min_size=44, max_size=120))
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(TokenError):
        read("confirm", text, key=KEY)


@given(seasons, st.uuids(), st.sampled_from(["=", "A", "\n", " ", "é", "\0"]))
def test_nothing_may_stand_before_or_after_a_token(season: str, who: UUID, more: str) -> None:
    token = make("confirm", season, who, key=KEY)
    for text in (token + more, more + token, token[:-1]):
        with pytest.raises(TokenError):
            read("confirm", text, key=KEY)


def test_two_secrets_make_two_tokens() -> None:
    who = uuid4()
    assert make("confirm", "s", who, key=b"a") != make("confirm", "s", who, key=b"b")


def test_a_retired_secret_still_opens_old_links_and_makes_no_new_ones(settings: Any) -> None:
    who = uuid4()
    settings.SECRET_KEY = "the first secret"
    old = make("unsubscribe", "s", who)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "the second secret", ["the first secret"]
    assert read("unsubscribe", old) == Token("s", who)
    assert make("unsubscribe", "s", who) != old
    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(TokenError):
        read("unsubscribe", old)


def test_a_season_that_does_not_fit_is_refused_when_the_token_is_made() -> None:
    with pytest.raises(ValueError, match="no token"):
        Maker("confirm", "é" * 121, key=KEY)
    longest = "é" * 120
    assert read("confirm", make("confirm", longest, uuid4(), key=KEY), key=KEY).season == longest
