"""Reading a text in a child process, within a time and a memory.

Python-Markdown can take minutes on a hostile line and cannot be interrupted from inside. One child per process is started
at the first request and reused; it is killed at the deadline, and the next request starts another.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import selectors
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from pipeline.content import tree
from pipeline.content.errors import Fault
from pipeline.content.fiche import Fiche, Rules

SECONDS = 2.0
"""Wall time for one text; a full fiche takes a hundredth of it."""
_START_SECONDS = 60.0
_ROOT = Path(__file__).resolve().parents[2]


class SandboxError(Exception):
    """The child process cannot be started: nothing can be read. An operator's fault, not a writer's."""


def read_fiche(text: str, path: str, rules: Rules, *, seconds: float = SECONDS) -> tuple[Fiche | None, list[Fault]]:
    """Return the fiche of ``text`` without its images, or None and its faults. See :func:`pipeline.content.reading.parse`.

    Raises:
        SandboxError: the child process does not start.
    """
    data = _ask({"path": path, "text": text, "rules": _rules_json(rules)}, seconds)
    fiche = data.get("fiche")
    return (Fiche.from_json(fiche) if fiche else None), [Fault(*fault) for fault in data["faults"]]


def read_glossary(text: str, path: str, *, seconds: float = SECONDS) -> tuple[tree.Document | None, list[Fault]]:
    """Return the tree of a glossary, or None and its faults.

    Raises:
        SandboxError: the child process does not start.
    """
    data = _ask({"path": path, "text": text, "rules": None}, seconds)
    faults = [Fault(*fault) for fault in data["faults"]]
    return (tree.from_json(data["document"]) if "document" in data and not faults else None), faults


class _Child:
    """The child process and the two pipes to it."""

    def __init__(self) -> None:
        # Secrets stay with the parent; what the child reads comes from outside.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("KIT_")}
        environment |= {"PYTHONPATH": str(_ROOT), "PYTHONUTF8": "1"}
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "pipeline.content.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment,
                bufsize=0,
            )
        except OSError as error:
            raise SandboxError(str(error)) from error
        self._pipes = [pipe for pipe in (self._process.stdin, self._process.stdout) if pipe]
        self._in, self._out = (pipe.fileno() for pipe in self._pipes)
        os.set_blocking(self._in, False)
        os.set_blocking(self._out, False)
        if self.exchange(b"", _START_SECONDS) is None:
            self.kill()
            raise SandboxError(f"{sys.executable} -m pipeline.content.worker")

    def exchange(self, request: bytes, seconds: float) -> bytes | None:
        """Write ``request`` and return one line of answer; None at the deadline or when the child dies."""
        deadline = time.monotonic() + seconds
        left, received = memoryview(request), bytearray()
        with selectors.DefaultSelector() as selector:
            selector.register(self._out, selectors.EVENT_READ)
            if request:
                selector.register(self._in, selectors.EVENT_WRITE)
            while (wait := deadline - time.monotonic()) > 0:
                for key, _ in selector.select(wait):
                    try:
                        if key.fd == self._in:
                            left = left[os.write(self._in, left[:65536]) :]
                            if not left:
                                selector.unregister(self._in)
                            continue
                        part = os.read(self._out, 1 << 18)
                    except BlockingIOError:
                        continue
                    except OSError:  # it died: a broken pipe
                        return None
                    if not part:
                        return None
                    received += part
                    if part.endswith(b"\n"):
                        return bytes(received)
        return None

    def kill(self) -> None:
        self._process.kill()
        self.close()
        self._process.wait()

    def close(self) -> None:
        for pipe in self._pipes:
            with contextlib.suppress(OSError):
                pipe.close()

    def disown(self) -> None:
        """Forget, after a fork, the child of another process: close our copy of its pipes, do not wait for it."""
        self.close()
        self._process.returncode = 0


_child: _Child | None = None
_lock = threading.Lock()


def _ask(request: dict[str, Any], seconds: float) -> dict[str, Any]:
    # The child's own limit is later: it only serves when no parent is left to kill it.
    line = json.dumps(request | {"seconds": seconds + 1}).encode() + b"\n"
    with _lock:
        global _child  # noqa: PLW0603 - one child per process
        for fresh in (False, True):
            if _child is None:
                _child, fresh = _Child(), True  # noqa: PLW2901
            started = time.monotonic()
            reply = _child.exchange(line, seconds)
            if reply is not None:
                data: dict[str, Any] = json.loads(reply)
                return data
            late = time.monotonic() - started >= seconds
            _child.kill()
            _child = None
            if late or fresh:
                break
            # A child that was idle and is gone was killed by someone else: one new child, once.
    message = (
        f"le texte n’est pas lu après {seconds:g} secondes." if late else "le texte arrête le programme qui le lit."
    )
    mend = "Retirer ce qui se répète sans fin : crochets, astérisques, accents graves, citations imbriquées."
    return {"faults": [(request["path"], 0, "texte", message, mend)]}


def _rules_json(rules: Rules) -> dict[str, Any]:
    return {
        "season": rules.season,
        "kinds": rules.kinds,
        "competences": sorted(rules.competences),
        "territories": sorted(rules.territories),
        "themes": sorted(rules.themes),
    }


def stop() -> None:
    """End the child, if there is one. Called at exit."""
    global _child  # noqa: PLW0603
    with _lock:
        if _child is not None:
            _child.kill()
            _child = None


def _after_fork() -> None:
    global _child, _lock  # noqa: PLW0603
    _lock = threading.Lock()
    if _child is not None:
        _child.disown()
        _child = None


atexit.register(stop)
os.register_at_fork(after_in_child=_after_fork)
