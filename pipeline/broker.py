"""The Celery application, and the one way to wake a worker. The database is the truth; a message is only a wake-up."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from celery import Celery
from django.conf import settings
from django.db import transaction
from kombu.entity import Exchange, Queue
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

QUEUES = ("transactional", "bulk", "kit")
WAKE_SECONDS = 1.0
STALE_SECONDS = 120
MOST = 16
"""Workers that are woken at once."""

app = Celery("kit")
app.conf.update(
    broker_url=settings.KIT.broker_url,
    result_backend=None,
    task_ignore_result=True,
    task_acks_late=False,  # a lost message is made good by the next tick, a repeated one changes nothing
    # Nothing is acknowledged, since a message is only a wake-up. A child that dies between being given one and accepting it would take
    # its place in the prefetch limit with it for good, until its worker hears nothing any more; and a worker dies itself, children and
    # all, where Redis goes away while something is unacknowledged (kombu restores it over the broken connection).
    task_queues=[Queue(name, Exchange(name), routing_key=name, no_ack=True) for name in QUEUES],  # type: ignore[no-untyped-call]
    worker_hijack_root_logger=False,
    worker_send_task_events=False,
    task_default_queue="transactional",
    task_publish_retry=False,
    broker_connection_retry_on_startup=True,
    broker_connection_timeout=WAKE_SECONDS,
    broker_transport_options={
        "socket_timeout": WAKE_SECONDS,
        "socket_connect_timeout": WAKE_SECONDS,
        "retry_on_timeout": False,
        "max_retries": 0,
    },
    beat_scheduler="pipeline.scheduler:SeasonScheduler",
    beat_max_loop_interval=5,
    timezone="UTC",
    enable_utc=True,
    imports=("pipeline.tasks",),
)


_bypassed: ContextVar[bool] = ContextVar("broker_bypassed", default=False)


@contextmanager
def bypassed() -> Iterator[None]:
    """Wake nobody within: a rehearsal does itself what workers would be woken for."""
    token = _bypassed.set(True)
    try:
        yield
    finally:
        _bypassed.reset(token)


def wake(task: str, queue: str, *arguments: Any) -> bool:
    """Tell a worker that there is something to do; False, and a line in the log, where Redis does not answer within a second.

    The message dies after two minutes: what it says stands in the database, and the next tick says it again.
    """
    if _bypassed.get():
        return False
    try:
        app.send_task(task, args=arguments, queue=queue, expires=STALE_SECONDS, retry=False)
    except (OperationalError, OSError, RedisError) as error:
        logger.warning("could not wake %s: %s; the next tick will", task, error)
        return False
    return True


def wake_all(task: str, queue: str, work: int) -> None:
    """Wake as many workers as there is ``work`` for, :data:`MOST` at most; give up at the first message that cannot be sent.

    Each of them wakes a successor while work is left; what is too much finds nothing to do, or dies in the queue.
    """
    for _ in range(min(work, MOST)):
        if not wake(task, queue):
            return


def wake_on_commit(task: str, queue: str, *arguments: Any) -> None:
    """:func:`wake`, once the transaction under way is committed; its failure is never the transaction's."""
    transaction.on_commit(lambda: wake(task, queue, *arguments), robust=True)


def wake_all_on_commit(task: str, queue: str, work: int) -> None:
    """:func:`wake_all`, once the transaction under way is committed."""
    transaction.on_commit(lambda: wake_all(task, queue, work), robust=True)
