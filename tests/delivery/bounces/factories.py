"""Mailings that went out to people, and the reports that come back about them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from pipeline.audience import tokens
from pipeline.audience.models import Person
from pipeline.delivery.bounces import intake
from pipeline.delivery.bounces.intake import Taken
from pipeline.delivery.bounces.verp import Maker
from pipeline.delivery.models import Mailing, Recipient
from tests.audience.factories import NOW, SEASON, subscribed
from tests.delivery.bounces import corpus

RETURN_PATH = "rebonds@retour.example.org"
READER = corpus.READER


@dataclass(frozen=True)
class Posting:
    """One message that was sent: its mailing, its place, whom it went to."""

    mailing: Mailing
    position: int
    person: Person

    @property
    def verp(self) -> str:
        return Maker(RETURN_PATH).make(self.mailing.pk, self.position)

    @property
    def leave(self) -> str:
        return tokens.make("unsubscribe", self.mailing.season, self.person.public_id)

    def mail(self, sample: corpus.Sample, *, again: str = "") -> bytes:
        """The sample, about this message; ``again`` makes another report of the same."""
        raw = corpus.filled(sample, verp=self.verp, leave=self.leave)
        return f"Message-ID: <{again}@mx.example>\r\n".encode() + raw if again else raw

    def report(self, sample: corpus.Sample, *, now: dt.datetime = NOW, again: str = "") -> Taken:
        to = self.verp if sample.to == corpus.VERP else sample.to
        return intake.take(self.mail(sample, again=again), [to], now=now)


def reader(email: str = READER) -> Person:
    return subscribed(email)


def posted(person: Person, *, name: str = "essai/1", position: int = 1, at: dt.datetime = NOW) -> Posting:
    """A mailing whose list holds ``person``."""
    mailing, _ = Mailing.objects.get_or_create(
        name=name,
        defaults={
            "season": SEASON, "kind": "release", "subject": "Carnet", "sender": RETURN_PATH, "domain": "essai.org",
            "base_url": "https://essai.org", "compiled": b"", "frozen": 1, "cutoff": at, "created_at": at,
        },
    )  # fmt: skip
    Recipient.objects.create(
        mailing=mailing, position=position, person=person.pk, public_id=person.public_id, address=person.email
    )
    return Posting(mailing, position, person)


def sample(name: str) -> corpus.Sample:
    return next(one for one in corpus.ALL if one.name == name)


DEAD = sample("postfix, no such user")
FULL = sample("postfix, mailbox full")
POLICY = sample("postfix, refused for policy")
