"""Endpoints and what happens to people, made as the rooms make them; and a courier whose clock the test moves."""

from __future__ import annotations

import datetime as dt

from pipeline import outward
from pipeline.audience import consent
from pipeline.audience.models import Person
from pipeline.delivery import fence
from pipeline.hooks import endpoints, sending
from pipeline.hooks.models import Endpoint
from pipeline.hooks.sending import Courier
from pipeline.release.audit import Actor
from tests.audience.factories import NOW, SEASON, subscribed

STAFF = Actor("staff", "équipe")
BASE = "https://kit.example.org"
SECONDS = dt.timedelta(seconds=1)


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> dt.datetime:
        return self.now

    def pass_(self, **time: float) -> None:
        self.now += dt.timedelta(**time)


def courier(clock: Clock, *, patience: float = 5) -> Courier:
    fence.arm_if_new("essai", now=NOW)
    return Courier("essai", BASE, outward.Caller(local=True, seconds=patience), clock)


def endpoint(url: str, *types: str, with_address: bool = False) -> tuple[Endpoint, str]:
    return endpoints.add(url, types, with_address=with_address, local=True, actor=STAFF, now=NOW)


def tell(carrying: Courier) -> int:
    """Tell all that is due now."""
    return sending.run(carrying, seconds=20)


def comes(email: str = "ada@commune.example") -> Person:
    return subscribed(email)


def leaves(person: Person, now: dt.datetime = NOW) -> None:
    consent.unsubscribe(SEASON, person.public_id, now=now, source="lien")
