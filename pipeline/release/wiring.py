"""From settings to what the rooms are handed: for faces (commands, tasks, pages) and nobody else."""

from __future__ import annotations

import datetime as dt
from functools import lru_cache
from urllib.parse import urlsplit

from django.conf import settings
from django.db import Error

from pipeline import clock
from pipeline.delivery import fence, paces, throttle
from pipeline.delivery.letters import Stationery
from pipeline.delivery.sender import Desk
from pipeline.delivery.throttle import Throttles
from pipeline.delivery.transports import is_local, open_transport
from pipeline.delivery.transports.base import Transport
from pipeline.environment import Environment
from pipeline.release.letters import Press


def environment() -> Environment:
    """The operator's settings, as read at start."""
    found: Environment = settings.KIT
    return found


def mails_stay_here() -> bool:
    """True where no mail leaves this machine: a Maildir, or a server on loopback."""
    return is_local(environment().transport_url)


def press() -> Press:
    """Where letters are made. Plain http is allowed where both the site and the transport are this machine."""
    held = environment()
    host = urlsplit(held.base_url).hostname or ""
    stay = mails_stay_here()
    here = stay and host in ("localhost", "127.0.0.1", "::1")
    return Press(
        held.emails_dir,
        held.base_url,
        local=here,
        here=stay,
        throttles=throttles(),
        stationery=stationery(),
        cfbl_address=held.cfbl_address,
    )


def stationery() -> Stationery:
    """What every mail of this installation carries."""
    held = environment()
    return Stationery(held.return_path, held.dkim_dir)


def throttles() -> Throttles:
    """Which mailbox providers are written to at a pace of their own; none where mails only go into a mailbox here."""
    held = environment()
    if held.transport_url.startswith("file:") and not held.throttles:
        return Throttles({}, {})
    return throttle.parse(held.throttles)


def identity() -> str:
    held = environment()
    return fence.identity(held.data_dir, held.installation_id)


@lru_cache(maxsize=1)
def desk() -> Desk:
    """What a sender of this process works with; its connections are kept from one task to the next."""
    held = environment()
    return Desk(
        held.data_dir / "journal",
        identity(),
        transport(held.transport_url),
        clock.now,
        throttles=throttles(),
        give_up=dt.timedelta(hours=held.retry_hours),
        stationery=stationery(),
    )


@lru_cache(maxsize=1)
def transport(url: str) -> Transport:
    """The way out, opened once per process."""
    return open_transport(url, _permits)


def _permits(server: str, rate: float, want: int) -> int:
    """How many messages may go to a server now; none while the database, where all senders count together, is away."""
    try:
        return paces.take(f"server {server}", rate, want, now=clock.now())
    except Error:
        return 0
