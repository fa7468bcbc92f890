"""The whole path with the portal's database in PostgreSQL, as a hospital runs it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from lockgate.bench import postgres


@pytest.fixture(scope="module")
def database(require: Callable) -> Iterator[str]:
    """The URL of an empty PostgreSQL database, its server started for these tests and stopped after them."""
    require(postgres.programs() is not None, "PostgreSQL's server")
    with postgres.server() as url:
        yield url


def test_whole_path_on_postgresql(isolation: None, database: str, tmp_path: Path, lockgate: Callable) -> None:
    walked = lockgate(
        "demo", tmp_path / "demo", "--patients", "200", "--json", LOCKGATE_DATABASE_URL=database
    )
    assert walked.returncode == 0, walked.stdout[-2000:] + walked.stderr[-2000:]
    assert json.loads(walked.stdout)["acts"][-1] == "Register"
    assert not (tmp_path / "demo" / "control.sqlite3").exists()
    with psycopg.connect(database) as connection:
        (tables,) = connection.execute(
            "SELECT count(*) FROM information_schema.tables WHERE table_name LIKE 'applications_%'"
        ).fetchone()
        (states,) = connection.execute("SELECT array_agg(state) FROM applications_application").fetchone()
    assert tables >= 3
    assert states == ["approved"]

    made = lockgate(
        "--site",
        tmp_path / "demo",
        "backup",
        "make",
        tmp_path / "backups",
        "--json",
        LOCKGATE_DATABASE_URL=database,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE DATABASE again")
    again = database.removesuffix("postgres") + "again"
    words = [
        "backup",
        "restore",
        json.loads(made.stdout)["folder"],
        "--to",
        tmp_path / "again",
        "--database-url",
    ]
    taken = lockgate(*words, database)
    assert taken.returncode == 2 and "not empty" in taken.stderr
    assert not (tmp_path / "again").exists()
    done = lockgate(*words, again)
    assert done.returncode == 0, done.stdout + done.stderr
    assert _rows(again) == _rows(database)
    looked = lockgate("--site", tmp_path / "again", "audit", "verify")
    assert looked.returncode == 0, looked.stdout


def _rows(database: str) -> dict[str, int]:
    """Every table and how many rows it has."""
    with psycopg.connect(database) as connection:
        names = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        return {name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for (name,) in names}
