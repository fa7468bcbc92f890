"""Which tests a worker of xdist takes together, and what starts first.

A file is one worker's. Files of a ``SHARING`` set are one worker's too, because what they share is dear to make: a
demonstration walked, a hospital built and served. Of the rest, what takes longest starts first, so that no worker is
left with it at the end. Nothing depends on it but how long all takes: every file passes alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatch
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

# Name -> patterns of the files' paths.
SHARING = {
    # one Java machine, warm after the first file
    "Spark": (
        "tests/curate/test_spark.py",
        "tests/cohorts/test_cohorts_on_spark.py",
        "tests/engine/test_portable.py",
    ),
    "a served hospital": ("tests/portal/test_*browser.py",),
    "a demonstration": ("tests/path/test_demo.py", "tests/path/test_nothing_identifiable.py"),
    "twins": ("tests/twin/*",),
    "hospitals": ("tests/synthetic/*",),
}
# Sets and beginnings of paths, the longest first, as measured by ``pytest --cpu``.
LONG = (
    "a served hospital",
    "Spark",
    "tests/bench/test_bench.py",
    "tests/path/test_power_cut.py",
    "a demonstration",
    "tests/path/test_postgresql.py",
    "twins",
    "hospitals",
    "tests/curate/",
    "tests/concepts/",
    "tests/catalogue/",
    "tests/engine/",
    "tests/identity/",
    "tests/portal/",
    "tests/workspace/",
)


def together(test: str) -> str:
    """What a test is handed out with: the name of a set, or its file."""
    file = test.partition("::")[0]
    return next((name for name, files in SHARING.items() if any(fnmatch(file, one) for one in files)), file)


def longest_first(tests: Iterable[str]) -> list[int]:
    """The places of the tests, in the order in which they should start."""
    names = [together(test) for test in tests]

    def rank(place: int) -> tuple[int, str]:
        name = names[place]
        found = [number for number, long in enumerate(LONG) if name.startswith(long)]
        return (found[0] if found else len(LONG), name)

    return sorted(range(len(names)), key=rank)


class Together(LoadScopeScheduling):
    """xdist's scheduling by file, by the sets above, in the order in which the tests were collected."""

    def __init__(self, config: pytest.Config, log: Any = None) -> None:
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        return together(nodeid)
