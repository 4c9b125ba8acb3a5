"""Everything the fault suite runs on, in real processes: PostgreSQL or SQLite, Redis, the workers of `kit serve`, an SMTP server.

Nothing here knows Django: the settings are made here, and the suite's own process reads them like any other.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit, urlunsplit

import psutil
import psycopg
import redis

from pipeline import environment
from pipeline.serve.programs import Program, programs
from tests.faults.receiver import Receiver
from tests.installation import ROOT, faketime, free_port, move_wall

PATIENCE = 60.0
"""Seconds for anything to happen: far more than it takes, so that only what never happens fails."""


class Never(AssertionError):
    """What was waited for did not happen."""


def until(done: Callable[[], Any], what: str, *, meanwhile: Callable[[], None] | None = None) -> None:
    """Wait until ``done``. Raises :class:`Never`."""
    end = time.monotonic() + PATIENCE
    while not done():
        if time.monotonic() > end:
            raise Never(what)
        if meanwhile is not None:
            meanwhile()
        time.sleep(0.02)


class Postgres:
    """A server of our own from the wheel, in a data folder of its own."""

    def __init__(self) -> None:
        import pgserver

        self.folder = Path(tempfile.mkdtemp(prefix="chaos-pg-"))
        self._server: Any = pgserver.get_server(self.folder, cleanup_mode="stop")
        with psycopg.connect(self._server.get_uri(), autocommit=True) as connection:
            connection.execute("CREATE DATABASE chaos")
        parts = urlsplit(self._server.get_uri())
        self.url = urlunsplit(parts._replace(path="/chaos"))

    def crash(self) -> None:
        """Every process of it ends at once, nothing is written out; it starts again and recovers."""
        from pgserver import _commands

        _commands.pg_ctl(["stop", "-m", "immediate", "-w"], pgdata=self.folder, user=self._server.system_user)
        self._server.ensure_postgres_running()

    def cut_connections(self) -> int:
        """End every connection to our database from the server's side; return how many."""
        with psycopg.connect(self._server.get_uri(), autocommit=True) as connection:
            done = connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'chaos'"
            ).fetchall()
        return len(done)

    @contextmanager
    def proxied(self) -> Iterator[Callable[[str], None]]:
        """A proxy before it, and the function that gives it orders (:mod:`tests.faults.proxy`); see :attr:`proxied_url`."""
        (socket,) = Path(dict(parse_qsl(urlsplit(self.url).query))["host"]).glob(".s.PGSQL.*[0-9]")
        command = [sys.executable, "-m", "tests.faults.proxy", "0", str(socket)]
        with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            self.proxied_url = f"postgresql://postgres@127.0.0.1:{int(process.stdout.readline())}/chaos"

            def order(word: str) -> None:
                assert process.stdin is not None
                assert process.stdout is not None
                process.stdin.write(word.encode() + b"\n")
                process.stdin.flush()
                process.stdout.readline()

            yield order
            process.stdin.close()

    def stop(self) -> None:
        self._server.cleanup()
        shutil.rmtree(self.folder, ignore_errors=True)


