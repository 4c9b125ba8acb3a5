"""One mailing, from the frozen list to the last answer in the ledger, sent by real workers and watched without disturbing them."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from django.db import transaction
from django.db.models import F, QuerySet, Sum

from pipeline import clock
from pipeline.audience import selection
from pipeline.audience.selection import Choices
from pipeline.bench import workers
from pipeline.bench.children import BenchError
from pipeline.bench.meters import Meter
from pipeline.bench.sinks import Sink
from pipeline.broker import wake_all
from pipeline.compose.letter import Letter
from pipeline.compose.message import Compiled
from pipeline.delivery import freezing, ledger, mailings
from pipeline.delivery.ledger import Tally
from pipeline.delivery.models import Attempt, Batch, Mailing
from pipeline.environment import Environment
from pipeline.release import wiring
from pipeline.serve.supervisor import Supervisor
from pipeline.tasks import tick

EDGE = 10_000
"""How many messages the first and the last rate are taken over."""
LOOK, MINUTE, STALLED = 1.0, 60.0, 180.0
"""Seconds between two looks at the ledger, two ticks of the calendar, and without progress before it counts as stuck."""
Progress = Callable[[str, int, int], None]
"""Called with (what, done, of how many)."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What a run came to. Seconds run from the wake-up to the mailing's end in the ledger; CPU in seconds by part, None where a
    part is not ours to measure; ``memory`` of the largest sending process, MB, about once a second; rates in messages per second,
    None below twice :data:`EDGE`."""

    freeze_seconds: float
    seconds: float
    tally: Tally
    cpu: dict[str, float | None]
    memory: tuple[float, ...]
    first_rate: float | None
    last_rate: float | None


@dataclass(frozen=True, slots=True)
class Crew:
    """Who sends: so many processes, each with so many connections."""

    processes: int
    connections: int


def freeze(letter: Letter, compiled: Compiled, name: str) -> tuple[Mailing, float]:
    """Freeze the list of a mailing as a release does; return it, and the seconds until the commit was durable."""
    now, sender = clock.now(), letter.season.publisher.sender_address
    draft = freezing.Draft(
        name=name,
        season=letter.season.name,
        kind=letter.kind,
        subject=compiled.subject,
        sender=sender,
        domain=sender.rpartition("@")[2],
        base_url=letter.base_url,
        compiled=compiled.dump(),
    )
    people = selection.active(letter.season.name, Choices(tuple(one.id for one in letter.season.choices)), cutoff=now)
    started = time.monotonic()
    with transaction.atomic():
        mailing = freezing.freeze(draft, people, now=now, throttles=wiring.throttles())
    return mailing, time.monotonic() - started


def send(
    environment: Environment,
    mailing: Mailing,
    frozen_in: float,
    sink: Sink,
    crew: Crew,
    *,
    servers: Mapping[str, int | None],
    progress: Progress,
) -> Sent:
    """Wake workers for ``mailing`` and wait for its end. ``servers``: a name and the process of what they work with.

    Raises:
        BenchError: it was stopped by its outcomes, or nothing moves any more; the counts are in it.
    """
    url = workers.smtp_url(sink.urls, crew.connections)
    with workers.workers(environment, url=url, processes=crew.processes) as supervisor:
        roots = {"workers": workers.pid(supervisor, workers.SENDERS), **servers, "sink": sink.pid}
        meter = Meter(roots, "workers")
        meter.start()
        started = clock.now()
        wake_all("pipeline.tasks.send", "bulk", mailings.open_batches(started))  # as a release does
        _watch(mailing, supervisor, meter, progress)
        used = meter.used()
    mailing.refresh_from_db()
    finished = mailing.finished_at or clock.now()
    first, last = _edges(mailing)
    return Sent(
        freeze_seconds=frozen_in,
        seconds=(finished - started).total_seconds(),
        tally=ledger.tally(mailing),
        cpu=used,
        memory=tuple(meter.memory),
        first_rate=first,
        last_rate=last,
    )


def _watch(mailing: Mailing, supervisor: Supervisor, meter: Meter, progress: Progress) -> None:
    """Look about once a second, tick once a minute as beat would, until nothing is left to send."""
    done, moved, ticked = 0, time.monotonic(), time.monotonic()
    while True:
        meter.sample()
        time.sleep(LOOK)
        state, reason = Mailing.objects.values_list("state", "reason").get(pk=mailing.pk)
        found = _done(mailing)
        progress("envoi", found, mailing.frozen)
        if state == Mailing.State.DONE:
            return
        now = time.monotonic()
        if found > done:
            done, moved = found, now
        if state != Mailing.State.SENDING:
            raise BenchError(f"L’envoi s’est arrêté : {reason} {_counts(mailing)}")
        if now - moved > STALLED:
            raise BenchError(f"Rien n’avance depuis {STALLED:.0f} s. {_counts(mailing)}")
        if now - ticked > MINUTE:
            tick()
            ticked = now
        workers.pid(supervisor, workers.SENDERS)


def _done(mailing: Mailing) -> int:
    batches = Batch.objects.filter(mailing=mailing, state=Batch.State.DONE)
    return int(batches.aggregate(n=Sum(F("last") - F("first") + 1))["n"] or 0)


def _counts(mailing: Mailing) -> str:
    return counts(ledger.tally(mailing))


def counts(stands: Tally) -> str:
    """The tally, as a person reads it."""
    return (
        f"Figés {stands.frozen}, partis {stands.sent}, différés {stands.deferred}, refusés {stands.refused}, "
        f"désinscrits {stands.suppressed}, annulés {stands.cancelled}, incertains {stands.unknown}, à venir {stands.pending}."
    )


def _edges(mailing: Mailing) -> tuple[float | None, float | None]:
    """The rates over the first and the last messages, by the instants that the ledger has for them."""
    if mailing.frozen < 2 * EDGE:
        return None, None
    instants = Attempt.objects.filter(mailing=mailing).values_list("at", flat=True)
    return _rate(instants.order_by("at")), _rate(instants.order_by("-at"))


def _rate(instants: QuerySet[Attempt, dt.datetime]) -> float | None:
    held = list(instants[:EDGE])
    span = abs((held[-1] - held[0]).total_seconds())
    return (len(held) - 1) / span if span else None
