"""What every transport promises to the sender, and what it asks of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Protocol, Self

from pipeline.delivery.envelope import Envelope, Outcome


class TransportUnavailable(Exception):
    """No connection can be had, or none that lasts; the message is French and meant for the operator.

    Raised out of the iterator of :meth:`Transport.deliver`. Every envelope whose outcome was not yielded before is
    untouched: none of its content was completed, it may be sent by anyone at any time.
    ``temporary`` is False where waiting will not help (certificate, credentials, address of the server, permissions).
    """

    def __init__(self, message: str, *, temporary: bool = True) -> None:
        super().__init__(message)
        self.temporary = temporary


class Gate(Protocol):
    """What the transport asks the sender at the moments that count. Subclass :class:`OpenGate` to answer only some.

    Before each write that holds a MAIL FROM or a final dot: ``refresh``, then ``wanted`` of each message whose MAIL FROM or dot
    stands in it, then ``intent`` of the one whose dot does, then the write. With pipelining, the MAIL FROM of the next
    message rides with the dot of the current one. Several connections may share one ``refresh``, right before their writes.
    On each connection an outcome is yielded before the next ``intent`` is asked for.
    All calls come from the thread that runs ``deliver``. An exception raised here leaves through ``deliver``, once the
    connections are closed: a message without ``intent`` has not been sent, one with an ``intent`` and no outcome is uncertain.
    """

    def refresh(self) -> None:
        """Read what is new: who has left, whether the mailing was stopped."""

    def wanted(self, envelope: Envelope) -> bool:
        """From memory: may this message's MAIL FROM, or its dot, be written now?

        False: it is not; the outcome is ``withheld`` (before a dot, the connection is given up for it).
        """

    def intent(self, envelope: Envelope) -> bool:
        """The dot of this message is about to be written: note it before returning True.

        From here to the outcome the message is uncertain if the process dies. False: it could not be noted, so that the dot
        is not written. Called once per attempt.
        """

    def waiting(self) -> bool:
        """About once a second while the other side lets us wait: the place to renew a lease.

        False: wait no longer. The connection is closed; a message whose dot was written becomes ``unknown``, one
        before its dot ``withheld``.
        """


class OpenGate:
    """A gate that lets everything through: for transactional mail and tests, and as a base class."""

    def refresh(self) -> None:
        return None

    def wanted(self, envelope: Envelope) -> bool:
        return True

    def intent(self, envelope: Envelope) -> bool:
        return True

    def waiting(self) -> bool:
        return True


class Transport(Protocol):
    """One way out, used by one thread at a time."""

    @property
    def width(self) -> int:
        """How many messages are under way at once where it is used to the full."""

    def deliver(self, envelopes: Iterable[Envelope], gate: Gate) -> Iterator[Outcome]:
        """Send each envelope; yield exactly one outcome for each, as soon as the other side has answered.

        One connection answers in order; several answer as they come. ``envelopes`` is read lazily, a few ahead of the last
        outcome. Nothing is sent until the iterator is advanced. Leaving it early
        (``close()``, ``break``) closes the connection without completing
        anything: an envelope without ``intent`` has not been sent.

        Raises :class:`TransportUnavailable` (see there): what was not yielded is untouched.
        A transport keeps its connection for the next call.
        """

    def close(self) -> None:
        """Take leave of the other side. Idempotent; a later ``deliver`` connects again."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
