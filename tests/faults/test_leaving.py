"""Who leaves, moves or is erased by the web while a large mailing goes out: after the page's 200 nothing is written to that mailbox."""

from __future__ import annotations

import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest

from pipeline.audience import tokens
from pipeline.environment import read, secret_key
from tests.faults.test_processes import LAUNCH, SECONDS
from tests.installation import Installation
from tests.smtp_sink import Behaviour, Sink

pytestmark = pytest.mark.processes
PEOPLE = 3_000


class Web:
    """The links of this installation's mails, and pressing their buttons."""

    def __init__(self, kit: Installation) -> None:
        self._kit = kit
        self._key = secret_key(read(kit.environ)).encode()

    def token(self, purpose: tokens.Purpose, who: UUID) -> str:
        return tokens.make(purpose, "essai", who, now=LAUNCH, key=self._key)

    def post(self, path: str, **fields: str) -> float:
        """Post a form; return when (monotonic) the 200 had come."""
        url, body = self._kit.environ["KIT_BASE_URL"] + path, urllib.parse.urlencode(fields).encode()
        with urllib.request.urlopen(urllib.request.Request(url, data=body), timeout=30) as answer:
            answer.read()
            assert answer.status == 200
        return time.monotonic()

    def leave(self, who: UUID, _: str) -> float:
        return self.post(f"/desabonnement/{self.token('unsubscribe', who)}/", **{"List-Unsubscribe": "One-Click"})

    def erase(self, who: UUID, _: str) -> float:
        return self.post(f"/preferences/{self.token('preferences', who)}/effacement/", confirm="oui")

    def move(self, who: UUID, new: str) -> float:
        """Ask in the preferences, confirm from the new mailbox."""
        self.post(f"/preferences/{self.token('preferences', who)}/", action="move", email=new)
        (move,) = self._kit.rows(f"select public_id from audience_move where mailbox = '{new}'")[0]
        return self.post(f"/changement-adresse/{self.token('move', UUID(move))}/")


def last_waiting(kit: Installation, sink: Sink, since: dict[str, float]) -> tuple[UUID, str]:
    """Somebody who is far back on the list and has not been written to."""
    met = {to for _, to in list(sink.envelopes)} | since.keys()
    rows = kit.rows("select public_id, address from delivery_recipient order by position desc")
    who, address = next(
        (who, address) for who, address in rows if address and address not in met and "nouvelle" not in address
    )
    return UUID(who), address


def test_nothing_is_written_after_the_200_to_who_left_moved_or_was_erased(tmp_path: Path) -> None:
    # Without pipelining each MAIL FROM is written when the server has answered the dot before it: when it came is when it was written.
    with (
        Sink(Behaviour(pipelining=False, slow=0.02)) as sink,
        Installation(tmp_path, sink.url, wall=LAUNCH - 60 * SECONDS) as kit,
    ):
        kit.season(people=PEOPLE)
        kit.serve()
        kit.set_wall(LAUNCH - 2 * SECONDS)
        kit.wait(lambda: len(sink.envelopes) > 50, 60, "nothing goes out")
        web = Web(kit)
        ways: dict[str, Callable[[UUID, str], float]] = {"leave": web.leave, "erase": web.erase, "move": web.move}
        since: dict[str, float] = {}
        moved: dict[str, str] = {}
        for turn in range(5):
            for name, way in ways.items():
                who, address = last_waiting(kit, sink, since)
                new = f"nouvelle-{turn}@essai.example"
                since[address] = way(who, new)
                if name == "move":
                    moved[address] = new
        assert kit.scalar("select state from delivery_mailing") == "sending", (
            "the mailing was over too soon to show anything"
        )
        kit.wait(lambda: kit.scalar("select state from delivery_mailing") == "done", 120, "not finished")
        assert [(to, at - since[to]) for at, to in sink.envelopes if to in since and at > since[to]] == []
        assert len(since) == 15
        got = sink.counts()
        newsletters = [m for m in sink.messages if b"List-Id" in m["content"]]
        assert sorted(m["to"] for m in newsletters if "nouvelle" in m["to"]) == sorted(moved.values())
        assert all(got[address] == 0 for address in since if address not in moved)
        assert len(newsletters) == PEOPLE - 10
