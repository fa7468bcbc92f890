"""Fixtures that every room's tests share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from lockgate.site import Site

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
