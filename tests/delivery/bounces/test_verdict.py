"""What a mail that came back means: every shape of the corpus, and whatever a stranger may write."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.delivery.bounces import report, verdict
from pipeline.delivery.bounces.verdict import Verdict, judge
from tests.delivery.bounces import corpus
from tests.delivery.bounces.corpus import LEAVE, READER, VERP, Sample


def judged(sample: Sample) -> Verdict:
    return judge(corpus.filled(sample), to=sample.to, address=sample.address)


@pytest.mark.parametrize("sample", corpus.ALL, ids=lambda sample: sample.name)
def test_every_shape_has_its_verdict(sample: Sample) -> None:
    told = judged(sample)
    assert (told.kind, told.meaning, told.enhanced, told.why) == (
        sample.kind,
        sample.meaning,
        sample.enhanced,
        sample.why,
    )


@pytest.mark.parametrize("sample", corpus.COMPLAINTS[:5], ids=lambda sample: sample.name)
def test_a_complaint_names_the_message_before_the_person(sample: Sample) -> None:
    told = judged(sample)
    assert told.tokens[0] == VERP.partition("+")[2].partition("@")[0]
    assert LEAVE in told.tokens


def test_the_servers_words_are_kept_on_one_line() -> None:
    told = judged(corpus.MAILBOXES[0])
    assert told.code == 550
    assert told.text.startswith("550 5.1.1 <jeanne.martin@commune.example>: Recipient address rejected")


def test_without_knowing_whom_it_went_to_a_dead_address_is_believed() -> None:
    sample = corpus.MAILBOXES[0]
    assert judge(sample.raw, to=VERP).kind == "hard"


def test_a_subject_may_be_folded_by_the_mail_program() -> None:
    raw = corpus.mail(f"From: a@b.example\nSubject: unsubscribe\n {LEAVE}\n\n")
    assert judge(raw, to="rebonds+quitter@retour.example.org").tokens == (LEAVE,)


def test_only_the_first_megabyte_of_a_report_is_read() -> None:
    late = corpus.MAILBOXES[0].raw.replace(b"--=_b\r\nContent-Type: message/delivery-status", b"x" * report.LONGEST, 1)
    assert judge(late, to=VERP, address=READER).kind != "hard"
    followed = corpus.MAILBOXES[0].raw + b"x" * (9 * report.LONGEST)
    assert judge(followed, to=VERP, address=READER).kind == "hard"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\0" * 5000,
        b"\xff\xfe\n" * 500,
        b"Content-Type: message/rfc822\n\n" * 20_000,
        b"".join(b'Content-Type: multipart/mixed; boundary="%d"\n\n--%d\n' % (n, n) for n in range(20_000)),
        b"Content-Type: multipart/mixed; boundary=a\n\n" + b"--a\n\nx\n" * 100_000,
        b"From: mailer-daemon@a.example\n" + b"X: y\n" * 150_000 + b"\n",
        b"From: mailer-daemon@a.example\n\n" + b"<" * 500_000,
        b"From: mailer-daemon@a.example\nContent-Type: text/plain; charset=nonsense\n\n550 5.1.1\xff\n",
        b"Subject: " + b"=?utf-8?b?" * 50_000 + b"\n\n",
        b"Content-Type: message/delivery-status\nContent-Transfer-Encoding: base64\n\n=?=\n",
        b"Content-Type: message/delivery-status\n\nAction: failed\nFinal-Recipient: utf-8;\\x{D800}\\x{FFFFFF}@x\nStatus: 5.1.1\n",
    ],
    ids=lambda raw: repr(raw[:30]),
)
def test_nothing_that_a_stranger_writes_breaks_the_reading(raw: bytes) -> None:
    told = judge(raw, to=VERP, address=READER)
    assert told.kind in ("ignored", "soft")
    assert told.text.isprintable()


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(corpus.ALL),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 200), st.binary(max_size=30)), min_size=1, max_size=6),
)
def test_a_report_damaged_anywhere_is_still_read_without_a_fault(
    sample: Sample, damages: list[tuple[float, int, bytes]]
) -> None:
    raw = corpus.filled(sample)
    for where, length, put in damages:
        at = int(where * len(raw))
        raw = raw[:at] + put + raw[at + length :]
    told = judge(raw, to=sample.to, address=sample.address)
    assert told.kind in verdict.Kind.__args__  # type: ignore[attr-defined]
    assert told.text.isprintable()
    assert len(told.text) <= 500
    assert len(told.enhanced) <= 12


@given(st.binary(max_size=3000))
def test_bytes_of_no_mail_are_no_report(raw: bytes) -> None:
    assert judge(raw, to=VERP, address=READER).kind in ("ignored", "soft")
