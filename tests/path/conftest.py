from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lockgate.errors import Refused
from lockgate.site import Site
from lockgate.workspace.sandbox.gate import require_isolation


@dataclass(frozen=True)
class Demo:
    folder: Path
    facts: dict[str, Any]

    @property
    def site(self) -> Site:
        return Site.open(self.folder)

    def refusals(self, act: str) -> list[dict[str, Any]]:
        return [refusal for refusal in self.facts["refusals"] if refusal["act"] == act]


def lockgate(*arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a user does: a process of its own (Django serves one site a process)."""
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(("LOCKGATE_SITE", "DJANGO"))
    }
    return subprocess.run(
        [sys.executable, "-c", "from lockgate.cli import main; main()", *map(str, arguments)],
        capture_output=True,
        text=True,
        env=environment | variables,
        timeout=600,
    )


@pytest.fixture(scope="session")
def isolation(tmp_path_factory: pytest.TempPathFactory, require: Callable[[bool, str], None]) -> None:
    """Skip (or fail, where all components are demanded) on a machine that can't hold a job in."""
    site = Site.init(tmp_path_factory.mktemp("isolation") / "site", name="Isolation")
    try:
        require_isolation(site)
    except Refused as refusal:
        require(False, f"an isolation that passes the self-test ({refusal})")


@pytest.fixture(scope="session")
def demo(isolation: None, tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """The demonstration, walked once on a small hospital."""
    folder = tmp_path_factory.mktemp("demo") / "site"
    done = lockgate("demo", folder, "--patients", "400", "--json")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return Demo(folder, json.loads(done.stdout))


@pytest.fixture(name="lockgate", scope="session")
def lockgate_command():
    return lockgate
