"""What is done by itself, by the minute and by the hour."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from pipeline.audience.models import Consent, Person, Status
from pipeline.correspondence import tending
from pipeline.delivery.models import Outgoing
from pipeline.release.models import Plan
from pipeline.web.models import IdempotentRequest
from tests.correspondence.writing import Office, office, standing

ADA = "ada@commune.example"
pytestmark = pytest.mark.usefixtures("database")


def tend(desk: Office) -> None:
    tending.tend(desk.stage.press, months=24, now=desk.stage.now)


def test_entries_are_sealed_and_people_reminded_within_the_minute(tmp_path: Path) -> None:
    desk = office(tmp_path)
    desk.sign_up(ADA)
    desk.answer()
    desk.later(days=1)
    tend(desk)
    desk.answer()
    assert not Consent.objects.filter(seal__isnull=True).exists()
    assert len(desk.mails(ADA)) == 2


def test_by_the_hour_what_was_kept_long_enough_goes(tmp_path: Path) -> None:
    desk = office(tmp_path)
    desk.sign_up(ADA)
    desk.answer()
    IdempotentRequest.objects.create(name="a" * 64, fingerprint="b" * 64, status=202, body="", at=desk.stage.now)
    tend(desk)
    assert (Person.objects.count(), IdempotentRequest.objects.count()) == (1, 1)
    desk.later(days=31)
    tend(desk)
    assert (Person.objects.count(), IdempotentRequest.objects.count()) == (0, 0)
    assert set(Outgoing.objects.values_list("recipient", flat=True)) == {""}


def test_what_is_old_is_looked_for_once_an_hour_and_at_once_after_the_clock_was_put_back(tmp_path: Path) -> None:
    desk = office(tmp_path)
    first = desk.stage.now
    for minutes, looked in ((0, 0), (30, 0), (60, 60), (90, 60)):
        desk.stage.now = first + dt.timedelta(minutes=minutes)
        tend(desk)
        assert Plan.objects.get().tended_at == first + dt.timedelta(minutes=looked)
    desk.stage.now = first - dt.timedelta(hours=2)
    tend(desk)
    assert Plan.objects.get().tended_at == desk.stage.now


def test_whoever_does_not_answer_for_two_months_is_written_to_no_more(tmp_path: Path) -> None:
    desk = office(tmp_path)
    desk.confirmed(ADA)
    desk.later(days=740)
    tend(desk)
    desk.later(days=62)
    tend(desk)
    assert standing(ADA).status == Status.ENDED
