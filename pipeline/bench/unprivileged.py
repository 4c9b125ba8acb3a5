"""Starts a program that dies with its parent, never as root: `python -m pipeline.bench.unprivileged PARENT PROGRAM ARGUMENTS…`."""

from __future__ import annotations

import os
import pwd
import sys

from pipeline.processes import die_with_parent

USER = "nobody"

if __name__ == "__main__":
    if os.geteuid() == 0:
        entry = pwd.getpwnam(USER)
        os.setgroups([])
        os.setgid(entry.pw_gid)
        os.setuid(entry.pw_uid)
    die_with_parent(int(sys.argv[1]))  # a change of user would clear it (prctl(2))
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606 - that is the point
