"""SMTP over one persistent, pipelined connection (RFC 5321, 2920): the next envelope rides with the dot of the current message."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from pipeline.delivery.envelope import MAX_TEXT, Envelope, Outcome, Stage, withheld
from pipeline.delivery.transports.base import Gate, TransportUnavailable
from pipeline.delivery.transports.connection import Abandoned, Connection, connect
from pipeline.delivery.transports.fitness import local_refusal, unfit
from pipeline.delivery.transports.replies import ConversationLost, ProtocolError, Reply
from pipeline.delivery.transports.servers import Server
from pipeline.delivery.transports.source import Row, Source
from pipeline.delivery.transports.waiting import Blocking, Waiter

RECONNECTIONS = 3
"""Connections lost in a row, without a message taken, after which the server counts as unavailable."""
_DATA = b"DATA\r\n"
_STAGES: tuple[Stage, ...] = ("mail", "rcpt", "data")
_DOT = b"\r\n.\r\n"
_GIVEN_UP = "attente abandonnée"
TRIES = 2
"""How often one message is offered before its connection's losses count as a deferral."""


@dataclass(slots=True)
class _Job:
    """An envelope on its way. ``asked``: its MAIL, RCPT and DATA are written, with the replies to come. ``dotted``: its final dot is
    written, and only the reply tells what became of it."""

    envelope: Envelope
    commands: list[bytes]
    asked: bool = False
    dotted: bool = False
    tries: int = 0


class SmtpTransport:
    """One connection at a time to one server; see :class:`pipeline.delivery.transports.base.Transport`."""

    def __init__(self, server: Server, waiter: Waiter | None = None) -> None:
        self._server = server
        self._waiter = waiter or Blocking()
        self._connection: Connection | None = None
        self._reset = False

    @property
    def width(self) -> int:
        return 1

    @property
    def connected(self) -> bool:
        """True while it holds a connection, which the server may have closed meanwhile."""
        return self._connection is not None

    def deliver(self, envelopes: Iterable[Envelope], gate: Gate) -> Iterator[Outcome]:
        yield from self.deliver_from(Source(envelopes), gate)

    def deliver_from(self, source: Row, gate: Gate) -> Iterator[Outcome]:
        """The same from a row that other connections take from, too; what was taken and not sent is given back to it."""
        run = _Delivery(self, source, gate)
        try:
            yield from run.outcomes()
        except BaseException:
            self._drop()
            run.give_back()
            raise

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close(politely=True)
            self._connection = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._reset = False

    def _connected(self, gate: Gate) -> Connection:
        held = self._connection
        full = held is not None and 0 < self._server.messages <= held.sent
        if held is not None and (full or not held.is_idle_and_open()):
            held.close(politely=full)
            held = self._connection = None
        if held is None:
            self._connection = held = connect(self._server, gate.waiting, self._waiter)
            self._reset = False
        return held


