"""What people do while a mailing goes out: leave, pause, cancel; and a calendar that is there twice."""

from __future__ import annotations

import datetime as dt
import random
import time
import urllib.request
from collections import Counter

from pipeline.audience import tokens
from pipeline.audience.models import Person
from pipeline.delivery import mailings
from tests.faults.ground import until
from tests.faults.table import Row, fault, finish
from tests.faults.trials import SEASON, Field, Trial


@fault("people leave by the web while it goes out", short=10, whole=60)
def people_leave(field: Field, row: Row) -> None:
    """No MAIL FROM after the commit: none that follows a reply which the server gave on that connection after the page's 200."""
    web = field.ground.start("web")
    base = field.ground.environ["KIT_BASE_URL"]
    until(lambda: _answers(base), "no site")
    trial = field.begin()
    field.reach(trial, 0.1)
    left: dict[str, float] = {}
    for _ in range(20):
        met = {event.first for event in field.events(trial) if event.kind == "rcpt"}
        waiting = [address for address in trial.by_address if address not in met and address not in left]
        if not waiting or trial.finished:
            break
        address = random.choice(waiting)
        token = tokens.make("unsubscribe", SEASON, Person.objects.get(email=address).public_id)
        request = urllib.request.Request(f"{base}/desabonnement/{token}/", data=b"List-Unsubscribe=One-Click")
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert answer.status == 200
        left[address] = time.monotonic()
        row.hits += 1
    finish(field, row, trial, 0)
    row.contradicted += _written_to_after(field, trial, left)
    field.ground.stop(web)


def _answers(base: str) -> bool:
    try:
        with urllib.request.urlopen(base, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _written_to_after(field: Field, trial: Trial, left: dict[str, float]) -> int:
    """How many were written to although the sender had heard from the server, and so had to ask, since they left."""
    replied: dict[str, float] = {}
    late = 0
    for event in field.events(trial):
        address = event.first if event.kind in ("rcpt", "took") else ""
        if address in left and replied.get(event.connection, 0.0) > left[address]:
            late += 1
        if event.kind == "data":
            replied[event.connection] = event.at
    return late


@fault("paused and resumed", short=2, whole=12)
def paused(field: Field, row: Row) -> None:
    """After the pause is acknowledged, at most one message per connection is accepted."""
    trial = field.begin(400)
    for _ in range(2):
        field.reach(trial, len(field.taken(trial)) / trial.mailing.frozen + 0.1)
        trial.held = True
        if not mailings.pause(trial.mailing.name, "essai"):
            trial.held = False
            break
        at = time.monotonic()
        row.hits += 1
        until(lambda: not trial.leased(), "the senders go on")
        late = Counter(event.connection for event in field.taken(trial) if event.at > at)
        row.contradicted += sum(count - 1 for count in late.values())
        trial.held = False
    finish(field, row, trial, 0)


@fault("cancelled while it goes out", short=1, whole=4)
def cancelled(field: Field, row: Row) -> None:
    trial = field.begin()
    field.reach(trial, random.uniform(0.1, 0.5))
    mailings.cancel(trial.mailing.name, "essai", now=dt.datetime.now(dt.UTC))
    row.hits += 1
    finish(field, row, trial, 0)


@fault("two schedulers, every tick twice", short=0, whole=1)
def two_schedulers(field: Field, row: Row) -> None:
    beats = [field.ground.start("calendrier") for _ in range(2)]
    field.ticks = 2
    try:
        finish(field, row, field.begin(1600), 0)
        row.hits += 1
    finally:
        field.ticks = 1
        field.ground.stop(*beats)
