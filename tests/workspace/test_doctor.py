"""The doctor finds what is wrong, says what it tried, and a site that is wrong gets no real data."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from lockgate.errors import Refused
from lockgate.workspace import doctor, provision, run_doctor
from lockgate.workspace.readiness import check_clock, check_place, require_ready
from lockgate.workspace.sandbox.gate import Isolation
from lockgate.workspace.sandbox.model import Probe
from lockgate.workspace.sandbox.selftest import TRIED
from lockgate.workspace.scope import revoke


@pytest.fixture
def isolated(monkeypatch):
    """An isolation that holds, without testing it."""
    probes = tuple(Probe(name, True, "tried", "found") for name in TRIED)
    monkeypatch.setattr(doctor, "probe_isolation", lambda _, strategy: Isolation(strategy, probes, 0.0))


def failing(site):
    return {check.name: check for check in run_doctor(site) if not check.ok}


def test_a_fresh_site_is_well(site, isolated):
    checks = run_doctor(site)
    assert [check.name for check in checks if not check.ok] == []
    assert {
        "keys",
        "modes",
        "clock",
        "place",
        "audit chain",
        "control database",
        "disk",
        "memory",
        "versions",
    } <= {check.name for check in checks}
    assert all(check.tried and check.found for check in checks)


def test_keys_that_others_can_read(site, isolated, issued):
    issued()
    (site.keys / "root.key").chmod(0o644)
    assert "root.key: mode 0644" in failing(site)["keys"].found
    with pytest.raises(Refused, match="not fit"):
        provision(site, "p0001", "test")


def test_keys_that_are_cut_off(site, isolated):
    _ = site.public_key_id
    (site.keys / "signing.key").write_bytes(b"short")
    assert "5 bytes where 32" in failing(site)["keys"].found


def test_folders_that_others_can_read(site, isolated):
    site.landing.chmod(0o755)
    (site.projects / "p1").mkdir(mode=0o750)
    assert "landing: mode 0755" in failing(site)["modes"].found
    assert "p1: mode 0750" in failing(site)["modes"].found
    with pytest.raises(Refused) as refusal:
        require_ready(site)
    assert refusal.value.reasons[0].startswith("modes: ")


def test_a_clock_that_was_set_back(site, isolated):
    last = list(site.audit.entries())[-1]
    line = site.audit.chain.read_text().replace(last.at[:4], "2093")
    site.audit.chain.write_text(line)
    assert "before the last audit entry" in check_clock(site).found
    assert {"clock", "audit chain"} <= set(failing(site))


def test_a_changed_audit_chain(site, isolated):
    site.audit.chain.write_text(site.audit.chain.read_text().replace("Test Hospital", "Test Hospita1"))
    assert "changed" in failing(site)["audit chain"].found


def test_a_revocation_that_went_missing(site, isolated, issued):
    issued()
    revoke(site, "p0001-v1", "dev", "stop")
    assert failing(site) == {}
    (site.projects / "revoked.json").unlink()
    assert "missing: p0001-v1" in failing(site)["revocations"].found


def test_a_control_database_that_is_none(site, isolated):
    site.control_db.write_bytes(b"not a database, not at all, " * 20)
    site.control_db.chmod(0o600)
    assert "SQLite" in failing(site)["control database"].found
    site.control_db.chmod(0o644)
    assert "mode 0644" in failing(site)["control database"].found


def test_an_isolation_that_fails_is_named(site, monkeypatch):
    probes = (Probe("network: tcp", False, "connect", "WORKED: 127.0.0.1:1", "stop"),)
    monkeypatch.setattr(doctor, "probe_isolation", lambda _, strategy: Isolation(strategy, probes, 0.0))
    names = set(failing(site))
    assert names == {"isolation (bubblewrap): network: tcp", "isolation (namespaces): network: tcp"}


def test_a_worse_strategy_that_holds_will_do(site, monkeypatch):
    good = tuple(Probe(name, True, "tried", "found") for name in TRIED)
    bad = (Probe("work", False, "start", "the program bwrap is not installed"),)
    monkeypatch.setattr(
        doctor,
        "probe_isolation",
        lambda _, strategy: Isolation(strategy, bad if strategy == "bubblewrap" else good, 0.0),
    )
    assert failing(site) == {}
    assert any("namespaces is used instead" in check.found for check in run_doctor(site))


def test_a_site_where_jobs_could_see_it(site, monkeypatch):
    from lockgate.workspace import readiness
    from lockgate.workspace.sandbox.model import Mount

    assert check_place(site).ok
    monkeypatch.setattr(readiness, "system_mounts", lambda: (Mount(site.path.parent, "/x"),))
    assert not check_place(site).ok


@pytest.mark.sandbox
def test_the_command_says_it_in_json_and_by_its_exit_code(site):
    program = "import sys; from lockgate.cli import run; sys.exit(run(sys.argv[1:]))"
    command = [sys.executable, "-c", program, "--site", str(site.path), "doctor", "--json"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120)
    answer = json.loads(ran.stdout)
    assert ran.returncode == (0 if answer["ok"] else 1)
    assert {"name", "ok", "tried", "found", "remedy"} == set(answer["checks"][0])
    (site.keys / "root.key").chmod(0o640)
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 1
    assert not json.loads(ran.stdout)["ok"]
