from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from pipeline.content import sandbox
from pipeline.content.fiche import Fiche
from tests.content import factories
from tests.content.factories import RULES

SLOW = "[" * 10_000


def good() -> Fiche | None:
    return sandbox.read_fiche(factories.fiche(), factories.path(), RULES)[0]


def test_the_child_is_killed_at_the_deadline_and_the_next_text_is_read() -> None:
    fiche, faults = sandbox.read_fiche(factories.fiche(body=SLOW), factories.path(), RULES, seconds=0.3)
    assert fiche is None
    assert [fault.path for fault in faults] == [factories.path()]
    assert good() is not None


def test_a_child_that_was_killed_while_idle_is_replaced_without_a_fault() -> None:
    assert good() is not None
    assert sandbox._child is not None
    os.kill(sandbox._child._process.pid, 9)
    assert good() is not None


def test_one_child_serves_all_threads() -> None:
    assert good() is not None
    found: list[Fiche | None] = []
    threads = [threading.Thread(target=lambda: found.append(good())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert all(found)


def test_a_forked_process_starts_a_child_of_its_own() -> None:
    assert good() is not None
    assert sandbox._child is not None
    child = sandbox._child._process
    forked = os.fork()
    if forked == 0:
        try:
            inherited = sandbox._child is None
            os._exit(0 if inherited and good() is not None and sandbox._child is not None else 1)
        finally:
            os._exit(2)
    assert os.waitpid(forked, 0)[1] == 0
    assert child.poll() is None
    assert good() is not None


def test_the_child_ends_with_its_parent() -> None:
    code = (
        "import os\n"
        "from pipeline.content import sandbox\n"
        "from tests.content import factories\n"
        "sandbox.read_fiche(factories.fiche(), factories.path(), factories.RULES)\n"
        "print(sandbox._child._process.pid, flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    pid = int(done.stdout)
    for _ in range(200):
        try:
            os.kill(pid, 0)
            with open(f"/proc/{pid}/stat", encoding="ascii") as stat:  # noqa: PTH123
                if ") Z " in stat.read():
                    return
        except (ProcessLookupError, FileNotFoundError):
            return
        threading.Event().wait(0.05)
    pytest.fail("the child outlived its parent")


def test_secrets_stay_with_the_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KIT_SECRET_KEY", "s" * 40)
    sandbox.stop()
    assert good() is not None
    assert sandbox._child is not None
    with open(f"/proc/{sandbox._child._process.pid}/environ", "rb") as environ:  # noqa: PTH123
        assert b"KIT_SECRET_KEY" not in environ.read()
    sandbox.stop()
