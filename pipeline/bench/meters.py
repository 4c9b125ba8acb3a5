"""What processes use, as the kernel tells it (proc(5)): CPU seconds of a tree, the memory of each of its processes."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field
from pathlib import Path

_PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")


def tree(root: int) -> list[int]:
    """``root`` and all that descend from it."""
    parents: dict[int, list[int]] = {}
    for path in _PROC.glob("[0-9]*"):
        if (fields := _stat(int(path.name))) is not None:
            parents.setdefault(int(fields[1]), []).append(int(path.name))
    found = [root]
    for pid in found:
        found += parents.get(pid, [])
    return found


def cpu_seconds(root: int) -> float:
    """User and system time of ``root`` and its descendants, those that have ended included."""
    ticks = 0
    for pid in tree(root):
        if (fields := _stat(pid)) is not None:
            ticks += sum(int(field) for field in fields[11:15])  # utime, stime, and those of children waited for
    return ticks / _TICKS


def memory_mb(pid: int) -> float:
    """The proportional set size of a process, in MB of 10⁶ bytes: a page shared by n processes counts for one n-th."""
    with contextlib.suppress(OSError):
        for line in (_PROC / str(pid) / "smaps_rollup").read_text(encoding="ascii").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024 / 1e6
    return 0.0


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat from the state on; None where the process is gone."""
    with contextlib.suppress(OSError):
        return (_PROC / str(pid) / "stat").read_text(encoding="latin-1").rpartition(")")[2].split()
    return None


@dataclass(slots=True)
class Meter:
    """What a run used. ``roots``: a part's name → the process it starts from, None where it is not ours to measure.

    ``workers`` is the part whose descendants send. ``memory``: the most that any of them took, MB, at each look.
    """

    roots: dict[str, int | None]
    workers: str
    memory: list[float] = field(default_factory=list)
    _before: dict[str, float] = field(default_factory=dict)

    def start(self) -> None:
        self._before = self._now()

    def sample(self) -> None:
        """Look at the memory; about once a second."""
        root = self.roots[self.workers]
        if root is not None:
            self.memory.append(max((memory_mb(pid) for pid in tree(root) if pid != root), default=0.0))

    def used(self) -> dict[str, float | None]:
        """CPU seconds of each part since the start; None for what is not ours."""
        now = self._now()
        return {name: now[name] - self._before[name] if name in now else None for name in self.roots}

    def _now(self) -> dict[str, float]:
        return {name: cpu_seconds(root) for name, root in self.roots.items() if root is not None}
