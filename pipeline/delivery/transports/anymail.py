"""API providers, through django-anymail: each prepared mail is unpacked and handed over by HTTP."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from django.core.mail import EmailMultiAlternatives
from django.utils.module_loading import import_string

from pipeline.delivery.bounces.verp import token_of
from pipeline.delivery.envelope import Envelope, Outcome, withheld
from pipeline.delivery.transports.answers import Answer, accepted, failed
from pipeline.delivery.transports.base import Gate, TransportUnavailable
from pipeline.delivery.transports.fitness import local_refusal, unfit
from pipeline.delivery.transports.posting import WatchedSession
from pipeline.delivery.transports.providers import Account
from pipeline.delivery.transports.unpacking import unpack

BUSY = 3
"""How often in a row the provider may say « later », each time after the pause that it asked for, before it counts as unavailable."""
_ABANDONED = "attente abandonnée"


class AnymailTransport:
    """See :class:`pipeline.delivery.transports.base.Transport`; several requests are under way at a time.

    A request is a message's ``intent``: from its first byte to its answer nobody knows whether it was taken.
    """

    def __init__(self, account: Account) -> None:
        self._account = account
        self._idle: list[_Line] = []
        self._pace = _Pace()

    @property
    def width(self) -> int:
        return self._account.connections

    def deliver(self, envelopes: Iterable[Envelope], gate: Gate) -> Iterator[Outcome]:
        run = _Delivery(self._account, self._idle, self._pace, gate)
        try:
            yield from run.outcomes(iter(envelopes))
        finally:
            run.abandon()

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Line:
    """One HTTP connection with a thread that waits on it, so that the caller's own can go on asking its gate."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._session = WatchedSession()
        options: dict[str, Any] = {**account.options, "timeout": (min(10.0, account.timeout), account.timeout)}
        self._backend = import_string(f"anymail.backends.{account.name}.EmailBackend")(**options)
        self._backend.session = self._session
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"anymail-{account.name}")

    def start(self, envelope: Envelope, message: EmailMultiAlternatives) -> Future[Answer]:
        self._session.progress.begin()
        return self._thread.submit(self._post, envelope, message)

    def cut(self) -> bool:
        """Give the request up; return whether it may have been written."""
        written = self._session.progress.cut()
        self.close()
        return written

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)
        self._session.close()

    def _post(self, envelope: Envelope, message: EmailMultiAlternatives) -> Answer:
        try:
            self._backend.send_messages([message])
        except Exception as error:  # whatever a backend raises is about this message, and judged there
            return failed(self._account, envelope, error, written=self._session.progress.written)
        return accepted(self._account, envelope, message.anymail_status)  # type: ignore[attr-defined]


@dataclass(slots=True)
class _Pace:
    """What the provider said of haste; it holds from one ``deliver`` to the next."""

    resume_at: float = 0.0
    busy: int = 0

    @property
    def left(self) -> float:
        """Seconds of the pause that remain."""
        return self.resume_at - time.monotonic()

    def note(self, answer: Answer, started: float) -> None:
        """Requests that were under way when the pause began do not count as impatience."""
        if answer.outcome.verdict == "sent":
            self.busy = 0
        elif answer.pause is not None:
            self.busy += started >= self.resume_at
            self.resume_at = max(self.resume_at, time.monotonic() + answer.pause)


class _Delivery:
    """One call of ``deliver``."""

    def __init__(self, account: Account, idle: list[_Line], pace: _Pace, gate: Gate) -> None:
        self._account = account
        self._idle = idle
        self._pace = pace
        self._gate = gate
        self._under_way: dict[Future[Answer], tuple[_Line, Envelope, float]] = {}
        self._failure: TransportUnavailable | None = None

    def outcomes(self, source: Iterator[Envelope]) -> Iterator[Outcome]:
        envelope = next(source, None)
        while envelope is not None or self._under_way:
            while envelope is not None and self._has_room():
                if (outcome := self._begin(envelope)) is not None:
                    yield outcome
                envelope = next(source, None)
            yield from self._collect()
            if self._failure is not None and not self._under_way:
                raise self._failure

    def abandon(self) -> None:
        for line, _, _ in self._under_way.values():
            line.cut()
        self._under_way.clear()

    def _has_room(self) -> bool:
        return self._failure is None and self._pace.left <= 0 and len(self._under_way) < self._account.connections

    def _begin(self, envelope: Envelope) -> Outcome | None:
        """Start its request; an outcome where none is made."""
        refused = unfit(envelope)
        if refused is not None:
            return refused
        try:
            message = self._message(envelope)
        except (LookupError, ValueError) as error:
            return local_refusal(envelope, 554, "5.6.0", f"Le message ne se relit pas ({error.__class__.__name__}).")
        self._gate.refresh()
        if not (self._gate.wanted(envelope) and self._gate.intent(envelope)):
            return withheld(envelope)
        line = self._idle.pop() if self._idle else _Line(self._account)
        self._under_way[line.start(envelope, message)] = (line, envelope, time.monotonic())
        return None

    def _message(self, envelope: Envelope) -> EmailMultiAlternatives:
        provider = self._account.provider
        message = unpack(envelope.content, envelope.recipient, ascii_headers=provider.ascii_headers)
        extra: dict[str, Any] = {"metadata": {"kit": token_of(envelope.sender)}}
        if provider.return_path and envelope.sender:
            extra["envelope_sender"] = envelope.sender
        if provider.per_message_tracking:
            extra |= {"track_clicks": False, "track_opens": False}
        vars(message).update(extra)
        return message

    def _collect(self) -> Iterator[Outcome]:
        """What was answered within a second; the gate is asked where nothing was."""
        if not self._under_way:
            self._sit_out_the_pause()
            return
        answered, _ = wait(self._under_way, timeout=1.0, return_when=FIRST_COMPLETED)
        for future in answered:
            line, _, started = self._under_way.pop(future)
            self._idle.append(line)
            yield self._note(future.result(), started)
        if not answered and not self._gate.waiting():
            yield from self._give_up()

    def _sit_out_the_pause(self) -> None:
        while (left := self._pace.left) > 0:
            time.sleep(min(1.0, left))
            if not self._gate.waiting():
                self._pace.resume_at = 0.0

    def _note(self, answer: Answer, started: float) -> Outcome:
        self._failure = self._failure or answer.failure
        self._pace.note(answer, started)
        if self._pace.busy >= BUSY:
            self._pace.busy = 0
            self._failure = self._failure or TransportUnavailable(answer.outcome.text)
        return answer.outcome

    def _give_up(self) -> Iterator[Outcome]:
        while self._under_way:
            _, (line, envelope, _) = self._under_way.popitem()
            written = line.cut()
            if written:
                yield Outcome(envelope.key, "unknown", 0, "", _ABANDONED, "dot")
            else:
                yield withheld(envelope, _ABANDONED)
