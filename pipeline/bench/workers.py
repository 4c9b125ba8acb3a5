"""Redis and the sending workers of the installation under test, started as `kit serve` starts them."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from urllib.parse import parse_qsl, urlencode, urlsplit

from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from pipeline.bench.children import BenchError
from pipeline.broker import app
from pipeline.environment import Environment
from pipeline.serve.programs import NoRedis, programs
from pipeline.serve.supervisor import Supervisor

START = 60.0
"""How long the workers may take to answer, in seconds."""
REDIS, SENDERS = "redis", "envois"


def smtp_url(urls: Sequence[str], connections: int) -> str:
    """``KIT_SMTP_URL`` for these servers, with so many connections of each sending process."""
    return " ".join(_with_connections(url, connections) for url in urls)


@contextmanager
def redis(environment: Environment) -> Iterator[int]:
    """The embedded Redis; gives its process.

    Raises:
        BenchError: none is installed.
    """
    (environment.data_dir / "run").mkdir(parents=True, exist_ok=True, mode=0o700)
    environment.redis_socket.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _running(environment, REDIS, {}) as supervisor:
        yield pid(supervisor, REDIS)


@contextmanager
def workers(environment: Environment, *, url: str, processes: int) -> Iterator[Supervisor]:
    """``processes`` sending processes that hand their mail to ``url``, ready to be woken.

    Raises:
        BenchError: they do not start.
    """
    with _running(environment, SENDERS, {"KIT_SMTP_URL": url}, senders=processes) as supervisor:
        _await(supervisor)
        yield supervisor


def pid(supervisor: Supervisor, name: str) -> int:
    """The process of a program that runs.

    Raises:
        BenchError: it has ended. `kit serve` would start it again; figures that were taken across its death mean nothing.
    """
    process = supervisor.children[name].process
    if process is None or process.poll() is not None:
        raise BenchError(f"« {name} » s’est arrêté : relire ce qu’il dit plus haut.")
    return process.pid


@contextmanager
def _running(
    environment: Environment, name: str, settings: Mapping[str, str], *, senders: int = 1
) -> Iterator[Supervisor]:
    try:
        every = programs(environment, host="127.0.0.1", port=0, senders=senders)
    except NoRedis as error:
        raise BenchError(str(error)) from error
    quiet = {"PYTHONWARNINGS": "ignore:You're running the worker with superuser"}
    supervisor = Supervisor({**quiet, **os.environ, **settings})
    supervisor.start([program for program in every if program.name == name])
    try:
        yield supervisor
    finally:
        supervisor.stop()


def _await(supervisor: Supervisor) -> None:
    end = time.monotonic() + START
    while time.monotonic() < end:
        try:
            if app.control.ping(timeout=0.5, limit=1):
                return
        except (OperationalError, RedisError):
            time.sleep(0.1)  # Redis is on its way
        pid(supervisor, SENDERS)
    raise BenchError(f"Les ouvriers ne répondent pas après {START:.0f} s : relire ce qu’ils disent plus haut.")


def _with_connections(url: str, connections: int) -> str:
    parts = urlsplit(url)
    return parts._replace(query=urlencode([*parse_qsl(parts.query), ("connections", str(connections))])).geturl()
