"""Taking what a form or the API was given. It costs one row, whatever is known of the address, so that no answer tells."""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from pipeline import broker
from pipeline.audience import consent
from pipeline.audience.addresses import Address
from pipeline.audience.consent import Proof
from pipeline.audience.models import SignUp
from pipeline.audience.wishes import Profile, Wish, packed
from pipeline.release import revisions
from pipeline.release.letters import Press
from pipeline.season import schema
from pipeline.season.season import Season

TASK = "pipeline.tasks.answer"


def is_open(season: Season, press: Press) -> bool:
    """True where people can sign up: somebody answers for the mails, or they stay on this machine."""
    return press.here or not schema.publisher_faults(season)


def open_seasons(press: Press) -> dict[str, Season]:
    """The seasons that run and that people can sign up to, by name."""
    return {name: season for name, season in revisions.active_seasons().items() if is_open(season, press)}


def sign_up(season: Season, address: Address, wish: Wish, profile: Profile, proof: Proof, *, now: dt.datetime) -> None:
    """Someone asks for the season at this address. What comes of it, only the mailbox learns."""
    row = _row(season, address, proof, now)
    row.choice, row.themes, row.rhythm = wish.choice, packed(wish.themes), wish.rhythm
    row.name, row.organisation = profile.name, profile.organisation
    row.role, row.territory, row.department = profile.role, profile.territory, profile.department
    _take(row)


def ask_link(season: Season, address: Address, proof: Proof, *, now: dt.datetime) -> None:
    """Someone asks for a fresh link to their preferences."""
    row = _row(season, address, proof, now)
    row.wants = SignUp.Wants.LINK
    _take(row)


def _row(season: Season, address: Address, proof: Proof, now: dt.datetime) -> SignUp:
    return SignUp(
        season=season.name,
        mailbox=address.mailbox,
        key=address.key,
        source=proof.source,
        text_version=proof.text_version,
        form=proof.form,
        ip_truncated=consent.truncated(proof.ip),
        at=now,
    )


def _take(row: SignUp) -> None:
    with transaction.atomic():
        row.save()
        broker.wake_on_commit(TASK, "transactional")
