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
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        # What a commit waits for the disk for is the machine's own death, which no test brings about; a killed server loses nothing.
        for setting in ("fsync", "full_page_writes"):
            connection.execute(f"ALTER SYSTEM SET {setting} = off")
        connection.execute("SELECT pg_reload_conf()")
    return server


@cache
def postgres_url(database: str = "kit") -> str:
    """The URL of an empty database of that name, created on the first call; as ``KIT_DATABASE_URL`` takes it."""
    root = _server().get_uri()
    with psycopg.connect(root, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{database}"')
    return urlunsplit(urlsplit(root)._replace(path=f"/{database}"))
