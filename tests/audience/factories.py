"""People and subscriptions for tests, made as the room itself makes them."""

from __future__ import annotations

import datetime as dt
import io
from typing import Any

from pipeline.audience import consent, evidence, imports
from pipeline.audience.addresses import parse
from pipeline.audience.evidence import Details
from pipeline.audience.models import Consent, Person, Subscription
from pipeline.audience.wishes import Wish

SEASON = "essai-2031"
NOW = dt.datetime(2031, 3, 3, 8, 0, tzinfo=dt.UTC)
PROOF = consent.Proof(source="formulaire", text_version="1", form="inscription", ip="192.0.2.77")


def later(hours: float) -> dt.datetime:
    return NOW + dt.timedelta(hours=hours)


def asked(email: str = "ada@commune.example", season: str = SEASON, choice: str = "tout") -> Subscription:
    return consent.subscribe(parse(email), season, Wish(choice), PROOF, now=NOW)


def subscribed(email: str = "ada@commune.example", season: str = SEASON, choice: str = "tout") -> Person:
    person = asked(email, season, choice).person
    consent.confirm(season, person.public_id, now=NOW, ip="2001:db8:1:2::3")
    return person


def plan(text: str | bytes, consent_source: str | None = "registre 2030", **options: Any) -> imports.Plan:
    raw = text if isinstance(text, bytes) else text.encode()
    return imports.read(io.BytesIO(raw), consent_source=consent_source or "", path="liste.csv", now=later(0), **options)


def said(entry: Consent) -> Details:
    """What an entry of the ledger says, opened."""
    details = evidence.read(entry, entry.person)
    assert details is not None
    return details
