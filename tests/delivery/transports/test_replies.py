"""Replies as they arrive: in pieces, together, with odd line ends, or not at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.delivery.transports.replies import MAX_LINE, MAX_LINES, ProtocolError, Replies, Reply, plain

CODES = st.builds(lambda a, b, c: a * 100 + b * 10 + c, st.integers(2, 5), st.integers(0, 5), st.integers(0, 9))
WORDS = st.lists(
    st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=40), min_size=1, max_size=4
)
SPOKEN = st.lists(st.tuples(CODES, WORDS), min_size=1, max_size=5)


def wire(spoken: list[tuple[int, list[str]]], end: bytes) -> bytes:
    return b"".join(
        b"%d%b%b" % (code, b"-" if at < len(lines) - 1 else b" ", line.encode()) + end
        for code, lines in spoken
        for at, line in enumerate(lines)
    )


def read(pieces: list[bytes]) -> list[Reply]:
    replies, found = Replies(), []
    for piece in pieces:
        replies.feed(piece)
        while (reply := replies.next()) is not None:
            found.append(reply)
    return found


def cut(data: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({at % (len(data) + 1) for at in places} | {len(data)})
    return [data[start:end] for start, end in zip([0, *ends], ends, strict=False)]


@given(SPOKEN, st.sampled_from([b"\r\n", b"\n", b"\r\r\n", b"\r\r\r\n"]), st.lists(st.integers(0, 1000), max_size=30))
def test_replies_are_the_same_however_they_are_cut(
    spoken: list[tuple[int, list[str]]], end: bytes, places: list[int]
) -> None:
    expected = [Reply(code, tuple(line.encode() for line in lines)) for code, lines in spoken]
    data = wire(spoken, end)
    assert read(cut(data, places)) == expected
    assert read([data[at : at + 1] for at in range(len(data))]) == expected


@given(SPOKEN)
def test_lines_that_end_in_cr_alone_are_read_once_something_follows(spoken: list[tuple[int, list[str]]]) -> None:
    data = wire(spoken, b"\r")
    found = read([data, b"\n"])
    assert [(one.code, one.lines) for one in found] == [
        (code, tuple(x.encode() for x in lines)) for code, lines in spoken
    ]


@given(st.lists(st.binary(max_size=50), max_size=40))
def test_whatever_comes_is_read_or_refused_within_bounds(pieces: list[bytes]) -> None:
    replies = Replies()
    try:
        for piece in pieces:
            replies.feed(piece)
            while (reply := replies.next()) is not None:
                assert 200 <= reply.code <= 559
    except ProtocolError:
        return
    assert replies.next() is None


@pytest.mark.parametrize(
    "data",
    [
        b"hello\r\n",
        b"\x00\xff\r\n",
        b"25 ok\r\n",
        b"999 what\r\n",
        b"2500 ok\r\n",
        b"250_ok\r\n",
        b"250-one\r\n251 two\r\n",
        b"250 " + b"x" * MAX_LINE + b"\r\n",
        b"250 " + b"x" * (MAX_LINE + 1),
        b"250-more\r\n" * (MAX_LINES + 1),
        b"hello\rworld",
    ],
)
def test_what_is_no_reply_is_refused(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        read([data])


def test_blank_lines_between_replies_do_not_count() -> None:
    assert [one.code for one in read([b"\r\n250 one\r\n\r\n\n251 two\r\n"])] == [250, 251]


@pytest.mark.parametrize(
    ("line", "enhanced"),
    [(b"5.1.1 no", "5.1.1"), (b"4.1.1 no", ""), (b"5.1.1.1 no", ""), (b"no 5.1.1", ""), (b"5.7.26", "5.7.26")],
)
def test_an_enhanced_code_is_believed_where_it_agrees(line: bytes, enhanced: str) -> None:
    assert Reply(550, (line,)).enhanced == enhanced


@given(st.text())
def test_words_of_others_are_shown_on_one_line(text: str) -> None:
    shown = plain(text)
    assert len(shown) <= 500
    assert not set(shown) & {"\n", "\r", "\x1b", "\u2028", "\u202e"}
