"""Starts children, starts the dead again, stops them in order."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pipeline.serve.programs import Program

logger = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 5.0
STEADY = 30.0


@dataclass(slots=True)
class _Child:
    program: Program
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    pause: float = FIRST_PAUSE
    again: float = 0.0


@dataclass(slots=True)
class Supervisor:
    """Keeps programs running until told to stop. Each child has a session of its own, and dies with us whatever happens."""

    environ: Mapping[str, str]
    children: dict[str, _Child] = field(default_factory=dict)
    _stop: bool = False

    def start(self, programs: Sequence[Program]) -> None:
        for program in programs:
            self.children[program.name] = child = _Child(program)
            self._spawn(child)

    def run(self) -> None:
        """Watch until SIGTERM or SIGINT, then stop everything in order."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._ask)
        try:
            while not self._stop:
                self.watch()
                time.sleep(0.2)
        finally:
            self.stop()

    def watch(self) -> None:
        """Start again what has died, after a pause that grows while it keeps dying."""
        now = time.monotonic()
        for child in self.children.values():
            if child.process is not None and child.process.poll() is not None:
                code, child.process = child.process.returncode, None
                if now - child.started > STEADY:
                    child.pause = FIRST_PAUSE
                logger.warning("%s stopped (%s); started again in %.1f s", child.program.name, code, child.pause)
                child.again = now + child.pause
                child.pause = min(child.pause * 2, LONGEST_PAUSE)
            elif child.process is None and now >= child.again:
                self._spawn(child)

    def stop(self) -> None:
        """Stop beat first, so that nothing new begins; Redis last. What does not stop in its time is killed."""
        groups = [("calendrier",), ("web", "rebonds"), ("envois", "courrier", "kit"), ("redis",)]
        for names in groups:
            children = [self.children[name] for name in names if name in self.children]
            for child in children:
                _signal(child, signal.SIGTERM)
            for child in children:
                _wait(child)

    def _ask(self, *_: object) -> None:
        self._stop = True

    def _spawn(self, child: _Child) -> None:
        command = [sys.executable, "-m", "pipeline.serve.child", str(os.getpid()), *child.program.command]
        child.started = time.monotonic()
        child.process = subprocess.Popen(
            command, env=dict(self.environ), start_new_session=True, stdin=subprocess.DEVNULL
        )


def _signal(child: _Child, number: signal.Signals) -> None:
    if child.process is not None and child.process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            child.process.send_signal(number)


def _wait(child: _Child) -> None:
    if child.process is None:
        return
    try:
        child.process.wait(child.program.patience)
    except subprocess.TimeoutExpired:
        logger.warning("%s did not stop within %.0f s: killed", child.program.name, child.program.patience)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.process.pid, signal.SIGKILL)
        child.process.wait(5)
