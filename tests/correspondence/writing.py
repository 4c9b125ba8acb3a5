"""A season that people write to, and the mailboxes in which its answers arrive."""

from __future__ import annotations

import datetime as dt
import email
import email.policy
import re
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import urlsplit

from pipeline.audience.addresses import parse
from pipeline.audience.consent import Proof
from pipeline.audience.models import Person, Subscription
from pipeline.audience.tokens import Purpose, Token, read
from pipeline.audience.wishes import Profile, Wish
from pipeline.correspondence import answering, confirming, reception
from pipeline.delivery import outbox
from pipeline.release import revisions
from pipeline.season.season import Season
from tests.stage import Stage, stage

PROOF = Proof("formulaire", "2020-01-01", "inscription", "192.0.2.77")


@dataclass
class Office:
    """The stage, and what is done at it by those who write."""

    stage: Stage

    @property
    def season(self) -> Season:
        return revisions.active_seasons()[self.stage.season]

    def sign_up(self, address: str = "ada@commune.example", wish: Wish | None = None, **profile: str) -> None:
        asked = wish or Wish("tout")
        reception.sign_up(self.season, parse(address), asked, Profile(**profile), PROOF, now=self.stage.now)

    def answer(self) -> int:
        """What the workers do: answer, then send."""
        answered = answering.answer(self.stage.press, now=self.stage.now)
        while outbox.run(self.stage.desk, seconds=60):
            pass
        return answered

    def confirmed(self, address: str = "ada@commune.example", wish: Wish | None = None) -> Person:
        self.sign_up(address, wish)
        self.answer()
        person = Person.objects.get(key=address)
        confirming.confirm(self.stage.season, person.public_id, now=self.stage.now)
        self.answer()
        return person

    def later(self, **span: float) -> None:
        self.stage.now += dt.timedelta(**span)

    def mails(self, to: str = "") -> list[EmailMessage]:
        """What arrived, oldest first; to one address, or to all."""
        files = sorted((self.stage.folder / "mailbox" / "new").iterdir(), key=lambda path: path.stat().st_mtime_ns)
        found = [email.message_from_bytes(path.read_bytes(), policy=email.policy.default) for path in files]
        return [one for one in found if isinstance(one, EmailMessage) and to in ("", str(one["X-Original-To"]))]

    def subjects(self, to: str = "") -> list[str]:
        return [str(one["Subject"]) for one in self.mails(to)]


def office(folder: Path, **options: object) -> Office:
    made = Office(stage(folder, people=0, **options))  # type: ignore[arg-type]
    (folder / "mailbox" / "new").mkdir(parents=True, exist_ok=True)
    return made


def text(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def markup(mail: EmailMessage) -> str:
    body = mail.get_body(("html",))
    assert body is not None
    return str(body.get_content())


PATHS: dict[Purpose, str] = {
    "confirm": "confirmation",
    "preferences": "preferences",
    "unsubscribe": "desabonnement",
    "move": "changement-adresse",
    "renew": "renouvellement",
    "canary": "l",
}


def link(mail: EmailMessage, purpose: Purpose, *, now: dt.datetime, part: str = "text") -> Token:
    """What the link of this purpose in a mail names; it has to be there, and ours."""
    body = text(mail) if part == "text" else markup(mail)
    paths = [urlsplit(one).path for one in re.findall(r"https?://[^\s\"<>]+", body)]
    (token,) = {path.split("/")[2] for path in paths if path.startswith(f"/{PATHS[purpose]}/")}
    return read(purpose, token, now=now)


def standing(address: str) -> Subscription:
    return Subscription.objects.get(person__key=address)
