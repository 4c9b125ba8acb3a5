"""What every transport promises to the sender, and what it asks of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType
from typing import Protocol, Self

from pipeline.delivery.envelope import Envelope, Outcome

WINDOW = 16
"""At most this many envelopes rest on one answer of :meth:`Gate.before_mail`."""


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

    For each envelope that is sent, in this order: ``before_mail`` (with its window), ``still_wanted``, [MAIL FROM is
    written], ``intent``, ``before_dot``, [the dot is written], and then its outcome is yielded. With pipelining, the
    ``still_wanted`` of the next envelope is asked right after the ``before_dot`` of the current one, since its MAIL FROM
    rides with that dot. Where a connection is lost before the dot, the envelope is offered again on a new one: its
    ``still_wanted``, ``intent`` and ``before_dot`` are then asked again, ``before_mail`` is not.
    All calls come from the thread that runs ``deliver``. An exception raised here leaves through ``deliver``, once the
    connection is closed without a dot; the envelope asked about has not been sent. (In ``waiting``, and in
    ``still_wanted`` of the next one, the current message may be unsettled: see there.)
    """

    def before_mail(self, envelopes: Sequence[Envelope]) -> Sequence[bool]:
        """One answer for each of 1 to 16 envelopes, before the first MAIL FROM among them is written.

        False: nothing is written for this one, its outcome is ``withheld``. The place for reading what is new.
        """

    def still_wanted(self, envelope: Envelope) -> bool:
        """Immediately before the write that holds this MAIL FROM. Answer from memory (lease, what was last read).

        False: nothing is written for it, ``withheld``. Asked before any byte of the write goes out: an exception
        here leaves the message whose dot stands in the same write unsent as well.
        """

    def intent(self, envelope: Envelope) -> None:
        """The dot of this message is about to be written: note it before returning.

        From here to the outcome the message is uncertain if the process dies. Called once per attempt.
        """

    def before_dot(self, envelope: Envelope) -> bool:
        """Immediately before the write that holds the final dot; asked again each time that write had to wait.

        False: the dot is not written, the connection is closed, the outcome is ``withheld`` (it also settles the
        ``intent`` that stands before), and a new connection takes the rest.
        """

    def waiting(self) -> bool:
        """About once a second while the other side lets us wait: the place to renew a lease.

        False: wait no longer. The connection is closed; a message whose dot was written becomes ``unknown``, one
        before its dot ``withheld``. Not asked while a TCP connection or a TLS handshake is being made (limited to 30 s).
        An exception after the dot leaves that message without an outcome: treat its ``intent`` as unknown.
        """


class OpenGate:
    """A gate that lets everything through: for transactional mail and tests, and as a base class."""

    def before_mail(self, envelopes: Sequence[Envelope]) -> Sequence[bool]:
        return [True] * len(envelopes)

    def still_wanted(self, envelope: Envelope) -> bool:
        return True

    def intent(self, envelope: Envelope) -> None:
        return None

    def before_dot(self, envelope: Envelope) -> bool:
        return True

    def waiting(self) -> bool:
        return True


class Transport(Protocol):
    """One way out: one connection, used by one thread at a time. Open several for several connections."""

    def deliver(self, envelopes: Iterable[Envelope], gate: Gate) -> Iterator[Outcome]:
        """Send each envelope; yield exactly one outcome for each, in order, as soon as the other side has answered.

        ``envelopes`` is read lazily, at most ``2 * WINDOW`` ahead of the last outcome. Nothing is sent until the
        iterator is advanced. Leaving it early (``close()``, ``break``) closes the connection without completing
        anything: an envelope without an outcome has not been sent.

        Raises :class:`TransportUnavailable` (see there): what was not yielded is untouched.
        A transport keeps its connection for the next call.
        """

    def close(self) -> None:
        """Take leave of the other side. Idempotent; a later ``deliver`` connects again."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