class _Delivery:
    """One call of ``deliver``."""

    def __init__(self, transport: SmtpTransport, source: Row, gate: Gate) -> None:
        self._transport = transport
        self._source = source
        self._gate = gate
        self._losses = 0
        self._job: _Job | None = None
        self._next: _Job | None = None

    def outcomes(self) -> Iterator[Outcome]:
        while True:
            job, self._next = self._next or self._take(), None
            if job is None:
                return
            self._job = job
            refused = unfit(job.envelope)
            outcome = refused or self._attempt(job)
            if outcome is not None:
                self._job = None
                yield outcome

    def give_back(self) -> None:
        """What is in our hands and has no outcome goes back. A message whose intent was noted is settled by whoever reads that."""
        for job in (self._next, self._job):
            if job is not None:
                self._source.give_back(job.envelope)
        self._next = self._job = None

    def _take(self) -> _Job | None:
        envelope = self._source.take()
        return _Job(envelope, []) if envelope is not None else None

    def _attempt(self, job: _Job) -> Outcome | None:
        """Carry one message as far as an outcome; None where it is put back for the next connection."""
        job.tries += 1
        try:
            return self._carry(job)
        except _Lost as lost:
            self._transport._drop()
            return self._after_loss(job, lost)

    def _after_loss(self, job: _Job, lost: _Lost) -> Outcome | None:
        if self._next is not None:
            self._next.asked = False
        if lost.outcome is not None:
            return lost.outcome
        self._losses += 1
        if self._losses >= RECONNECTIONS:
            raise TransportUnavailable(f"{self._transport._server.name} : {lost.reason}, {self._losses} fois de suite.")
        if job.tries >= TRIES:
            return Outcome(job.envelope.key, "deferred", lost.code, "", lost.reason[:MAX_TEXT], lost.stage)
        self._transport._waiter.sleep(0.05 * self._losses)
        job.asked = False
        self._next, waiting = job, self._next
        if waiting is not None:
            self._source.give_back(waiting.envelope)
        return None

    def _carry(self, job: _Job) -> Outcome | None:
        connection = self._held() if job.asked else self._connected()
        refused = self._refused_here(job, connection)
        if refused is not None:
            return refused
        stage: Stage = "mail"
        try:
            if not job.asked:
                self._gate.refresh()
                if not self._gate.wanted(job.envelope):
                    return withheld(job.envelope)
            refusal = self._ask(job, connection)
            if refusal is not None:
                return refusal
            stage = "data"
            if not self._send(job, connection):
                self._transport._drop()
                return withheld(job.envelope)
            stage = "dot"
            return self._answer(job, connection)
        except Abandoned:
            told = self._unknown(job, _GIVEN_UP) if job.dotted else withheld(job.envelope, _GIVEN_UP)
            raise _Lost(_GIVEN_UP, stage, told) from None
        except ConversationLost as error:
            unknown = self._unknown(job, str(error)) if job.dotted else None
            raise _Lost(str(error), stage, unknown, code=error.reply.code if error.reply else 0) from error

    def _connected(self) -> Connection:
        try:
            return self._transport._connected(self._gate)
        except TransportUnavailable as error:
            # One more try: a server that has just been started again, or a greeting that was lost.
            if self._losses or not error.temporary:
                raise
            self._losses += 1
            self._transport._waiter.sleep(0.1)
            return self._transport._connected(self._gate)

    def _held(self) -> Connection:
        if self._transport._connection is None:
            raise _Lost("connexion perdue", "mail", None)
        return self._transport._connection

    # The envelope

    def _ask(self, job: _Job, connection: Connection) -> Outcome | None:
        """MAIL, RCPT, DATA; None where the content may follow, else the refusal."""
        limits = self._transport._server.timeouts
        resets = int(self._transport._reset and not job.asked)
        group = [b"RSET\r\n"] * resets + job.commands
        self._transport._reset = False
        replies: list[Reply] = []
        together = connection.pipelining or job.asked
        if together and not job.asked:
            connection.write(b"".join(group), limits.command, self._gate.waiting)
        for at, command in enumerate(group):
            if not together:
                connection.write(command, limits.command, self._gate.waiting)
            replies.append(self._reply(connection, limits.data if command is _DATA else limits.command))
            if not together and at >= resets and replies[-1].code >= 400:
                self._transport._reset = True
                return replies[-1].outcome(job.envelope, _STAGES[at - resets])
        for reply, stage in zip(replies[resets:], _STAGES, strict=True):
            if reply.code // 100 == 3 and stage != "data":
                raise ProtocolError(f"réponse inattendue : {reply.code} {reply.text}")
            if reply.code >= 400:
                if replies[-1].code == 354:
                    # It waits for content though it has no recipient: whatever we write could be taken for a message.
                    self._transport._drop()
                else:
                    self._transport._reset = True
                return reply.outcome(job.envelope, stage)
        mail, rcpt, data = (reply.code for reply in replies[resets:])
        if data != 354 or mail // 100 != 2 or rcpt // 100 != 2:
            raise ProtocolError(f"réponses inattendues : {mail} {rcpt} {data}")
        return None

    def _reply(self, connection: Connection, timeout: float) -> Reply:
        reply = connection.read(timeout, self._gate.waiting)
        if reply.code == 421:
            raise ConversationLost(f"421 {reply.text}", reply=reply)
        return reply

    # The content

    def _send(self, job: _Job, connection: Connection) -> bool:
        """Write content and dot, with the next envelope behind it; False where the gate said no before the dot."""
        gate, envelope = self._gate, job.envelope
        content = _on_the_wire(envelope)
        following = self._next = self._peek(connection)
        gate.refresh()
        if not (gate.wanted(envelope) and gate.intent(envelope)):
            return False
        if following is not None and not gate.wanted(following.envelope):
            self._put_back()
        following = self._next
        tail = b"".join(following.commands) if following is not None else b""
        view, dot_ends = memoryview(content + tail), len(content)
        limit = self._transport._server.timeouts.block
        written = 0
        while True:
            fitted = connection.write_some(view[written:])
            written += fitted
            job.dotted = written >= dot_ends
            if written == len(view):
                break
            if written == dot_ends:  # the dot is out, nothing of the next one is
                self._put_back()
                break
            if fitted:
                continue
            connection.wait_writable(limit, gate.waiting)
            gate.refresh()
            if written < dot_ends - len(_DOT) and not gate.wanted(envelope):
                return False
            if written <= dot_ends and following is not None and not gate.wanted(following.envelope):
                self._put_back()
                view, following = view[:dot_ends], None
        if self._next is not None:
            self._next.asked = True
        return True

    def _answer(self, job: _Job, connection: Connection) -> Outcome:
        """The reply to the dot."""
        reply = connection.read(self._transport._server.timeouts.dot, self._gate.waiting)
        outcome = reply.outcome(job.envelope, "dot")
        connection.sent += 1
        self._losses = 0
        if reply.code == 421 or 0 < self._transport._server.messages <= connection.sent:
            self._retire(connection)
        return outcome

    def _retire(self, connection: Connection) -> None:
        if self._next is None or not self._next.asked:
            self._transport._drop()

    def _unknown(self, job: _Job, text: str) -> Outcome:
        return Outcome(job.envelope.key, "unknown", 0, "", text, "dot")

    # What comes next

    def _peek(self, connection: Connection) -> _Job | None:
        """The envelope that rides with the dot, where the server pipelines and has room for it."""
        full = 0 < self._transport._server.messages <= connection.sent + 1
        if not connection.pipelining or full:
            return None
        envelope = self._source.take()
        if envelope is None:
            return None
        if unfit(envelope) or self._local(envelope, connection):
            self._source.give_back(envelope)
            return None
        return _Job(envelope, _commands(envelope, connection))

    def _put_back(self) -> None:
        """The next envelope is not to ride with this dot: whoever is free takes it."""
        if self._next is not None:
            self._source.give_back(self._next.envelope)
        self._next = None

    def _refused_here(self, job: _Job, connection: Connection) -> Outcome | None:
        if job.asked:
            return None
        refused = self._local(job.envelope, connection)
        if refused is None:
            job.commands = _commands(job.envelope, connection)
        return refused

    def _local(self, envelope: Envelope, connection: Connection) -> Outcome | None:
        """What this server cannot be given."""
        limit = connection.max_size
        if limit and len(envelope.content) > limit:
            return local_refusal(
                envelope, 552, "5.3.4", f"Message de {len(envelope.content)} octets, {limit} au plus ici."
            )
        if "SMTPUTF8" not in connection.offers and (_needs_utf8(envelope)):
            return local_refusal(
                envelope, 553, "5.6.7", "Le serveur n’accepte pas les adresses internationales (SMTPUTF8)."
            )
        if "8BITMIME" not in connection.offers and not envelope.content.isascii():
            return local_refusal(envelope, 554, "5.6.3", "Le serveur n’accepte que des messages en ASCII (8BITMIME).")
        return None


