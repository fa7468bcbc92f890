"""Testing that this machine and site may hold real data: every check with what it tried and what it found."""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
import sys
from contextlib import closing

import duckdb

from lockgate.errors import LockgateError, Refused
from lockgate.site import Site
from lockgate.workspace.notebooks.selftest import check_notebooks
from lockgate.workspace.readiness import Check, quick_checks
from lockgate.workspace.sandbox.gate import candidates, probe_isolation
from lockgate.workspace.scope import revocations
from lockgate.workspace.steps import r_program

_LEAST_DISK = 1 << 30
_OLDEST_PYTHON = (3, 11)


def run_doctor(site: Site) -> list[Check]:
    """Every check. Real data is refused while one of the isolation, keys, modes, clock or place checks fails."""
    return [
        *_isolation(site),
        *quick_checks(site),
        _configuration(site),
        _audit(site),
        _revocations(site),
        _control_database(site),
        _disk(site),
        _memory(site),
        _versions(),
        _languages(),
        check_notebooks(site),
    ]


def _isolation(site: Site) -> list[Check]:
    """The probes of the strategy that jobs would run under; a better one that fails is named but harmless."""
    checks: list[Check] = []
    failed: list[Check] = []
    for strategy in candidates(site):
        isolation = probe_isolation(site, strategy)
        probes = [
            Check(f"isolation ({strategy}): {probe.name}", probe.ok, probe.tried, probe.found, probe.remedy)
            for probe in isolation.probes
        ]
        if isolation.holds:
            passed_over = [
                Check(
                    check.name, True, check.tried, f"does not hold: {check.found}; {strategy} is used instead"
                )
                for check in failed
            ]
            return [*passed_over, *probes]
        failed += [check for check in probes if not check.ok]
        checks += probes
    return checks


def _configuration(site: Site) -> Check:
    config = site.config
    found = (
        f"{config.site.name}; threshold {config.disclosure.threshold}, rounding {config.disclosure.rounding}"
    )
    return Check("configuration", True, "read and validate site.toml", found)


def _audit(site: Site) -> Check:
    problems = site.audit.verify()
    return Check(
        "audit chain",
        not problems,
        "follow every entry's hash to the signed head",
        "; ".join(f"line {item.line}: {item.kind}: {item.message}" for item in problems[:3]) or "whole",
        "" if not problems else "`lockgate audit verify` lists every break; restore audit/ from the backup",
    )


def _revocations(site: Site) -> Check:
    """Each revocation that the audit chain tells of still stands in the signed list."""
    tried = "compare projects/revoked.json with the audit chain"
    try:
        listed = {item.scope_id for item in revocations(site)}
        told = {
            str(entry.detail.get("scope_id"))
            for entry in site.audit.entries()
            if entry.event == "scope.revoked"
        }
    except Refused as refusal:
        return Check("revocations", False, tried, "; ".join(refusal.reasons), "restore projects/revoked.json")
    except LockgateError as error:
        return Check("revocations", False, tried, error.message, error.remedy)
    gone = sorted(told - listed)
    found = f"missing: {', '.join(gone)}" if gone else f"{len(listed)} revoked, all listed"
    return Check("revocations", not gone, tried, found, "revoke them again" if gone else "")


def _control_database(site: Site) -> Check:
    tried = "open the control database and look it through"
    if site.config.portal.database_url:
        return _server_database(site.config.portal.database_url, tried)
    path = site.control_db
    if not path.exists():
        return Check(
            "control database", True, tried, "not made yet: the portal makes it when it first starts"
        )
    if path.stat().st_mode & 0o077:
        mode = f"mode {path.stat().st_mode & 0o777:04o}"
        return Check("control database", False, tried, f"open to other users ({mode})", f"chmod 600 {path}")
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)) as connection:
            (answer,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        return Check("control database", False, tried, f"SQLite: {error}", "restore it from the backup")
    return Check(
        "control database", answer == "ok", tried, f"SQLite: {answer}", "" if answer == "ok" else "restore it"
    )


def _server_database(url: str, tried: str) -> Check:
    import psycopg

    try:
        with psycopg.connect(url, connect_timeout=5) as connection:
            connection.execute("SELECT 1")
            found = f"PostgreSQL {connection.info.server_version // 10000} answers"
    except psycopg.Error as error:
        kind = type(error).__name__  # its words may hold the password
        return Check("control database", False, tried, f"PostgreSQL: {kind}", "check [portal] database_url")
    return Check("control database", True, tried, found)


def _disk(site: Site) -> Check:
    usage = shutil.disk_usage(site.path)
    ok = usage.free >= _LEAST_DISK
    return Check(
        "disk",
        ok,
        "ask how much is free where the site lies",
        f"{usage.free / 2**30:.1f} GB free of {usage.total / 2**30:.1f} GB",
        "" if ok else "make room: a release and its workspaces need some times the size of their sources",
    )


def _memory(site: Site) -> Check:
    wanted = site.config.sandbox.memory_mb << 20
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    ok = total > wanted
    return Check(
        "memory",
        ok,
        "compare the machine's memory with what one job may take",
        f"{free / 2**30:.1f} GB free of {total / 2**30:.1f} GB; a job may take {wanted / 2**30:.1f} GB",
        "" if ok else "lower [sandbox] memory_mb in site.toml",
    )


def _versions() -> Check:
    found = f"Python {platform.python_version()}, DuckDB {duckdb.__version__}, {platform.system()} {platform.release()}"
    ok = sys.version_info >= _OLDEST_PYTHON and int(duckdb.__version__.split(".")[0]) == 2
    remedy = "" if ok else "Lockgate is tested on Python 3.11 or later with DuckDB 2"
    return Check("versions", ok, "ask Python and DuckDB for their versions", found, remedy)


def _languages() -> Check:
    """Whether jobs in R can run; without it they are refused, which is no fault of the machine."""
    found = r_program()
    tried = "look for Rscript where jobs can see it"
    return Check(
        "languages of jobs", True, tried, f"Python, SQL, R ({found})" if found else "Python, SQL; no R"
    )


__all__ = ["Check", "run_doctor"]
