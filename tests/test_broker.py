"""Waking a worker never holds anybody up, and never fails what it stands beside."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def frozen_redis():  # type: ignore[no-untyped-def]
    """A server that accepts connections and says nothing."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        held: list[socket.socket] = []

        def accept() -> None:
            while True:
                try:
                    held.append(listener.accept()[0])
                except OSError:
                    return

        threading.Thread(target=accept, daemon=True).start()
        yield f"redis://127.0.0.1:{listener.getsockname()[1]}/0"
        for one in held:
            one.close()


def run(code: str, url: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """A process that wakes workers through the Redis at ``url``."""
    environ = {
        "KIT_REDIS_URL": url,
        "KIT_DATA_DIR": str(folder),
        "DJANGO_SETTINGS_MODULE": "pipeline.settings",
        "PATH": "/bin",
    }
    return subprocess.run(
        [sys.executable, "-c", code], env=environ, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize("gone", [False, True])
def test_a_redis_that_does_not_answer_is_given_up(frozen_redis: str, gone: bool, tmp_path: Path) -> None:
    url = "redis://127.0.0.1:1/0" if gone else frozen_redis
    code = (
        "import django; django.setup()\n"
        "from pipeline import broker\n"
        "print([broker.wake('pipeline.tasks.tick', 'transactional') for _ in range(2)])"
    )
    # A publisher that retries would never come back: the time limit is the assertion.
    done = run(code, url, tmp_path)
    assert done.stdout.strip() == "[False, False]", done.stderr
    assert "the next tick will" in done.stderr


def test_as_many_are_woken_as_there_is_work_for(tmp_path: Path) -> None:
    from pipeline.serve.programs import _redis

    socket_path = tmp_path / "redis.sock"
    server = subprocess.Popen(_redis(socket_path, tmp_path).command, stdout=subprocess.DEVNULL)
    try:
        code = (
            "import time, django; django.setup()\n"
            "from pipeline import broker\n"
            "for _ in range(100):\n"
            "    if broker.wake('pipeline.tasks.tick', 'transactional'): break\n"
            "    time.sleep(0.05)\n"
            "broker.wake_all('pipeline.tasks.send', 'bulk', 3)\n"
            "broker.wake_all('pipeline.tasks.release', 'kit', 1000)\n"
            "with broker.app.producer_or_acquire() as producer:\n"
            "    print(*(producer.channel.client.llen(queue) for queue in ('bulk', 'kit')))"
        )
        done = run(code, f"redis+socket://{socket_path}", tmp_path)
        assert done.stdout.strip() == "3 16", done.stderr
    finally:
        server.terminate()
        server.wait(10)
