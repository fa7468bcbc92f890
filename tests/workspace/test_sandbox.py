"""Both isolations hold, and what they show and sweep is what they say. As an ordinary user: ``test_escapes``."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest

from lockgate.errors import Refused, UsageError
from lockgate.workspace.sandbox import gate, seccomp
from lockgate.workspace.sandbox.model import Limits, Mount, Probe, Task
from lockgate.workspace.sandbox.run import STRATEGIES, own_uid, start, unavailable
from lockgate.workspace.sandbox.selftest import TRIED, run_selftest
from lockgate.workspace.sandbox.sweep import printable, sweep

NOBODY = 65534


def skip_unless_available(strategy: str) -> None:
    missing = unavailable(strategy)
    if missing:
        pytest.skip(f"{strategy}: {missing}")


@pytest.fixture
def empty_site(tmp_path):
    """A folder with the shape of a site, for canaries."""
    site = tmp_path / "site"
    for name in ("projects", "keys"):
        (site / name).mkdir(parents=True, mode=0o700)
    (site / "keys" / "root.key").write_bytes(bytes(32))
    (site / "site.toml").write_text("")
    return site


@pytest.mark.sandbox
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_probe_holds(strategy, empty_site):
    skip_unless_available(strategy)
    probes = run_selftest(strategy, empty_site)
    if [probe.name for probe in probes] == ["work"]:
        pytest.skip(f"{strategy} does not start here: {probes[0].found}")
    assert {probe.name: probe.found for probe in probes if not probe.ok} == {}
    assert {probe.name for probe in probes} == set(TRIED)
    assert all(probe.tried and probe.found for probe in probes)
    left = [path.relative_to(empty_site).as_posix() for path in empty_site.rglob("*")]
    assert sorted(left) == ["keys", "keys/root.key", "projects", "site.toml"]
    assert "LOCKGATE_SELFTEST_CANARY" not in os.environ


@pytest.mark.sandbox
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_probe_that_would_find_something_finds_it(strategy, empty_site, tmp_path):
    """The self-test is no rubber stamp: shown the site's folder and a wide-open limit, its probes fail."""
    from lockgate.workspace.sandbox import layout, selftest

    skip_unless_available(strategy)
    (empty_site / "projects").chmod(0o755)
    shown = (*layout.system_mounts(), Mount(empty_site, str(empty_site)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layout, "system_mounts", lambda: shown)
        patch.setattr(seccomp, "program", lambda: seccomp._instruction(seccomp.RETURN, seccomp.ALLOW))
        probes = {probe.name: probe for probe in selftest.run_selftest(strategy, empty_site)}
    if list(probes) == ["work"]:
        pytest.skip(f"{strategy} does not start here: {probes['work'].found}")
    assert not probes["host files"].ok
    assert not probes["other projects"].ok
    assert "WORKED" in probes["host files"].found
    assert not probes["keyrings"].ok or not probes["mounts"].ok or not probes["network: other families"].ok


@pytest.fixture
def run(tmp_path):
    """Run a Python text under a strategy."""

    def go(strategy: str, code: str, limits: Limits | None = None):
        skip_unless_available(strategy)
        outputs, folder = tmp_path / "outputs", tmp_path / "code"
        outputs.mkdir()
        folder.mkdir()
        (folder / "main.py").write_text(textwrap.dedent(code))
        for path in (folder, folder / "main.py"):
            path.chmod(0o755)
        task = Task(
            [sys.executable, "-I", "/code/main.py"],
            [Mount(folder, "/code")],
            outputs,
            limits=limits or Limits(seconds=30),
        )
        outcome = start(strategy, task)
        if outcome.stopped == "setup":
            pytest.skip(f"{strategy} does not start here: {outcome.detail}")
        return outcome, outputs

    return go


@pytest.mark.sandbox
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_how_a_program_ends_is_told(run, strategy, tmp_path):
    assert run(strategy, "raise SystemExit(7)")[0].exit_code == 7
    (tmp_path / "outputs").rmdir()
    (tmp_path / "code" / "main.py").unlink()
    (tmp_path / "code").rmdir()
    assert run(strategy, "import os; os.kill(os.getpid(), 9)")[0].exit_code == 137


@pytest.mark.sandbox
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_flood_of_words_is_cut_in_the_middle(run, strategy):
    outcome, _ = run(
        strategy,
        "print('first'); [print('x' * 1000) for _ in range(20000)]; print('last')",
        Limits(seconds=30, log_kb=64),
    )
    assert outcome.log.startswith(b"first")
    assert outcome.log.endswith(b"last\n")
    assert b"bytes left out" in outcome.log
    assert len(outcome.log) < 70_000


@pytest.mark.sandbox
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_no_secret_of_the_launcher_is_inherited(run, strategy, monkeypatch):
    monkeypatch.setenv("LOCKGATE_SECRET", "do-not-tell")
    handle = os.open("/etc/hostname", os.O_RDONLY)
    os.set_inheritable(handle, True)
    outcome, _ = run(
        strategy,
        """
        import os
        from pathlib import Path
        print(sorted(os.listdir("/proc/self/fd")))
        for pid in filter(str.isdigit, os.listdir("/proc")):
            for name in ("environ", "cmdline"):
                try:
                    print(Path("/proc", pid, name).read_bytes())
                except OSError as error:
                    print(error.errno)
        """,
    )
    os.close(handle)
    words = outcome.log.decode()
    assert outcome.exit_code == 0, words
    assert "do-not-tell" not in words
    assert words.splitlines()[0] == "['0', '1', '2', '3']"  # 3 is the listing itself


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has users to give")
def test_root_gives_each_run_a_user_of_its_own():
    users = {own_uid() for _ in range(8)}
    assert None not in users
    assert len(users) > 1
    assert min(users) > NOBODY


def test_no_isolation_no_data(site, monkeypatch):
    failed = gate.Isolation("x", (Probe("network: tcp", False, "connect", "WORKED"),), 0.0)
    monkeypatch.setattr(gate, "probe_isolation", lambda *_: failed)
    with pytest.raises(Refused) as refusal:
        gate.require_isolation(site)
    assert refusal.value.reasons == ["x: network: tcp: WORKED"] * len(STRATEGIES)
    assert not (site.projects / ".isolation.json").exists()


def test_a_self_test_that_ran_short_has_not_passed():
    passed = tuple(Probe(name, True, "t", "f") for name in TRIED)
    assert gate.Isolation("x", passed, 0.0).holds
    assert not gate.Isolation("x", passed[1:], 0.0).holds
    assert not gate.Isolation("x", (), 0.0).holds


def test_a_pass_is_believed_for_ten_minutes_of_the_same_circumstances(site, monkeypatch):
    asked = []
    passed = tuple(Probe(name, True, "t", "f") for name in TRIED)

    def probe(_, strategy):
        asked.append(strategy)
        return gate.Isolation(strategy, passed, 0.0)

    monkeypatch.setattr(gate, "probe_isolation", probe)
    assert [gate.require_isolation(site) for _ in range(3)] == [STRATEGIES[0]] * 3
    assert len(asked) == 1
    clock = gate.time.time() + 601
    monkeypatch.setattr(gate.time, "time", lambda: clock)
    gate.require_isolation(site)
    assert len(asked) == 2
    monkeypatch.setattr(gate, "_circumstances", lambda: {"boot": "another"})
    gate.require_isolation(site)
    assert len(asked) == 3
    (site.projects / ".isolation.json").write_text("{")
    gate.require_isolation(site)
    assert len(asked) == 4


def test_the_filter_jumps_where_it_means_to():
    """Every jump of the filter lands inside it, and every path ends in a verdict (a tiny interpreter)."""
    import struct

    for machine, (arch, column) in seccomp.MACHINES.items():
        program = list(struct.iter_unpack("<HBBI", seccomp.program(machine)))

        def verdict(number, argument=0, second=0, arch=arch, program=program):
            data = {0: number, 4: arch, 16: argument, 24: second}
            place, held = 0, 0
            while True:
                code, yes, no, k = program[place]
                if code == seccomp.RETURN:
                    return k
                if code == seccomp.LOAD:
                    held, step = data[k], 0
                else:
                    test = {
                        seccomp.EQUAL: held == k,
                        seccomp.AT_LEAST: held >= k,
                        seccomp.ANY_BIT: bool(held & k),
                    }[code]
                    step = yes if test else no
                place += 1 + step

        refused = seccomp.ERRNO | 1
        for name, numbers in seccomp.DENIED.items():
            if numbers[column] is not None:
                assert verdict(numbers[column]) == refused, name
        assert verdict(0) == seccomp.ALLOW
        assert verdict(0, arch=1) == seccomp.KILL
        assert verdict(seccomp.CLONE[column], 0x11) == seccomp.ALLOW
        assert verdict(seccomp.CLONE[column], 0x10000011) == refused
        assert verdict(seccomp.CLONE3[column]) == seccomp.ERRNO | 38
        assert verdict(seccomp.SOCKET[column], 2) == seccomp.ALLOW
        assert verdict(seccomp.SOCKET[column], 40) == seccomp.ERRNO | 97
        assert verdict(seccomp.SOCKETPAIR[column], 1) == seccomp.ALLOW
        assert verdict(seccomp.IOCTL[column], 0, seccomp.TIOCSTI) == refused
        assert verdict(seccomp.IOCTL[column], 0, 0x5401) == seccomp.ALLOW
    assert seccomp.program("riscv64") == b""


def test_limits_are_lowered_never_raised(site):
    assert Limits.of(site.config).seconds == 3600
    assert Limits.of(site.config, {"seconds": 5}).seconds == 5
    for wrong in ({"seconds": 3601}, {"seconds": 0}, {"seconds": True}, {"hours": 1}, {"memory_mb": 1.5}):
        with pytest.raises(UsageError):
            Limits.of(site.config, wrong)


def test_a_sweep_follows_no_link_and_takes_plain_files(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "key").write_text("k")
    (source / "a.csv").write_text("a")
    (source / "A.CSV").write_text("b")
    (source / ".hidden").write_text("h")
    (source / "up").symlink_to(tmp_path / "secret")
    (source / "big.bin").write_bytes(b"x" * (2 << 20))
    deep = source.joinpath(*"123456789")
    deep.mkdir(parents=True)
    (deep / "x").write_text("x")
    os.mkfifo(source / "pipe")
    swept = sweep(source, tmp_path / "out", Limits(file_mb=1, output_mb=1))
    assert [kept.name for kept in swept.kept] == ["A.CSV"]
    reasons = {left.name: left.reason for left in swept.refused}
    assert set(reasons) == {"a.csv", ".hidden", "up", "big.bin", "pipe", "1/2/3/4/5/6/7/8/9"}
    assert "other capitals" in reasons["a.csv"]
    assert "symbolic link" in reasons["up"]
    assert "larger than 1 MB" in reasons["big.bin"]
    assert sorted(path.name for path in (tmp_path / "out").rglob("*")) == ["A.CSV"]


def test_names_are_made_harmless_to_read():
    assert printable("a\x1b[31mb") == "a\\x1b[31mb"
    assert printable("r\u202egpj.exe") == "r\\u202egpj.exe"
    assert printable("Größe.csv") == "Größe.csv"


def test_both_ways_of_finding_descendants_agree():
    from lockgate.workspace.sandbox import watch

    program = (
        "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); "
        "print(1, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        by_scan = watch._descendants_by_scan(parent.pid)
        assert sorted(watch.descendants(parent.pid)) == sorted(by_scan)
        assert len(by_scan) == 2
        assert watch.memory(by_scan) > 1 << 20
        assert 0 < watch.proportional_memory(by_scan) <= watch.memory(by_scan) * 2
        watch.kill(parent.pid)
        parent.wait()
