"""A Redis of a test's own, on a private socket, as `kit serve` starts one."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from pipeline.serve.programs import _redis


@contextlib.contextmanager
def redis_server() -> Iterator[str]:
    """The URL of an empty one, as ``KIT_REDIS_URL`` takes it; gone at the end of the block."""
    with tempfile.TemporaryDirectory(prefix="redis-") as name:
        path = Path(name) / "redis.sock"
        server = subprocess.Popen(_redis(path, Path(name)).command, stdout=subprocess.DEVNULL)
        try:
            _wait(path)
            yield f"redis+socket://{path}?virtual_host=0"
        finally:
            server.terminate()
            server.wait(10)


def _wait(path: Path) -> None:
    for _ in range(200):
        with contextlib.suppress(RedisError, OSError):
            Redis(unix_socket_path=str(path)).ping()
            return
        time.sleep(0.02)
    raise TimeoutError(path)
