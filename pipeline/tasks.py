"""Celery tasks: each asks the database what there is to do. Losing one delays work until the next tick; two change nothing."""

from __future__ import annotations

import os
from typing import Any

from celery.signals import worker_process_init, worker_shutting_down
from django.db import close_old_connections, connections

from pipeline import clock
from pipeline.broker import app, wake
from pipeline.delivery import mailings, outbox, sender, takeover
from pipeline.delivery.fence import NotArmed
from pipeline.processes import die_with_parent
from pipeline.release import due, releases, wiring
from pipeline.release.audit import BEAT

BULK_SECONDS = 4.0
"""A bulk task claims nothing new after this, so that it lasts about five seconds at most."""


@worker_process_init.connect
def _fresh(**_: Any) -> None:
    die_with_parent(os.getppid())
    connections.close_all()
    wiring.transport.cache_clear()


@worker_shutting_down.connect
def _stop(**_: Any) -> None:
    sender.stopping.set()


@app.task(name="pipeline.tasks.tick", queue="transactional")
def tick() -> None:
    """Start what is due and wake whoever has work: the calendar's every minute, and at every slot's instant."""
    close_old_connections()
    now = clock.now()
    due.check(actor=BEAT, now=now, local=wiring.mails_stay_here(), staff=wiring.environment().staff_mail)
    for intention in due.intentions(now):
        wake("pipeline.tasks.release", "kit", intention)
    takeover.reclaim(wiring.environment().data_dir / "journal", now=now)
    for mailing in mailings.unfinished():
        mailings.settle(mailing, now=now)
    if mailings.open_batches(now):
        wake("pipeline.tasks.send", "bulk")
    if outbox.waiting(now):
        wake("pipeline.tasks.post", "transactional")


@app.task(name="pipeline.tasks.release", queue="kit")
def release(intention: int) -> None:
    """Carry out one intention."""
    close_old_connections()
    releases.fulfil(intention, wiring.press(), now=clock.now())


@app.task(name="pipeline.tasks.send", queue="bulk")
def send() -> None:
    """Send for a few seconds, then make room; wake the next where something is left."""
    close_old_connections()
    desk = wiring.desk()
    try:
        settled = sender.run(desk, seconds=BULK_SECONDS)
    except NotArmed as error:
        sender.logger.error("%s", error)
        return
    if settled and mailings.open_batches(clock.now()):
        wake("pipeline.tasks.send", "bulk")


@app.task(name="pipeline.tasks.post", queue="transactional")
def post() -> None:
    """Send what waits in the outbox."""
    close_old_connections()
    try:
        settled = outbox.run(wiring.desk(), seconds=BULK_SECONDS)
    except NotArmed as error:
        sender.logger.error("%s", error)
        return
    if settled and outbox.waiting(clock.now()):
        wake("pipeline.tasks.post", "transactional")
