"""Where a request comes from, when others stand in front: only what our own proxies say is believed."""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Iterable
from functools import lru_cache
from typing import TypeAlias

from django.conf import settings
from django.http import HttpRequest

logger = logging.getLogger(__name__)

Ip: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


def client(request: HttpRequest) -> str:
    """The address of whoever asks; ``""`` where it is not known (a socket of this machine without a proxy's word)."""
    peer, forwarded = str(request.META.get("REMOTE_ADDR", "")), str(request.META.get("HTTP_X_FORWARDED_FOR", ""))
    trusted = networks(settings.KIT.proxies)
    near = parse(peer)
    if forwarded and near is not None and near.is_private and not _is_in(near, trusted):
        _tell(str(near))
    return walk(peer, forwarded, trusted)


@lru_cache(maxsize=8)
def _tell(peer: str) -> None:
    """Once per neighbour: most likely a proxy of ours that nobody named, behind which all readers look like one."""
    logger.warning("X-Forwarded-For of %s is not believed: is it a proxy of yours? Then name it in KIT_PROXIES", peer)


def walk(peer: str, forwarded: str, proxies: Iterable[Network]) -> str:
    """The last address of the way here that is not one of ``proxies``.

    ``X-Forwarded-For`` is read from its right end, where our own proxies write: what stands left of the first address that is not
    theirs was written by whoever asked, and says nothing. A ``peer`` without an address is a socket that only our proxy opens.
    """
    trusted = tuple(proxies)
    last = parse(peer)
    if last is None and peer:
        return ""
    if last is not None and not _is_in(last, trusted):
        return str(last)
    for written in reversed(forwarded.split(",")):
        hop = parse(written)
        if hop is None:
            break
        last = hop
        if not _is_in(hop, trusted):
            break
    return str(last) if last is not None else ""


def parse(written: str) -> Ip | None:
    """An address as proxies write it: IPv4, IPv6, either with a port (``192.0.2.1:443``, ``[2001:db8::1]:443``), IPv4 in IPv6."""
    text = written.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


@lru_cache(maxsize=16)
def networks(written: tuple[str, ...]) -> tuple[Network, ...]:
    """As ``KIT_PROXIES`` names them; checked at start (:mod:`pipeline.environment`)."""
    return tuple(ipaddress.ip_network(one) for one in written)


def _is_in(address: Ip, trusted: Iterable[Network]) -> bool:
    return any(address in network for network in trusted)
