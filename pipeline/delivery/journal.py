"""What a sender has done since its last commit: an append-only file per sender, locked while it lives.

A line ``i`` (intent) is written before a final dot, a line ``o`` (outcome) after its reply. The kernel keeps written lines
when the process dies, so in the same boot an intent without outcome is the only message that can be uncertain. Nothing is
synced: a journal of another boot says nothing, and what its batch had reserved is uncertain (at most a second of sending).
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.clock import boot_id
from pipeline.delivery.envelope import Outcome

_HEAD = "kit-journal 1"
_quoted = json.encoder.encode_basestring_ascii


@dataclass(slots=True)
class Record:
    """What a journal says about one lease: position → outcome, or None for an intent whose outcome never came."""

    entries: dict[int, Outcome | None] = field(default_factory=dict)


class JournalFull(OSError):
    """A line could not be written whole: there is no room, or the disk is broken. Nothing of the line stands in the journal."""


class Journal:
    """The journal of this process, for one sender at a time. Hold it open while a lease is held."""

    def __init__(self, folder: Path) -> None:
        """Raises OSError where the file cannot be made."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._descriptor = -1
        while self._descriptor < 0:
            self.name = f"{os.getpid()}-{secrets.token_hex(8)}"
            self.path = folder / f"{self.name}.journal"
            self._descriptor = _made(self.path)
        self._prefix = b""
        self._head = f"{_HEAD} {boot_id()}\n".encode()
        try:
            self._write(self._head)
        except JournalFull:
            self.close()
            raise

    def lease(self, batch: int, lease: int) -> None:
        """The lines that follow belong to this lease."""
        self._prefix = b"%d %d " % (batch, lease)

    def intent(self, position: int) -> None:
        """Raises :class:`JournalFull`: then the message must not be sent."""
        self._write(b"i %b%d\n" % (self._prefix, position))

    def outcome(self, outcome: Outcome) -> None:
        """Raises :class:`JournalFull`: the outcome is then known to the process alone, until its next commit."""
        told = f'["{outcome.verdict}",{outcome.code},"{outcome.enhanced}",{_quoted(outcome.text)},"{outcome.stage}"]'
        self._write(b"o %b%d %b\n" % (self._prefix, outcome.key, told.encode()))

    def cut(self) -> None:
        """Forget what stands in it: everything has been committed to the database."""
        os.ftruncate(self._descriptor, len(self._head))

    def close(self, *, keep: bool = False) -> None:
        """Let go of the file and remove it; ``keep`` it where a lease is still to be settled from it by whoever takes over."""
        if self._descriptor >= 0:
            if not keep:
                with contextlib.suppress(FileNotFoundError):
                    self.path.unlink()
            os.close(self._descriptor)
            self._descriptor = -1

    def _write(self, line: bytes) -> None:
        try:
            written = os.write(self._descriptor, line)
        except OSError as error:
            raise JournalFull(*error.args) from error
        if written != len(line):
            os.ftruncate(self._descriptor, os.fstat(self._descriptor).st_size - written)
            raise JournalFull(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _made(path: Path) -> int:
    """Make the file and lock it; -1 where it was swept before it could be locked."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    if os.fstat(descriptor).st_nlink:
        return descriptor
    os.close(descriptor)
    return -1


def is_dead(folder: Path, name: str) -> bool | None:
    """True where the journal's process is gone (its lock is free), False while it lives, None where there is no such file."""
    try:
        descriptor = _seized(folder / f"{name}.journal")
    except FileNotFoundError:
        return None
    if descriptor is None:
        return False
    os.close(descriptor)
    return True


def _seized(path: Path) -> int | None:
    """A journal of nobody, locked; None where it is somebody's. Raises FileNotFoundError."""
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def read(folder: Path, name: str, batch: int, lease: int) -> Record | None:
    """What the journal ``name`` says about a lease; None where it is missing, unreadable, or of another boot."""
    try:
        lines = (folder / f"{name}.journal").read_bytes().split(b"\n")
    except FileNotFoundError:
        return None
    if lines[0].decode("ascii", "replace") != f"{_HEAD} {boot_id()}":
        return None
    record = Record()
    try:
        # What follows the last line end was torn: its writer was told so, or died before acting on it.
        for line in lines[1:-1]:
            _note(record, line, batch, lease)
    except ValueError:
        return None
    return record


def _note(record: Record, line: bytes, batch: int, lease: int) -> None:
    parts = line.split(b" ", 4)
    if parts[0] not in (b"i", b"o") or len(parts) < 4:
        raise ValueError("no line of a journal")
    if (int(parts[1]), int(parts[2])) != (batch, lease):
        return
    position = int(parts[3])
    if parts[0] == b"i":
        record.entries[position] = None
    elif len(parts) == 5:
        with contextlib.suppress(ValueError):  # nonsense settles nothing: the intent before it stands, uncertain
            verdict, code, enhanced, text, stage = json.loads(parts[4])
            record.entries[position] = Outcome(position, verdict, code, enhanced, text, stage)


def sweep(folder: Path, in_use: Iterable[str]) -> None:
    """Remove the journals of dead processes that no lease names any more.

    ``in_use`` is read once the dead are known: they take no lease any more. Each is removed under its lock, so that one which is just
    being made is either locked already or finds itself gone.
    """
    dead: dict[Path, int] = {}
    for path in folder.glob("*.journal"):
        with contextlib.suppress(FileNotFoundError):
            descriptor = _seized(path)
            if descriptor is not None:
                dead[path] = descriptor
    try:
        keep = set(in_use)
        for path in dead:
            if path.stem not in keep:
                path.unlink(missing_ok=True)
    finally:
        for descriptor in dead.values():
            os.close(descriptor)
