"""The site as readers have it: the season of 2020 on the morning of its launch, served by `kit serve`, its mails taken by a sink."""

from __future__ import annotations

import contextlib
import datetime as dt
import email
import email.policy
import time
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from uuid import UUID

from pipeline.audience import tokens
from pipeline.release import addresses
from tests.installation import ROOT, Installation
from tests.smtp_sink import Sink

SEASON = "municipaless-2020"
LAUNCHED = dt.datetime(2020, 1, 22, 8, 1, tzinfo=dt.UTC)
_SECRET = "a secret key of this test, long enough"
_READERS = 16


class Site(Installation):
    """`readers`: the addresses that got the first release, less those that tests have taken."""

    def __init__(self, folder: Path, sink: Sink) -> None:
        super().__init__(folder, sink.url, wall=LAUNCHED)
        self.sink = sink
        self.base = self.environ["KIT_BASE_URL"]
        self.readers = [f"lecteur{number}@example.org" for number in range(1, _READERS + 1)]
        self.environ |= {
            "KIT_FICHES_DIR": str(ROOT / "fiches"),
            "KIT_SCHEDULES_DIR": str(ROOT / "schedules"),
            "KIT_SECRET_KEY": _SECRET,
        }

    def launch(self) -> None:
        """Return once the first release is published and everybody has its mail."""
        self.kit("apply", "--yes")
        self.kit("season", "activate", SEASON)
        people = self.folder / "people.csv"
        people.write_text("\n".join(("email,consent_source", *(f"{one},salon" for one in self.readers))) + "\n")
        self.kit("subscribers", "import", str(people))
        self.serve()
        self.wait(lambda: set(self.readers) <= set(self.sink.recipients), 60, "the launch is not out")

    @property
    def now(self) -> dt.datetime:
        """What the site's clock shows."""
        offset = float((self.folder / "offset").read_text())
        return dt.datetime.fromtimestamp(time.time() + offset, dt.UTC)

    def let_pass(self, seconds: float) -> None:
        """Move the site's clock: nobody has to wait for what takes a person some time."""
        self.set_wall(self.now + dt.timedelta(seconds=seconds))

    def reader(self) -> Reader:
        """Somebody who got the first release, and whom no other test uses."""
        return Reader(self, self.readers.pop())

    def newcomer(self, name: str) -> Reader:
        """Somebody whom the site does not know yet."""
        return Reader(self, f"{name}@example.org")


class Reader:
    """Somebody with a mailbox of their own."""

    def __init__(self, site: Site, address: str) -> None:
        self.site, self.address = site, address
        self._opened = 0

    def mail(self, seconds: float = 30) -> EmailMessage:
        """The oldest mail that was not opened yet; wait for it."""
        self.site.wait(lambda: len(self._mails()) > self._opened, seconds, f"no mail to {self.address}")
        content = self._mails()[self._opened]
        self._opened += 1
        return email.message_from_bytes(content, policy=email.policy.default)

    def _mails(self) -> list[bytes]:
        return [one["content"] for one in self.site.sink.messages if one["to"] == self.address]

    def confirm_path(self) -> str:
        """Where a confirmation mail would lead."""
        public_id = UUID(self.site.scalar(f"select public_id from audience_person where email = '{self.address}'"))
        token = tokens.make("confirm", SEASON, public_id, now=LAUNCHED, key=_SECRET.encode())
        return addresses.confirm_path(token)

    @property
    def status(self) -> str:
        """That of the subscription: `pending`, `active`, `ended`; empty for none."""
        joined = "audience_subscription s join audience_person p on p.id = s.person_id"
        return str(self.site.scalar(f"select s.status from {joined} where p.email = '{self.address}'") or "")


@contextlib.contextmanager
def launched(folder: Path) -> Iterator[Site]:
    with Sink() as sink, Site(folder, sink) as site:
        site.launch()
        yield site
