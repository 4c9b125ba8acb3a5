"""What is no request of the API is answered by a problem (RFC 9457), never by a page."""

from __future__ import annotations

import pytest

from pipeline.web.api.guard import LONGEST
from tests.web.api.serving import JSON, Answer, Asker, Stranger

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)

PATH = "/confirmations"


def is_problem(answer: Answer, status: int) -> bool:
    """A problem of this status that says in French what is wrong, and whose answer keeps nothing and sets no cookie."""
    told = answer.json
    return (
        answer.status == told["status"] == status
        and answer.headers["Content-Type"] == "application/problem+json"
        and answer.headers["Cache-Control"] == "private, no-store"
        and "Set-Cookie" not in answer.headers
        and told["type"] == "about:blank"
        and bool(told["title"] and told["detail"].endswith("."))
    )


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"'a'",
        b"\xff\xfe",
        b"\xef\xbb\xbf{}",
        b"[" * (LONGEST - 1),
        b'{"token": "a}',
        b"NaN",
        '{"token": "é"}'.encode("utf-16"),
    ],
    ids=["cut", "quotes", "no text", "mark", "deep", "open", "no number", "utf-16"],
)
def test_what_is_no_json_is_malformed(stranger: Stranger, body: bytes) -> None:
    assert is_problem(stranger.send("POST", PATH, body, Content_Type=JSON), 400)


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"3", b'"token"', b'{"token": 1e999}', b"{}"])
def test_json_of_another_form_is_refused(stranger: Stranger, body: bytes) -> None:
    assert is_problem(stranger.send("POST", PATH, body, Content_Type=JSON), 422)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", "json"])
def test_anything_but_json_is_not_read(stranger: Stranger, kind: str) -> None:
    assert is_problem(stranger.send("POST", PATH, b'{"token": "a"}', Content_Type=kind), 415)


def test_json_may_say_its_encoding(stranger: Stranger) -> None:
    answer = stranger.send("POST", PATH, b'{"token": "a"}', Content_Type=f"{JSON}; charset=utf-8")
    assert is_problem(answer, 404)


def test_a_body_that_is_too_long_is_not_read(stranger: Stranger) -> None:
    padded = b'{"token": "a"}'.ljust(LONGEST)
    assert is_problem(stranger.send("POST", PATH, padded, Content_Type=JSON), 404)
    assert is_problem(stranger.send("POST", PATH, padded + b" ", Content_Type=JSON), 413)


@pytest.mark.parametrize("path", ["", "/", "/nothing", "/seasons/", "/seasons/a/b/c", "/docs", "/seasons/%00"])
def test_nothing_stands_at_another_address(stranger: Stranger, path: str) -> None:
    assert is_problem(stranger.get(path or "/"), 404)


def test_another_method_is_told_which_there_are(stranger: Stranger) -> None:
    answer = stranger.send("PUT", "/preferences")
    assert is_problem(answer, 405)
    assert answer.headers["Allow"] == "DELETE, GET, HEAD, PATCH"
    assert is_problem(stranger.send("POST", "/openapi.json", b"a=1", Content_Type="text/plain"), 405)


def test_the_head_of_an_answer_can_be_asked_for(stranger: Stranger) -> None:
    whole, head = stranger.get("/seasons"), stranger.send("HEAD", "/seasons")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["Content-Length"] == str(len(whole.body))


def test_no_cookie_is_asked_for_or_set(asker: Asker) -> None:
    answers = [asker.get("/seasons"), asker.subscribe(), asker.get("/openapi.json"), asker.get("/preferences")]
    assert [one.status for one in answers] == [200, 202, 200, 401]
    assert all("Set-Cookie" not in one.headers and "Cookie" not in one.headers.get("Vary", "") for one in answers)
