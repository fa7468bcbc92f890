"""The whole path with the portal's database in PostgreSQL, as a hospital runs it."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest


def programs() -> Path | None:
    """The folder of PostgreSQL's server programs, the newest where there are several."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    initdb = shutil.which("initdb")
    return Path(initdb).parent if initdb else None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def database(require: Callable) -> Iterator[str]:
    """The URL of an empty PostgreSQL database, its server started for these tests and stopped after them."""
    folder = programs()
    require(folder is not None, "PostgreSQL's server")
    data = Path(tempfile.mkdtemp(prefix="lockgate-postgresql-"))
    as_user = {}
    if os.geteuid() == 0:  # the server refuses to run as root
        user = pwd.getpwnam("postgres")
        as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        os.chown(data, user.pw_uid, user.pw_gid)
    port = free_port()

    def run(program: str, *arguments: str) -> None:
        subprocess.run(
            [folder / program, *arguments], check=True, stdout=subprocess.DEVNULL, cwd="/", **as_user
        )

    run(
        "initdb",
        "-D",
        str(data),
        "-U",
        "lockgate",
        "--auth=trust",
        "--no-sync",
        "-E",
        "UTF8",
        "--locale=C.UTF-8",
    )
    options = f"-p {port} -k {data} -c listen_addresses=127.0.0.1 -c fsync=off"
    run("pg_ctl", "-D", str(data), "-w", "-l", str(data / "log"), "-o", options, "start")
    try:
        yield f"postgresql://lockgate@127.0.0.1:{port}/postgres"
    finally:
        run("pg_ctl", "-D", str(data), "-w", "-m", "immediate", "stop")
        shutil.rmtree(data)


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
