"""The Maildir of a rehearsal, and of an installation without a server."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.delivery.transports import TransportUnavailable, open_transport
from pipeline.delivery.transports.base import OpenGate
from tests.letters import letters


def test_a_mailbox_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TransportUnavailable):
        list(open_transport(f"file://{tmp_path}/file/box").deliver(letters(1), OpenGate()))


def test_a_mail_in_the_mailbox_names_its_envelope(tmp_path: Path) -> None:
    list(open_transport(f"file://{tmp_path}/box?fsync=no").deliver(letters(1), OpenGate()))
    (path,) = (tmp_path / "box/new").iterdir()
    assert path.read_bytes().startswith(b"Return-Path: <kit@example.org>\nX-Original-To: a1@example.org\nDate:")
    assert b"\r" not in path.read_bytes()
    assert list((tmp_path / "box/tmp").iterdir()) == []
