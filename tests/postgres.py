"""A PostgreSQL of our own for tests, from the wheel: started once per process, gone at its end."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg


@cache
def _server() -> Any:
    import pgserver

    # A short path: the socket stands in it, and its name has to fit into 107 bytes.
    folder = tempfile.mkdtemp(prefix="pg-")
    server = pgserver.get_server(folder, cleanup_mode="stop")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return server


@cache
def postgres_url(database: str = "kit") -> str:
    """The URL of an empty database of that name, created on the first call; as ``KIT_DATABASE_URL`` takes it."""
    root = _server().get_uri()
    with psycopg.connect(root, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{database}"')
    return urlunsplit(urlsplit(root)._replace(path=f"/{database}"))