class Worker:
    """A program of `kit serve` as a child of ours, in a session of its own; it dies with us."""

    def __init__(self, program: Program, environ: Mapping[str, str], log: Path) -> None:
        with log.open("ab") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "pipeline.serve.child", str(os.getpid()), *program.command],
                cwd=ROOT, env=dict(environ), stdout=file, stderr=file, start_new_session=True,
            )  # fmt: skip

    def children(self) -> list[int]:
        """Its pool's processes."""
        try:
            return [child.pid for child in psutil.Process(self.process.pid).children()]
        except psutil.NoSuchProcess:
            return []

    def terminate(self) -> int:
        """SIGTERM as a deploy sends it; return the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)

    def kill(self) -> None:
        """kill -9 of it and of its pool."""
        children = self.children()
        self.process.kill()
        for pid in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()


class Ground:
    """Use it as a context manager: it stops what it started."""

    def __init__(self, folder: Path, kind: str) -> None:
        self.folder, self.kind = folder, kind
        self.data = folder / "data"
        self.data.mkdir()
        self.postgres = Postgres() if kind == "postgresql" else None
        self.receiver = Receiver(folder / "record")
        self.receiver.start()
        self.smtp = f"smtp://127.0.0.1:{self.receiver.port}/?connections=4"
        self.port = free_port()
        self.plan, self.hits_file = folder / "plan.json", folder / "hits"
        self.environ = {k: v for k, v in os.environ.items() if not k.startswith(("KIT_", "DJANGO_", "PYTEST_"))} | {
            "DJANGO_SETTINGS_MODULE": "pipeline.settings",
            "KIT_DATA_DIR": str(self.data),
            "KIT_DATABASE_URL": self.postgres.url if self.postgres else "",
            "KIT_SMTP_URL": self.smtp,
            "KIT_BASE_URL": f"http://127.0.0.1:{self.port}",
            "KIT_SECRET_KEY": secrets.token_hex(32),
            "KIT_STAFF_MAIL": "equipe@essai.org",
            "CHAOS_PLAN": str(self.plan),
            "CHAOS_HITS": str(self.hits_file),
        }
        self.arm(())
        self.redis_server: Worker | None = None
        self.workers: list[Worker] = []

    def start(self, name: str, **changes: str) -> Worker:
        """Start a program of `kit serve` by its name there, with traps in it; ``changes`` are to its environment."""
        environ = self.environ | changes
        settings = environment.read(environ)
        (found,) = [one for one in programs(settings, host="127.0.0.1", port=self.port) if one.name == name]
        trapped = tuple("tests.faults.saboteur" if word == "pipeline.worker" else word for word in found.command)
        made = Worker(Program(name, trapped, found.patience), environ, self.folder / f"{name}.log")
        self.workers.append(made)
        return made

    def senders(self, **changes: str) -> Worker:
        """The bulk worker: two processes. Returns when they are there."""
        made = self.start("envois", **changes)
        until(lambda: len(made.children()) >= 2, "the bulk worker has no processes")
        return made

    def start_redis(self) -> None:
        settings = environment.read(self.environ)
        settings.redis_socket.parent.mkdir(parents=True, exist_ok=True)
        self.redis_server = self.start("redis")
        self.workers.remove(self.redis_server)
        until(settings.redis_socket.exists, "Redis does not listen")

    def kill_redis(self) -> None:
        assert self.redis_server is not None
        self.redis_server.kill()
        environment.read(self.environ).redis_socket.unlink()

    def silence_redis(self, seconds: float) -> None:
        """It neither answers nor closes anything for a while."""
        assert self.redis_server is not None
        os.kill(self.redis_server.process.pid, signal.SIGSTOP)
        time.sleep(seconds)
        os.kill(self.redis_server.process.pid, signal.SIGCONT)

    def flush_redis(self) -> None:
        with self._client() as client:
            client.flushall()

    def diagnose(self) -> str:
        """How things stand where nothing goes on: what waits in Redis; each worker writes where it is into its log."""
        for one in self.workers:
            for pid in (one.process.pid, *one.children()):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGUSR2)
        try:
            with self._client() as client:
                waiting = {queue: client.llen(queue) for queue in ("transactional", "bulk")}
                return f"waiting in Redis: {waiting}, unacknowledged: {client.hlen('unacked')}"
        except redis.RedisError as error:
            return str(error)

    def _client(self) -> redis.Redis:
        return redis.Redis(unix_socket_path=str(environment.read(self.environ).redis_socket), socket_timeout=2)

    def arm(self, points: Sequence[str], act: str = "kill") -> None:
        """Have senders die (or ``stop``) at these points, one after the other (:mod:`tests.faults.saboteur`)."""
        self.hits_file.unlink(missing_ok=True)
        draft = self.plan.with_suffix(".new")
        draft.write_text(json.dumps({"points": list(points), "act": act}))
        draft.rename(self.plan)

    def hits(self) -> list[tuple[str, int]]:
        """Where who was struck, in order."""
        if not self.hits_file.exists():
            return []
        return [(point, int(pid)) for point, pid in map(str.split, self.hits_file.read_text().splitlines())]

    def fake_wall(self) -> tuple[dict[str, str], Callable[[float], None]]:
        """Changes to an environment under which wall time can be moved, and what moves it by so many seconds."""
        path = self.folder / "offset"
        move_wall(path, 0)
        return faketime(path), lambda seconds: move_wall(path, seconds)

    def stop(self, *workers: Worker) -> None:
        for one in workers:
            one.kill()
            self.workers.remove(one)

    def __enter__(self) -> Self:
        self.start_redis()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop(*self.workers)
        if self.redis_server is not None:
            self.redis_server.kill()
        self.receiver.kill()
        if self.postgres is not None:
            self.postgres.stop()
