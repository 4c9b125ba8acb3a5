"""How often something may be done: counted in Redis, over a moving window, without keeping whom it was done for.

Keys are HMACs under the installation's secret: Redis holds no address and no network that could be read back. What must hold
whatever Redis forgets is counted in the database (:mod:`pipeline.audience.quotas`). So a Redis that does not answer refuses
nobody: it is told in the log, and left alone for :data:`PATIENCE` seconds, so that requests do not each wait for it.
"""

from __future__ import annotations

import hmac
import logging
import math
import time
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import parse_qs, urlsplit

from django.conf import settings
from limits import RateLimitItemPerSecond
from limits.storage import RedisStorage
from limits.strategies import MovingWindowRateLimiter
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

SOCKET_SECONDS = 0.5
PATIENCE = 5.0
_PREFIX = "kit-limits"


@dataclass(frozen=True, slots=True)
class Limit:
    """``most`` times within any ``seconds``. ``name`` keeps the counts of different limits apart."""

    name: str
    most: int
    seconds: int


@dataclass(slots=True)
class _Rest:
    """Until when Redis is left alone, on the monotonic clock."""

    until: float = 0.0


_rest = _Rest()


def take(limit: Limit, *subject: str) -> int:
    """Count one more for ``subject``. Returns 0 where it may be done, else the seconds until it may be done again."""
    if time.monotonic() < _rest.until:
        return 0
    try:
        return _take(limit, _key(limit.name, *subject))
    except (RedisError, OSError) as error:
        _rest.until = time.monotonic() + PATIENCE
        logger.warning("limit %s is not counted: Redis does not answer (%s)", limit.name, error.__class__.__name__)
        return 0


def _take(limit: Limit, key: str) -> int:
    limiter = _limiter(settings.KIT.broker_url)
    item = RateLimitItemPerSecond(limit.most, limit.seconds, limit.name)
    if limiter.hit(item, key):
        return 0
    return max(1, math.ceil(limiter.get_window_stats(item, key).reset_time - time.time()))


@lru_cache(maxsize=4)
def _limiter(url: str) -> MovingWindowRateLimiter:
    """One pool of connections per process and server. Nothing is asked of the server yet."""
    storage = RedisStorage(
        _redis_url(url),
        key_prefix=_PREFIX,
        socket_timeout=SOCKET_SECONDS,
        socket_connect_timeout=SOCKET_SECONDS,
    )
    return MovingWindowRateLimiter(storage)


def _redis_url(url: str) -> str:
    """Celery's ``redis+socket:///path?virtual_host=N`` as redis-py writes it; other URLs are the same for both."""
    parts = urlsplit(url)
    if parts.scheme != "redis+socket":
        return url
    database = parse_qs(parts.query).get("virtual_host", ["0"])[0]
    return f"unix://{parts.path}?db={database}"


def _key(*parts: str) -> str:
    """Its name in Redis; no two lists of parts have the same."""
    text = "".join(f"{len(part)}:{part}" for part in parts)
    return hmac.digest(_secret(settings.SECRET_KEY), text.encode(), "sha256").hex()[:32]


@lru_cache(maxsize=4)
def _secret(secret: str | bytes) -> bytes:
    raw = secret.encode() if isinstance(secret, str) else secret
    return hmac.digest(raw, b"pipeline.limits", "sha256")
