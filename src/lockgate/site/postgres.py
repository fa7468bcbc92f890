"""A PostgreSQL database as a file and back, by PostgreSQL's own pg_dump and pg_restore."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from lockgate.errors import LockgateError, UsageError


def dump(url: str, to: Path) -> None:
    """Write the whole database to a file (pg_dump's custom format), as it is at one moment."""
    _run(url, "pg_dump", ["--format=custom", "--no-owner", "--no-acl", f"--file={to}"])
    to.chmod(0o600)


def restore(url: str, dumped: Path) -> None:
    """Fill an empty database from such a file, all or nothing. UsageError where it isn't empty."""
    found = _run(
        url,
        "psql",
        ["-At", "-c", "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
         "WHERE c.relkind = 'r' AND n.nspname = 'public'"],
    )  # fmt: skip
    if found.strip() != "0":
        raise UsageError(
            "the database is not empty",
            where="--database-url",
            remedy="make a new one, such as with createdb",
        )
    _run(
        url, "pg_restore", ["--single-transaction", "--exit-on-error", "--no-owner", "--no-acl", str(dumped)]
    )


def _run(url: str, program: str, options: list[str]) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("postgres", "postgresql"):
        raise UsageError(
            "this is no address of a PostgreSQL database",
            where="the control database",
            remedy="use postgresql://user:password@host:5432/name",
        )
    told = {
        "PGHOST": parts.hostname or dict(parse_qsl(parts.query)).get("host"),
        "PGPORT": parts.port and str(parts.port),
        "PGUSER": parts.username and unquote(parts.username),
        "PGPASSWORD": parts.password
        and unquote(parts.password),  # not on the command line: others can read that
        "PGDATABASE": unquote(parts.path.lstrip("/")) or None,
    }
    database = [f"--dbname={told['PGDATABASE']}"] if program == "pg_restore" else []
    done = subprocess.run(
        [_find(program), *database, *options],
        env={**os.environ, **{key: value for key, value in told.items() if value}},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise LockgateError(
            f"{program} ended with {done.returncode}: {said[-1] if said else 'no word'}",
            where="the control database",
            remedy="is the server there, and are its programs of the same version or newer?",
        )
    return done.stdout


def _find(program: str) -> str:
    """The newest of the machine's, or the one on PATH."""
    installed = sorted(
        Path("/usr/lib/postgresql").glob(f"*/bin/{program}"),
        key=lambda path: int(path.parts[4].split(".")[0]),
    )
    found = str(installed[-1]) if installed else shutil.which(program)
    if not found:
        raise UsageError(
            f"{program} is not on this machine",
            where="PATH",
            remedy="install PostgreSQL's client programs (Debian: postgresql-client)",
        )
    return found
