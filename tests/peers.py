"""Real SMTP servers, each in a folder of its own and on loopback: Postfix, and smtp-sink, which comes with it."""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.certificates import Authority
from tests.packages import PATH, needs

START = 20.0
"""Seconds that a server has to come up or to do what it took on: far more than it needs."""

_MAIN = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/log/mail.log
maillog_file_prefixes = {folder}
daemon_directory = {daemons}
command_directory = {commands}
meta_directory = {meta}
shlib_directory = {libraries}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = peer.example.test
mydestination =
mynetworks = 127.0.0.0/8
default_transport = discard:
relay_transport = discard:
alias_maps =
local_recipient_maps =
smtputf8_enable = yes
strict_rfc821_envelopes = yes
smtpd_helo_required = yes
smtpd_forbid_bare_newline = yes
smtpd_forbid_unauth_pipelining = yes
smtpd_tls_security_level = may
smtpd_tls_cert_file = {certificate}
smtpd_tls_key_file = {key}
disable_vrfy_command = yes
"""
_MASTER = """\
127.0.0.1:{port} inet n - n - - smtpd
cleanup   unix  n - n - 0 cleanup
qmgr      unix  n - n 300 1 qmgr
tlsmgr    unix  - - n 1000? 1 tlsmgr
rewrite   unix  - - n - - trivial-rewrite
bounce    unix  - - n - 0 bounce
defer     unix  - - n - 0 bounce
trace     unix  - - n - 0 bounce
discard   unix  - - n - - discard
error     unix  - - n - - error
retry     unix  - - n - - error
anvil     unix  - - n - 1 anvil
proxymap  unix  - - n - - proxymap
scache    unix  - - n - 1 scache
postlog   unix-dgram n - n - 1 postlogd
"""


@dataclass(frozen=True)
class Postfix:
    """Takes everything and throws it away. ``ca``: what vouches for its certificate."""

    port: int
    ca: Path
    _log: Path

    def url(self, options: str = "", scheme: str = "smtp") -> str:
        return f"{scheme}://127.0.0.1:{self.port}/?ca={self.ca}&{options}".rstrip("&")

    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def delivered(self, count: int) -> list[str]:
        """The recipients it has dealt with, once these are ``count``, or when its time is up."""
        end = time.monotonic() + START
        while len(found := re.findall(r"to=<([^>]*)>.*status=sent", self.log())) < count and time.monotonic() < end:
            time.sleep(0.05)
        return found

    def complaints(self) -> list[str]:
        """What it found wrong with what it was told."""
        return [
            line for line in self.log().splitlines() if re.search(r"NOQUEUE|reject|improper|error:|fatal:|panic:", line)
        ]


@contextlib.contextmanager
def postfix() -> Iterator[Postfix]:
    """A Postfix of its own; only root can start one."""
    needs("postfix")
    if os.geteuid() != 0:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("needs root: Postfix changes its user")
    with _folder() as folder:
        authority = Authority(folder)
        certificate, key = authority.issue()
        for name in ("etc", "queue", "data", "log"):
            (folder / name).mkdir(mode=0o755)
        owner = pwd.getpwnam("postfix")
        os.chown(folder / "data", owner.pw_uid, owner.pw_gid)
        port = _free_port()
        main = _MAIN.format(folder=folder, certificate=certificate, key=key, **_places())
        (folder / "etc/main.cf").write_text(main)
        (folder / "etc/master.cf").write_text(_MASTER.format(port=port))
        try:
            with _running([_which("postfix"), "-c", str(folder / "etc"), "start-fg"], port):
                yield Postfix(port, authority.path, folder / "log/mail.log")
        finally:
            _end_master(folder / "queue/pid/master.pid")


def _end_master(pid_file: Path) -> None:
    """End the daemon and its children, which Postfix puts into a session of their own."""
    if not pid_file.exists():
        return
    master = int(pid_file.read_text())
    with contextlib.suppress(ProcessLookupError):
        os.kill(master, signal.SIGTERM)
        end = time.monotonic() + START
        while time.monotonic() < end:
            os.kill(master, 0)
            time.sleep(0.02)
        os.killpg(master, signal.SIGKILL)


@dataclass(frozen=True)
class SmtpSink:
    """Postfix's test server. ``mails``: what it took, each with its envelope in ``X-`` headers."""

    port: int
    _folder: Path

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}/"

    def recipients(self) -> list[str]:
        return [found for mail in self.mails() for found in re.findall(r"^X-Rcpt-Args: <([^>]*)>", mail, re.M)]

    def mails(self) -> list[str]:
        return [path.read_text() for path in self._folder.glob("mail.*")]


@contextlib.contextmanager
def smtp_sink(*options: str) -> Iterator[SmtpSink]:
    """smtp-sink with these options."""
    needs("smtp-sink")
    with _folder() as folder:
        port = _free_port()
        as_root = ["-u", "nobody"] if os.geteuid() == 0 else []
        command = [_which("smtp-sink"), *as_root, "-d", "mail.", *options, f"127.0.0.1:{port}", "64"]
        with _running(command, port, folder):
            yield SmtpSink(port, folder)


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    """A folder that a server's own user can reach: pytest's are closed to others."""
    with tempfile.TemporaryDirectory(prefix="kit-peer-", ignore_cleanup_errors=True) as made:
        folder = Path(made)
        if os.geteuid() == 0:
            folder.chmod(0o777)
        yield folder


@contextlib.contextmanager
def _running(command: list[str], port: int, folder: Path | None = None) -> Iterator[None]:
    """Run ``command`` in a session of its own until the block ends."""
    said = tempfile.TemporaryFile("w+")  # noqa: SIM115 - no pipe: a daemon left behind would hold it open
    process = subprocess.Popen(command, cwd=folder, start_new_session=True, stdout=said, stderr=said)
    try:
        end = time.monotonic() + START
        while not _listens(port):
            if process.poll() is not None or time.monotonic() > end:
                said.seek(0)
                pytest.fail(f"{command[0]} did not come up: {said.read()}")
            time.sleep(0.02)
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        said.close()


def _places() -> dict[str, str]:
    """Where this Postfix keeps its programs."""
    names = {
        "daemons": "daemon_directory",
        "commands": "command_directory",
        "meta": "meta_directory",
        "libraries": "shlib_directory",
    }
    return {
        name: subprocess.run(
            [_which("postconf"), "-dh", setting], capture_output=True, text=True, check=True
        ).stdout.strip()
        for name, setting in names.items()
    }


def _which(program: str) -> str:
    found = shutil.which(program, path=PATH)
    assert found is not None
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
