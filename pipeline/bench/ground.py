"""Where a bench takes place: a scratch folder, and a database in which nobody's people are."""

from __future__ import annotations

import contextlib
import importlib.util
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

import psycopg
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from pipeline.bench.children import BenchError, give_away, running, unprivileged

START = 30.0
"""How long PostgreSQL may take to start, in seconds."""
_OURS = ("audience_person", "delivery_mailing")


@dataclass(frozen=True, slots=True)
class Database:
    """``url`` as ``KIT_DATABASE_URL`` takes it; ``pid`` of its server where that one is ours."""

    kind: str
    url: str
    pid: int | None = None


@contextmanager
def folder() -> Iterator[Path]:
    """A folder of our own, gone afterwards. Its path is short: sockets stand in it (107 bytes at most)."""
    made = Path(tempfile.mkdtemp(prefix="kit-bench-"))
    made.chmod(0o711)  # the programs that run as nobody have folders below it
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


@contextmanager
def database(wanted: str, scratch: Path) -> Iterator[Database]:
    """The database named by ``wanted``: empty (SQLite in ``scratch``), ``postgres`` (a server of our own), or a URL.

    A PostgreSQL that is given gets a schema of our own for the time of the bench: nothing that stands in it is touched.

    Raises:
        BenchError: it holds people or mailings, or cannot be had.
    """
    parts = urlsplit(wanted)
    if not wanted:
        yield Database("sqlite", f"sqlite://{scratch}/kit.sqlite3")
    elif wanted == "postgres":
        with _server(scratch) as held:
            yield held
    elif parts.scheme == "sqlite":
        with _file(Path(unquote(parts.path))) as held:
            yield held
    elif parts.scheme in ("postgresql", "postgres"):
        with _schema(wanted) as held:
            yield held
    else:
        raise BenchError(
            "--database : « postgres » (un serveur lancé ici), postgresql://… ou sqlite:///chemin ; rien : SQLite."
        )


@contextmanager
def _file(path: Path) -> Iterator[Database]:
    if path.exists():
        raise BenchError(f"--database : {path} existe déjà : donner le chemin d’un fichier à créer.")
    if not path.parent.is_dir():
        raise BenchError(f"--database : le dossier {path.parent} n’existe pas.")
    try:
        yield Database("sqlite", f"sqlite://{quote(str(path))}")
    finally:
        for tail in ("", "-wal", "-shm"):
            path.with_name(path.name + tail).unlink(missing_ok=True)


@contextmanager
def _schema(url: str) -> Iterator[Database]:
    name = f"kit_bench_{secrets.token_hex(4)}"
    try:
        with psycopg.connect(url, autocommit=True, connect_timeout=10) as connection:
            _refuse_used(connection)
            connection.execute(f"CREATE SCHEMA {name}".encode())
    except psycopg.Error as error:
        raise BenchError(f"--database : {str(error).strip()}") from error
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query))
    options["options"] = f"{options.get('options', '')} -c search_path={name}".strip()
    try:
        yield Database("postgresql", parts._replace(query=urlencode(options, quote_via=quote)).geturl())
    finally:
        with contextlib.suppress(psycopg.OperationalError), psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"DROP SCHEMA {name} CASCADE".encode())


def _refuse_used(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    for table in _OURS:
        found = connection.execute("SELECT to_regclass(%s)", [table]).fetchone()
        if found and found[0] and connection.execute(f"TABLE {table} LIMIT 1".encode()).fetchone():
            raise BenchError(
                "--database : cette base porte déjà des personnes ou des envois ; en donner une vide, ou « postgres »."
            )


@contextmanager
def _server(scratch: Path) -> Iterator[Database]:
    """A PostgreSQL of the `pgserver` wheel on a private socket, with that version's default settings."""
    programs = _programs()
    home = scratch / "postgres"
    home.mkdir(mode=0o700)
    give_away(home)
    data, log = home / "data", scratch / "postgres.log"
    made = subprocess.run(
        unprivileged(
            [str(programs / "initdb"), "-D", str(data), "-U", "kit", "--auth=trust", "--encoding=utf8", "--no-locale"]
        ),
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        raise BenchError(f"PostgreSQL ne se prépare pas :\n{made.stderr.strip()}")
    url = f"postgresql://kit@/postgres?host={quote(str(home), safe='')}"
    command = [str(programs / "postgres"), "-D", str(data), "-k", str(home), "-c", "listen_addresses="]
    with running(unprivileged(command), log=log) as process:
        _await(url, process, log)
        yield Database("postgresql", url, process.pid)


def _programs() -> Path:
    found = importlib.util.find_spec("pgserver")
    if found is None or found.origin is None:
        raise BenchError(
            "--database postgres : la bibliothèque pgserver n’est pas là (elle vient avec les outils des tests, « make "
            "lint ») ; ou donner l’adresse d’une base, postgresql://…"
        )
    return Path(found.origin).parent / "pginstall" / "bin"


def _await(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + START
    while True:
        try:
            psycopg.connect(url, connect_timeout=5).close()
            return
        except psycopg.OperationalError as error:
            if process.poll() is not None or time.monotonic() > end:
                said = log.read_text(encoding="utf-8", errors="replace")[-2000:]
                raise BenchError(f"PostgreSQL ne démarre pas :\n{said}") from error
            time.sleep(0.05)


def settings(scratch: Path, held: Database, *, emails: Path, signed: bool) -> dict[str, str]:
    """What the installation under test is told: nothing of the operator's own settings but where the mails' templates are."""
    told = {
        "KIT_DATA_DIR": str(scratch / "data"),
        "KIT_DATABASE_URL": held.url,
        "KIT_EMAILS_DIR": str(emails),
        "KIT_RETURN_PATH": "rebonds@retour.example.org",
        "KIT_LOG_LEVEL": "WARNING",
    }
    return told | ({"KIT_DKIM_DIR": str(_keys(scratch / "dkim"))} if signed else {})


def _keys(where: Path) -> Path:
    """A key of each algorithm that mails are signed with (RFC 6376, RFC 8463)."""
    where.mkdir(mode=0o700)
    for name, key in (
        ("rsa", rsa.generate_private_key(65537, 2048)),
        ("ed25519", ed25519.Ed25519PrivateKey.generate()),
    ):
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path = where / f"banc-{name}.pem"
        path.write_bytes(pem)
        path.chmod(0o600)
    return where
