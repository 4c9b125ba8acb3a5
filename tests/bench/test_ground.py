"""Where a bench takes place: nobody's people are near it, and nothing of it stays."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from pipeline.bench import ground
from pipeline.bench.children import BenchError
from tests.postgres import postgres_url


@pytest.fixture(scope="module")
def url() -> str:
    return postgres_url("bench")


def schemas(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'kit_bench%'").fetchall()
    return {name for (name,) in rows}


def test_a_given_postgresql_lends_a_schema_that_is_gone_afterwards(url: str, tmp_path: Path) -> None:
    with ground.database(url, tmp_path) as held, psycopg.connect(held.url) as connection:
        connection.execute("CREATE TABLE audience_person (id int)")
        connection.commit()
        found = connection.execute("SELECT to_regclass('public.audience_person')").fetchone()
        assert found == (None,)
        assert len(schemas(url)) == 1
        connection.close()
    assert schemas(url) == set()


@pytest.mark.parametrize("table", ["audience_person", "delivery_mailing"])
def test_a_database_with_people_or_mailings_is_refused(url: str, tmp_path: Path, table: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE TABLE {table} (id int)".encode())
        with ground.database(url, tmp_path):
            pass  # empty: nobody's
        connection.execute(f"INSERT INTO {table} VALUES (1)".encode())
        try:
            with pytest.raises(BenchError, match="déjà des personnes"), ground.database(url, tmp_path):
                pass
        finally:
            connection.execute(f"DROP TABLE {table}".encode())


def test_a_sqlite_file_that_is_there_already_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "kit.sqlite3"
    path.write_bytes(b"somebody's")
    with pytest.raises(BenchError, match="existe déjà"), ground.database(f"sqlite://{path}", tmp_path):
        pass
    assert path.read_bytes() == b"somebody's"


def test_a_sqlite_file_of_ours_is_gone_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "scratch.sqlite3"
    with ground.database(f"sqlite://{path}", tmp_path) as held:
        assert held.kind == "sqlite"
        path.touch()
    assert not path.exists()


def test_the_folder_is_gone_even_when_the_bench_breaks() -> None:
    with pytest.raises(KeyboardInterrupt), ground.folder() as held:
        (held / "data").mkdir()
        raise KeyboardInterrupt
    assert not held.exists()
