"""What `kit status` tells a person to do about mailings."""

from __future__ import annotations

import datetime as dt

import pytest

from pipeline.delivery import mailings
from pipeline.release import summary
from tests.delivery import lists

pytestmark = pytest.mark.usefixtures("database")


def told(name: str, *, after: dt.timedelta = dt.timedelta()) -> list[str]:
    return [line for line in summary.advice([], now=lists.NOW + after) if name in line]


def test_a_mailing_that_waits_for_a_person_is_told_with_its_reason_whatever_its_name_and_age() -> None:
    for name in ("essai/1", "essai/1/rattrapage"):
        lists.mailing(3, name=name)
    mailings.alarm("essai/1/rattrapage", "5 refus")
    assert told("essai/1", after=summary.LATELY * 2) == ["L’envoi de essai/1/rattrapage est suspendu. 5 refus"]


def test_uncertain_messages_are_told_for_a_while_with_what_to_type() -> None:
    made = lists.mailing(3, state="done")
    lists.tried(made, [1, 2], "unknown")
    lists.tried(made, [3], "sent")
    lists.count(made)
    (line,) = told("essai/1")
    assert line.startswith("essai/1 : 2 message(s) incertain(s)")
    assert "« kit resend-unknown essai/1 »" in line
    assert told("essai/1", after=summary.LATELY + dt.timedelta(seconds=1)) == []
