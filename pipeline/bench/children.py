"""Programs that a bench runs beside the workers: started to die with us, stopped politely, then not so."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from pipeline.bench.unprivileged import USER

PATIENCE = 10.0
"""How long a child may take to stop, in seconds."""


class BenchError(Exception):
    """The bench cannot run, or its figures do not count; the message is French."""


@contextmanager
def running(
    command: Sequence[str], *, log: Path, stdout: int | IO[bytes] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program of :func:`ours` or :func:`unprivileged` as long as the block lasts. Its stderr goes to ``log``."""
    with log.open("ab") as errors:
        process = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=errors if stdout is None else stdout,
            stderr=errors,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM, and SIGKILL to what does not hear it."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def ours(command: Sequence[str]) -> list[str]:
    """The command, made to die with us."""
    return [sys.executable, "-m", "pipeline.serve.child", str(os.getpid()), *command]


def unprivileged(command: Sequence[str]) -> list[str]:
    """The same, without root's rights where we have them: some programs refuse to run with those."""
    return [sys.executable, "-m", "pipeline.bench.unprivileged", str(os.getpid()), *command]


def give_away(path: Path) -> None:
    """Let an :func:`unprivileged` program write to ``path``."""
    if os.geteuid() == 0:
        entry = pwd.getpwnam(USER)
        os.chown(path, entry.pw_uid, entry.pw_gid)


def program(name: str) -> str | None:
    """Where a program of Debian's is; /usr/sbin is not on everybody's PATH."""
    return shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