class _Lost(Exception):
    """The connection is gone; ``outcome`` where that settles the message at hand."""

    def __init__(self, reason: str, stage: Stage, outcome: Outcome | None, *, code: int = 0) -> None:
        super().__init__(reason)
        self.reason, self.stage, self.outcome, self.code = reason, stage, outcome, code


def _on_the_wire(envelope: Envelope) -> bytes:
    """The content as it is written: dots stuffed (RFC 5321 §4.5.2), the final dot behind."""
    content = envelope.content
    if not envelope.clean:
        content = content.replace(b"\r\n.", b"\r\n..")
        content = (b"." + content) if content.startswith(b".") else content
    return content + (_DOT[2:] if content.endswith(b"\r\n") else _DOT)


def _needs_utf8(envelope: Envelope) -> bool:
    local, _, _ = envelope.recipient.rpartition("@")
    return envelope.smtputf8 or not local.isascii() or not envelope.sender.isascii()


def _mailbox(address: str) -> str:
    """The address as it goes on the wire: its domain in ASCII (RFC 5891) where the rest is."""
    local, _, domain = address.rpartition("@")
    if address.isascii() or not local.isascii():
        return address
    try:
        return f"{local}@{domain.encode('idna').decode()}"
    except UnicodeError:
        return address


def _commands(envelope: Envelope, connection: Connection) -> list[bytes]:
    options = ""
    if "SIZE" in connection.offers:
        options += f" SIZE={len(envelope.content)}"
    if "8BITMIME" in connection.offers and not envelope.content.isascii():
        options += " BODY=8BITMIME"
    notify = connection.server.notify if "DSN" in connection.offers else ""
    if notify:
        options += " RET=HDRS"
    recipient = _mailbox(envelope.recipient)
    if _needs_utf8(envelope) or not recipient.isascii():
        options += " SMTPUTF8"
    rcpt = f"RCPT TO:<{recipient}> {notify}".rstrip()
    return [f"MAIL FROM:<{envelope.sender}>{options}\r\n".encode(), f"{rcpt}\r\n".encode(), _DATA]
