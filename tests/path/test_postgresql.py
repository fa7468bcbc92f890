"""The whole path with the portal's database in PostgreSQL, as a hospital runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from lockgate.bench import postgres
from lockgate.site import Site


@pytest.fixture(scope="module")
def database(require: Callable) -> Iterator[str]:
    """The URL of an empty PostgreSQL database, its server started for these tests and stopped after them."""
    require(postgres.programs() is not None, "PostgreSQL's server")
    with postgres.server() as url:
        yield url


AT_ONCE = """
import sys, threading
from lockgate.portal import setup
from lockgate.site import Site
setup(Site.open(sys.argv[1]))
from django.db import connection
from lockgate.portal.accounts.services import create_user
from lockgate.portal.applications.services import create
user = create_user("amy", name="Amy", roles=["applicant"], actor="test")
gate, made, failed = threading.Barrier(8), [], []
def one():
    gate.wait()
    try:
        made.extend(create(user, "audit").reference for _ in range(4))
    except Exception as error:
        failed.append(repr(error))
    connection.close()
threads = [threading.Thread(target=one) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(len(made), len(set(made)), *failed)
"""


def test_applications_begun_at_once_get_a_number_each(database: str, tmp_path: Path) -> None:
    Site.init(tmp_path / "site", name="Crowd", demo=True)
    asked = subprocess.run(
        [sys.executable, "-c", AT_ONCE, str(tmp_path / "site")],
        env={**os.environ, "LOCKGATE_DATABASE_URL": _made(database, "crowd")},
        capture_output=True,
        text=True,
    )
    assert asked.stdout.split() == ["32", "32"], asked.stdout + asked.stderr[-2000:]


def _made(database: str, name: str) -> str:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    return database.removesuffix("postgres") + name


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
