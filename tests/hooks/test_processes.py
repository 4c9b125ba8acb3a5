"""Webhooks as an installation runs them: the shell commits, Redis wakes, a worker tells."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hooks.receiver import Receiver, Reply
from tests.installation import Installation

pytestmark = [pytest.mark.processes, pytest.mark.long]


def test_what_is_typed_in_a_shell_is_told_by_a_worker_and_again_after_a_failure(tmp_path: Path) -> None:
    with Receiver() as receiver, Installation(tmp_path, f"file://{tmp_path}/mailbox") as kit:
        kit.season(people=3)
        secret = kit.json("webhooks", "add", receiver.url, "--events", "subscription.ended")["secret"]
        kit.serve()
        kit.kit("subscribers", "erase", "p1@example.org", "--yes")
        kit.wait(lambda: len(receiver.taken) == 1, 20, "the worker told nobody")
        receiver.replies = [Reply(500)]
        kit.kit("subscribers", "erase", "p2@example.org", "--yes")
        kit.wait(lambda: kit.json("webhooks", "list")[0]["state"] == "failing", 20, "the failure is not known")
        kit.wait(lambda: kit.json("webhooks", "list")[0]["delivered"] == 2, 120, "it was not tried again")
        assert [one.json["data"]["why"] for one in receiver.taken] == ["erased"] * 3
        assert all(one.signed_with(secret) for one in receiver.taken)
        assert secret.removeprefix("whsec_") not in (tmp_path / "serve.log").read_text()
