from __future__ import annotations

import datetime as dt
import re
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pipeline.audience.tokens import LIFETIMES, PURPOSES, ExpiredError, Maker, Purpose, Token, TokenError, make, read

NOW = dt.datetime(2031, 3, 3, 8, 20, tzinfo=dt.UTC)
SIGNS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
KEY = b"k" * 32

purposes = st.sampled_from(sorted(PURPOSES))
seasons = st.text(st.characters(exclude_categories=["Cs"]), max_size=50)


@given(purposes, seasons, st.uuids())
def test_a_token_gives_back_what_it_was_made_of(purpose: Purpose, season: str, who: UUID) -> None:
    token = make(purpose, season, who, now=NOW, key=KEY)
    assert re.fullmatch(r"[A-Za-z0-9_-]+", token)
    assert read(purpose, token, now=NOW, key=KEY) == Token(season, who)
    assert Maker(purpose, season, now=NOW, key=KEY).make(who) == token


@given(purposes, purposes, seasons, st.uuids())
def test_a_token_of_one_purpose_says_nothing_for_another(
    made: Purpose, wanted: Purpose, season: str, who: UUID
) -> None:
    assume(made != wanted)
    with pytest.raises(TokenError):
        read(wanted, make(made, season, who, now=NOW, key=KEY), now=NOW, key=KEY)


@given(purposes, seasons, st.uuids(), st.data())
def test_a_token_with_one_sign_changed_is_refused(
    purpose: Purpose, season: str, who: UUID, data: st.DataObject
) -> None:
    token = make(purpose, season, who, now=NOW, key=KEY)
    at = data.draw(st.integers(0, len(token) - 1))
    sign = data.draw(st.sampled_from(SIGNS).filter(lambda sign: sign != token[at]))
    with pytest.raises(TokenError):
        read(purpose, token[:at] + sign + token[at + 1 :], now=NOW, key=KEY)


@given(st.text(max_size=500) | st.text(SIGNS, min_size=44, max_size=120))
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(TokenError):
        read("confirm", text, now=NOW, key=KEY)


@given(seasons, st.uuids(), st.sampled_from(["=", "A", "\n", " ", "é", "\0"]))
def test_nothing_may_stand_before_or_after_a_token(season: str, who: UUID, more: str) -> None:
    token = make("confirm", season, who, now=NOW, key=KEY)
    for text in (token + more, more + token, token[:-1]):
        with pytest.raises(TokenError):
            read("confirm", text, now=NOW, key=KEY)


def test_two_secrets_make_two_tokens() -> None:
    who = uuid4()
    assert make("confirm", "s", who, now=NOW, key=b"a") != make("confirm", "s", who, now=NOW, key=b"b")


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
        Maker("confirm", "é" * 121, now=NOW, key=KEY)
    longest = "é" * 120
    assert read("confirm", make("confirm", longest, uuid4(), now=NOW, key=KEY), now=NOW, key=KEY).season == longest


@given(st.sampled_from(sorted(LIFETIMES)), st.timedeltas(dt.timedelta(), dt.timedelta(days=400)))
def test_a_token_works_for_its_lifetime_and_then_only_says_whose_it_was(purpose: Purpose, age: dt.timedelta) -> None:
    who = uuid4()
    token = make(purpose, "s", who, now=NOW, key=KEY)
    if age <= LIFETIMES[purpose]:
        assert read(purpose, token, now=NOW + age, key=KEY) == Token("s", who)
    elif age > LIFETIMES[purpose] + dt.timedelta(hours=1):
        with pytest.raises(ExpiredError) as expired:
            read(purpose, token, now=NOW + age, key=KEY)
        assert expired.value.token == Token("s", who)


def test_a_link_to_unsubscribe_works_for_ever() -> None:
    who = uuid4()
    token = make("unsubscribe", "s", who, key=KEY)
    assert read("unsubscribe", token, now=NOW + dt.timedelta(days=36_500), key=KEY) == Token("s", who)


@pytest.mark.parametrize("purpose", sorted(LIFETIMES))
def test_what_expires_is_neither_made_nor_read_without_the_time(purpose: Purpose) -> None:
    with pytest.raises(ValueError, match="when it was made"):
        make(purpose, "s", uuid4(), key=KEY)
    with pytest.raises(ValueError, match="depends on the time"):
        read(purpose, make(purpose, "s", uuid4(), now=NOW, key=KEY), key=KEY)
