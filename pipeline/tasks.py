"""Celery tasks: each asks the database what there is to do. Losing one delays work until the next tick; two change nothing."""

from __future__ import annotations

import datetime as dt
import logging
import os
from typing import Any

from celery.signals import worker_process_init, worker_ready, worker_shutting_down
from django.db import Error, close_old_connections, connections

from pipeline import clock
from pipeline.audience import domains
from pipeline.broker import app, wake, wake_all
from pipeline.correspondence import answering, tending
from pipeline.delivery import mailings, outbox, sender, takeover
from pipeline.delivery.bounces import inbox
from pipeline.delivery.bounces.box import BoxError
from pipeline.delivery.fence import NotArmed
from pipeline.hooks import privacy, sending
from pipeline.hooks.wiring import courier
from pipeline.processes import die_with_parent
from pipeline.release import complaining, due, mending, notices, releases, wiring
from pipeline.release.audit import BEAT
from pipeline.rhythm import catching_up
from pipeline.rhythm import digest as monthly

logger = logging.getLogger(__name__)

BULK_SECONDS = 4.0
"""A bulk task claims nothing new after this, so that it lasts about five seconds at most."""


_NOTHING_LOST = (NotArmed, Error, OSError)
"""What ends a task early and is said in one line: not armed, the database away, no room for a journal. The next tick goes on."""


@worker_process_init.connect
def _fresh(**_: Any) -> None:
    die_with_parent(os.getppid())
    connections.close_all()
    wiring.transport.cache_clear()
    wiring.desk.cache_clear()


@worker_ready.connect
def _look(**_: Any) -> None:
    """A worker that has just come need not wait for the next tick: its predecessor took wake-ups with it."""
    wake("pipeline.tasks.tick", "transactional")


@worker_shutting_down.connect
def _stop(**_: Any) -> None:
    sender.stopping.set()


@app.task(name="pipeline.tasks.tick", queue="transactional")
def tick() -> None:
    """Start what is due and wake whoever has work: the calendar's every minute, and at every slot's instant.

    A step that fails is told, with its trace, and keeps none of the others from being done: a season that cannot be read must not
    leave another's letters lying.
    """
    close_old_connections()
    for step in (_start_what_is_due, _keep_rhythms, _take_back, _look_after, _wake_workers):
        try:
            step(clock.now())
        except Exception:
            logger.exception("tick: %s failed", step.__name__)


def _start_what_is_due(now: dt.datetime) -> None:
    due.check(actor=BEAT, now=now, local=wiring.mails_stay_here(), staff=wiring.environment().staff_mail)
    for intention in due.intentions(now):
        wake("pipeline.tasks.release", "kit", intention)


def _keep_rhythms(now: dt.datetime) -> None:
    for season, month in monthly.due(now):
        wake("pipeline.tasks.digest", "kit", season, month)
    for season in catching_up.due(now):
        wake("pipeline.tasks.catch_up", "kit", season)


def _take_back(now: dt.datetime) -> None:
    mailings.look_after(takeover.reclaim(wiring.environment().data_dir / "journal", now=now), now=now)
    for mailing in mailings.unfinished():
        mailings.settle(mailing, now=now)


def _look_after(now: dt.datetime) -> None:
    staff = wiring.environment().staff_mail
    mending.mend(now=now)
    complaining.look(wiring.throttles(), staff=staff, now=now)
    notices.stopped(mailings.stopped(), staff=staff, now=now)
    privacy.purge(now)


def _wake_workers(now: dt.datetime) -> None:
    if wiring.environment().bounces_url:
        wake("pipeline.tasks.bounces", "transactional")
    wake_all("pipeline.tasks.send", "bulk", mailings.open_batches(now))
    if answering.waiting():
        wake("pipeline.tasks.answer", "transactional")
    if outbox.waiting(now):
        wake("pipeline.tasks.post", "transactional")
    wake("pipeline.tasks.tend", "kit")
    if sending.waiting(now):
        wake("pipeline.tasks.notify", "bulk")


@app.task(name="pipeline.tasks.release", queue="kit")
def release(intention: int) -> None:
    """Carry out one intention."""
    close_old_connections()
    releases.fulfil(intention, wiring.press(), now=clock.now())


@app.task(name="pipeline.tasks.digest", queue="kit")
def digest(season: str, month: str) -> None:
    """Freeze the digest of a month."""
    close_old_connections()
    monthly.make(season, month, wiring.press(), now=clock.now(), staff=wiring.environment().staff_mail)


@app.task(name="pipeline.tasks.catch_up", queue="kit")
def catch_up(season: str) -> None:
    """Freeze what those get next who catch up."""
    close_old_connections()
    catching_up.send(season, wiring.press(), now=clock.now(), staff=wiring.environment().staff_mail)


@app.task(name="pipeline.tasks.send", queue="bulk")
def send() -> None:
    """Send for a few seconds, then make room; wake the next where something is left.

    Whoever has sent nothing wakes nobody: what hinders it (a database that may not be mailed from, paces that are used up) would
    have workers wake each other without end. The next tick tries again.
    """
    close_old_connections()
    try:
        settled = sender.run(wiring.desk(), seconds=BULK_SECONDS)
        ready_at = sender.next_ready(wiring.desk()) if settled else None
        if ready_at is not None and ready_at <= clock.now() + sender.NEAR:
            wake("pipeline.tasks.send", "bulk")
    except _NOTHING_LOST as error:
        logger.error("%s", error)


@app.task(name="pipeline.tasks.answer", queue="transactional")
def answer() -> None:
    """Answer what forms and the API took; what mails come of it are sent by the next task."""
    close_old_connections()
    try:
        if answering.answer(wiring.press(), now=clock.now()) and answering.waiting():
            wake("pipeline.tasks.answer", "transactional")
    except Error as error:
        logger.error("%s", error)


@app.task(name="pipeline.tasks.look_up", queue="kit")
def look_up(domain: str) -> None:
    """Ask the DNS whether a domain takes mail, for those who sign up with it later."""
    close_old_connections()
    try:
        domains.look_up(domain, now=clock.now())
    except Error as error:
        logger.error("%s", error)


@app.task(name="pipeline.tasks.tend", queue="kit")
def tend() -> None:
    """What the audience needs done by itself."""
    close_old_connections()
    try:
        tending.tend(wiring.press(), months=wiring.environment().renew_months, now=clock.now())
    except Error as error:
        logger.error("%s", error)


@app.task(name="pipeline.tasks.post", queue="transactional")
def post() -> None:
    """Send what waits in the outbox."""
    close_old_connections()
    try:
        settled = outbox.run(wiring.desk(), seconds=BULK_SECONDS)
        if settled and outbox.waiting(clock.now()):
            wake("pipeline.tasks.post", "transactional")
    except _NOTHING_LOST as error:
        logger.error("%s", error)


@app.task(name="pipeline.tasks.notify", queue="bulk")
def notify() -> None:
    """Tell webhooks what happened."""
    close_old_connections()
    try:
        if sending.run(courier(), seconds=BULK_SECONDS) and sending.waiting(clock.now()):
            wake("pipeline.tasks.notify", "bulk")
    except _NOTHING_LOST as error:
        logger.error("%s", error)


@app.task(name="pipeline.tasks.bounces", queue="transactional")
def bounces() -> None:
    """Read what came back to the mailbox of bounces."""
    close_old_connections()
    try:
        if inbox.poll(wiring.environment().bounces_url, now=clock.now):
            wake("pipeline.tasks.bounces", "transactional")
    except (BoxError, Error) as error:
        logger.error("%s", error)
