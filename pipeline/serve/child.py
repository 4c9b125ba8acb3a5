"""Starts a program that dies with its parent: `python -m pipeline.serve.child PARENT PROGRAM ARGUMENTS…`."""

from __future__ import annotations

import os
import sys

from pipeline.processes import die_with_parent

if __name__ == "__main__":
    die_with_parent(int(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606 - that is the point
