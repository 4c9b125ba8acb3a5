"""A whole installation in real processes: `kit serve` on a data folder of its own, with a wall clock that a test can move."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import libfaketime

from tests.factories import subscribers_csv, write_season

ROOT = Path(__file__).resolve().parent.parent
_FAKETIME = Path(libfaketime.__file__).parent / "vendor/libfaketime/src/libfaketime.so.1"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def faketime(offset: Path) -> dict[str, str]:
    """What an environment needs so that wall time follows the file ``offset``, and nothing else does (see :func:`move_wall`)."""
    return {
        "LD_PRELOAD": str(_FAKETIME),
        "FAKETIME_TIMESTAMP_FILE": str(offset),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",
    }


def move_wall(offset: Path, seconds: float) -> None:
    """Make wall time differ by ``seconds`` from the machine's, for all processes that follow ``offset``."""
    draft = offset.with_suffix(".new")
    draft.write_text(f"{seconds:+.3f}\n")
    draft.rename(offset)


class Installation:
    """Files, environment and processes of one installation. Use it as a context manager: it stops what it started."""

    def __init__(self, folder: Path, smtp: str, *, wall: dt.datetime | None = None) -> None:
        self.folder = folder
        self.port = free_port()
        self.environ = {name: value for name, value in os.environ.items() if not name.startswith(("KIT_", "DJANGO_"))}
        self.environ |= {
            "KIT_DATA_DIR": str(folder / "var"),
            "KIT_FICHES_DIR": str(folder / "fiches"),
            "KIT_SCHEDULES_DIR": str(folder / "schedules"),
            "KIT_SMTP_URL": smtp,
            "KIT_BASE_URL": f"http://127.0.0.1:{self.port}",
            "KIT_STAFF_MAIL": "equipe@essai.org",
        }
        self._server: subprocess.Popen[bytes] | None = None
        self._others: list[subprocess.Popen[bytes]] = []
        self.log = (folder / "serve.log").open("ab")
        if wall is not None:
            self._offset_file = folder / "offset"
            self.set_wall(wall)
            self.environ |= faketime(self._offset_file)

    def set_wall(self, wall: dt.datetime) -> None:
        """Make the processes' wall clock show ``wall`` now."""
        move_wall(self._offset_file, wall.timestamp() - time.time())

    def season(self, *, people: int, **options: Any) -> None:
        write_season(self.folder, **options)
        self.kit("apply", "--yes")
        self.kit("season", "activate", "essai")
        (self.folder / "people.csv").write_bytes(subscribers_csv(people))
        self.kit("subscribers", "import", str(self.folder / "people.csv"))

    def kit(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "pipeline.cli", *arguments],
            cwd=ROOT, env=self.environ, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        if check and done.returncode:
            raise AssertionError(f"kit {' '.join(arguments)}: {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def json(self, *arguments: str) -> Any:
        return json.loads(self.kit(*arguments, "--json").stdout)

    def serve(self) -> None:
        """Start `kit serve` and wait until its workers answer for the calendar."""
        command = [sys.executable, "-m", "pipeline.cli", "serve", "--port", str(self.port)]
        self._server = subprocess.Popen(command, cwd=ROOT, env=self.environ, stdout=self.log, stderr=self.log)
        before = self.scalar("select ticked_at from release_plan")
        self.wait(lambda: self.scalar("select ticked_at from release_plan") != before, 60, "no first tick")

    def second_beat(self) -> None:
        command = [sys.executable, "-m", "celery", "--quiet", "-A", "pipeline.worker", "beat", "--pidfile="]
        self._others.append(subprocess.Popen(command, cwd=ROOT, env=self.environ, stdout=self.log, stderr=self.log))

    def processes(self, *words: str) -> list[int]:
        """The processes of this installation whose command line holds all of ``words``."""
        data = self.environ["KIT_DATA_DIR"]
        mark = f"KIT_DATA_DIR={data}".encode()
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                line = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
                # Redis writes its title over its environment.
                ours = (
                    mark in (path / "environ").read_bytes() or f"unixsocket:{data}" in line or str(self.folder) in line
                )
                if ours and all(word in line for word in words):
                    found.append(int(path.name))
        return found

    def kill(self, *words: str) -> int:
        """kill -9 every such process; return how many."""
        found = self.processes(*words)
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return len(found)

    def kill_server(self) -> None:
        """kill -9 of `kit serve` itself."""
        assert self._server is not None
        self._server.kill()
        self._server.wait()
        self.wait(lambda: not self.processes(), 10, "children survive")

    def stop(self) -> int:
        """Ctrl-C; return the exit code."""
        assert self._server is not None
        self._server.send_signal(signal.SIGINT)
        return self._server.wait(60)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        path = self.folder / "var/kit.sqlite3"
        if not path.exists():
            return []
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as connection:
            try:
                return connection.execute(sql).fetchall()
            except sqlite3.OperationalError:
                return []

    def scalar(self, sql: str) -> Any:
        found = self.rows(sql)
        return found[0][0] if found else None

    def wait(self, done: Callable[[], Any], seconds: float, message: str) -> None:
        end = time.monotonic() + seconds
        while not done():
            if time.monotonic() > end:
                log = (self.folder / "serve.log").read_text(errors="replace")[-3000:]
                raise AssertionError(f"{message} within {seconds} s\n{log}")
            time.sleep(0.1)

    def get(self, path: str) -> tuple[int, bytes]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in (self._server, *self._others):
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()
        self.kill()
        self.log.close()


def lines(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_text().splitlines():
        yield json.loads(line)
