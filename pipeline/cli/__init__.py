"""`kit …`: each command is a few lines that call a room."""

from pipeline.cli.main import main

__all__ = ["main"]
