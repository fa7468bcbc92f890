"""Fixtures that every room's tests share."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import settings

from lockgate.site import Site

# A machine that is busy for a moment is no failure: nothing here is timed.
settings.register_profile("lockgate", deadline=None)
settings.load_profile("lockgate")

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


def require(present: bool, what: str) -> None:
    """Skip a test whose component is missing; fail it where CI demands every component."""
    if present:
        return
    if os.environ.get("LOCKGATE_REQUIRE_COMPONENTS") == "1":
        pytest.fail(f"{what} is missing, and LOCKGATE_REQUIRE_COMPONENTS=1 says it must be here")
    pytest.skip(f"{what} is missing on this machine")


@pytest.fixture(name="require", scope="session")
def require_fixture() -> Callable[[bool, str], None]:
    """``require``, for tests that can't import this file."""
    return require


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real and realistic input beside the project, or a skip that says so."""
    require(SHARED.is_dir(), f"the shared data folder ({SHARED})")
    return SHARED


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A fresh site in a temporary folder."""
    return Site.init(tmp_path / "site", name="Test Hospital", ods_code="RXX")


def _beside(name: str) -> ModuleType:
    """A module of this folder, which is no package."""
    spec = importlib.util.spec_from_file_location(f"tests_{name}", Path(__file__).with_name(f"{name}.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


order = _beside("order")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--cpu", action="store_true", help="tell which files and tests cost most CPU seconds")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--cpu"):
        config.pluginmanager.register(_beside("cpu").Cpu())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest first, and what shares something dear side by side."""
    items[:] = [items[place] for place in order.longest_first(item.nodeid for item in items)]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """By file, as ``--dist loadfile`` says, but for the files that share something dear."""
    return order.Together(config, log) if config.getvalue("dist") == "loadfile" else None
