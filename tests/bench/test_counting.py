"""The counting sink: it counts what a client was told is taken, however the bytes arrive."""

from __future__ import annotations

import asyncio
import smtplib
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from pipeline.bench import sinks
from pipeline.bench.counting import Conversation, Tally
from pipeline.bench.sinks import Taken

SESSION = (
    b"EHLO here\r\n"
    b"MAIL FROM:<a@example.org>\r\nRCPT TO:<One@example.org>\r\nDATA\r\n"
    b"DKIM-Signature: v=1\r\nMessage-ID: <1@example.org>\r\n\r\n..a line\r\nMessage-ID: <no@example.org>\r\n.\r\n"
    b"MAIL FROM:<a@example.org>\r\nRCPT TO:<two@example.org>\r\nDATA\r\n"
    b"message-id:\r\n <2@example.org>\r\n\r\n.\r\n"
    b"MAIL FROM:<>\r\nRCPT TO:<two@example.org>\r\nDATA\r\n.\r\n"
    b"MAIL FROM:<>\r\nRSET\r\nRCPT TO:<three@example.org>\r\nDATA\r\nQUIT\r\n"
)
REPLIES = [220, 250, 250, 250, 354, 250, 250, 250, 354, 250, 250, 250, 354, 250, 250, 250, 503, 503, 221]


class Written(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.data = b""
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.data += bytes(data)

    def close(self) -> None:
        self.closed = True


@given(st.lists(st.integers(1, len(SESSION) - 1), unique=True).map(sorted))
def test_the_tally_and_the_replies_do_not_depend_on_how_the_bytes_are_cut(cuts: list[int]) -> None:
    tally, wire = Tally(), Written()
    conversation = Conversation(tally)
    conversation.connection_made(wire)
    for start, end in zip([0, *cuts], [*cuts, len(SESSION)], strict=True):
        conversation.data_received(SESSION[start:end])
    lines = [line for line in wire.data.split(b"\r\n") if line and line[3:4] != b"-"]
    assert [int(line[:3]) for line in lines] == REPLIES
    assert wire.closed
    assert tally.recipients == {b"one@example.org", b"two@example.org"}
    assert tally.ids == {b"<1@example.org>", b"<2@example.org>", b""}
    assert (tally.messages, tally.signed) == (3, 1)


def test_a_message_sent_twice_is_told_from_two_messages(tmp_path: Path) -> None:
    with sinks.counting(tmp_path) as sink:
        with smtplib.SMTP(sink.host, sink.port) as client:
            for number in (1, 2, 2):
                to = f"p{number}@example.org"
                client.sendmail("a@example.org", [to], f"Message-ID: <{number}@example.org>\r\n\r\nhello\r\n")
        assert sink.counted() == Taken(messages=3, signed=0, recipients=2, ids=2)
