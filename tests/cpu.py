"""``pytest --cpu``: which files and tests cost most CPU seconds, their children (servers, browsers, Spark) included.

CPU time, because it says the same on a loaded machine as on a quiet one. What a shared fixture costs stands with the
test that asked for it first.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

SHOWN = 60
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds() -> float:
    """CPU seconds so far of this process and of all that it started, those still running included."""
    own = sum(os.times()[:4])
    known: dict[int, tuple[int, float]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(") ")[2].split()
        except OSError:  # it ended meanwhile
            continue
        known[int(folder.name)] = (int(fields[1]), sum(map(int, fields[11:15])) / TICKS)
    ours, grown = {os.getpid()}, True
    while grown:
        children = {pid for pid, (parent, _) in known.items() if parent in ours} - ours
        ours |= children
        grown = bool(children)
    return own + sum(known[pid][1] for pid in ours - {os.getpid()} if pid in known)


class Cpu:
    """Measures each test where tests run, and tells of all where they are reported (xdist: two processes)."""

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Iterator[Any]:
        return (yield from self._measured(item))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[Any]:
        return (yield from self._measured(item))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Iterator[Any]:
        return (yield from self._measured(item))

    def _measured(self, item: pytest.Item) -> Iterator[Any]:
        before = cpu_seconds()
        try:
            return (yield)
        finally:
            item.user_properties.append(("cpu", cpu_seconds() - before))

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        files: dict[str, float] = defaultdict(float)
        tests: dict[str, list[float]] = {}
        for reports in terminalreporter.stats.values():
            for report in reports:
                if getattr(report, "when", None) != "teardown":
                    continue
                tests[report.nodeid] = [value for name, value in report.user_properties if name == "cpu"]
        for test, spent in tests.items():
            files[test.partition("::")[0]] += sum(spent)
        write = terminalreporter.write_line
        terminalreporter.section(f"CPU seconds: {sum(files.values()):.0f} in all")
        for name, value in sorted(files.items(), key=lambda each: -each[1])[:SHOWN]:
            write(f"{value:8.1f}  {name}")
        terminalreporter.section("CPU seconds of a test: setting up, running, tearing down")
        for name, spent in sorted(tests.items(), key=lambda each: -sum(each[1]))[:SHOWN]:
            write("".join(f"{value:7.1f}" for value in spent) + f"  {name}")
