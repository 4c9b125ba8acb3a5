"""A mail that was laid out comes apart again as it was."""

from __future__ import annotations

import datetime as dt
from email.message import EmailMessage
from email.policy import SMTP

from hypothesis import given
from hypothesis import strategies as st

from pipeline.compose.message import Envelope, lay
from pipeline.delivery.transports.unpacking import unpack

LINE = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=60)
WORDS = st.lists(LINE, min_size=1, max_size=8).map(" ".join)
BODY = st.lists(WORDS, min_size=1, max_size=8).map("\n".join)


def heading(**changes: str) -> Envelope:
    return Envelope(
        sender_name=changes.get("name", "Réseau"),
        sender_address="kit@example.org",
        reply_to="equipe@example.org",
        subject=changes.get("subject", "Été"),
        date=dt.datetime(2020, 1, 22, 8, tzinfo=dt.UTC),
        list_name=changes.get("listed", "Le kit"),
        list_id="kit.example.org",
        unsubscribable=True,
        language="fr",
    )


def laid(envelope: Envelope, text: str = "Bonjour\n", markup: str = "<p>Bonjour</p>\n") -> bytes:
    values = {"to": "a@example.org", "message_id": "<1@example.org>", "list_unsubscribe": "https://kit.example.org/x"}
    return lay(envelope, text, markup).render(values)


@given(WORDS, BODY, BODY)
def test_subject_text_and_html_come_back_as_they_were(subject: str, text: str, markup: str) -> None:
    message = unpack(laid(heading(subject=subject), text + "\n", markup + "\n"), "a@example.org")
    assert message.subject == subject
    assert message.body.strip("\n") == text.strip("\n")
    ((content, kind),) = message.alternatives
    assert (content.strip("\n"), kind) == (markup.strip("\n"), "text/html")


@given(WORDS)
def test_no_header_holds_a_line_end_or_a_byte_beyond_ascii(listed: str) -> None:
    for narrow in (True, False):
        headers = unpack(laid(heading(listed=listed)), "a@example.org", ascii_headers=narrow).extra_headers
        assert set(headers) == {"Message-ID", "List-Id", "List-Unsubscribe", "List-Unsubscribe-Post", "Precedence"}
        assert headers["List-Id"].endswith("<kit.example.org>")
        for value in headers.values():
            assert value.isascii()
            assert value.isprintable()
        assert "=?" not in headers["List-Id"] or not narrow


def test_what_only_the_writer_of_the_bytes_can_write_is_left_to_it() -> None:
    signed = b"DKIM-Signature: v=1; a=rsa-sha256\r\nReturn-Path: <x@example.org>\r\n" + laid(heading())
    kept = {name.lower() for name in unpack(signed, "a@example.org").extra_headers}
    assert not kept & {"dkim-signature", "return-path", "date", "mime-version", "from", "to", "subject", "content-type"}


def test_the_recipient_alone_is_written_to_and_keeps_its_name() -> None:
    message = EmailMessage(policy=SMTP)
    message["From"], message["Cc"] = "kit@example.org", "other@example.org"
    message["To"] = "Zoé <a@example.org>, b@example.org"
    message.set_content("Bonjour")
    assert unpack(message.as_bytes(), "a@example.org").recipients() == ["Zoé <a@example.org>"]
    assert unpack(message.as_bytes(), "c@example.org").recipients() == ["c@example.org"]


def test_an_image_within_the_mail_keeps_its_name_for_the_html() -> None:
    message = EmailMessage(policy=SMTP)
    message["From"], message["To"] = "kit@example.org", "a@example.org"
    message.set_content("Bonjour")
    message.add_alternative('<img src="cid:logo">', subtype="html")
    message.get_payload()[1].add_related(b"PNG", "image", "png", cid="<logo>")
    (image,) = unpack(message.as_bytes(), "a@example.org").attachments
    assert (image.get_content_type(), image["Content-ID"], image.get_payload(decode=True)) == (
        "image/png",
        "<logo>",
        b"PNG",
    )
