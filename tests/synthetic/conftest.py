"""A small hospital, written once, and readers of its files."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from lockgate.synthetic import Summary, generate
from lockgate.synthetic.letters import SETS


@dataclass(frozen=True, eq=False)
class Files:
    """The files of a synthetic hospital, as a stranger would read them."""

    summary: Summary

    @property
    def out(self) -> Path:
        return self.summary.out

    def lines(self, kind: str) -> list[str]:
        with gzip.open(self.out / "fhir" / f"{kind}.ndjson.gz", "rt", encoding="utf-8") as file:
            return [line.rstrip("\n") for line in file]

    def resources(self, kind: str) -> list[dict[str, Any]]:
        """The resources of a file without the planted faults and repeats."""
        return _resources(self, kind)

    def holding(self, kind: str, text: str) -> list[dict[str, Any]]:
        """The resources of a large file whose line holds a text."""
        return [json.loads(line) for line in self.lines(kind) if text in line]

    def table(self, name: str) -> list[dict[str, str]]:
        with (self.out / "tables" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def effects(self) -> dict[str, Any]:
        effects: dict[str, Any] = json.loads(
            (self.out / "truth" / "effects.json").read_text(encoding="utf-8")
        )
        return effects


@cache
def _resources(files: Files, kind: str) -> list[dict[str, Any]]:
    faults = files.effects()["faults"]
    faulty = {fault["line"] for fault in faults if fault["file"] == f"fhir/{kind}.ndjson.gz"}
    return [
        json.loads(line) for number, line in enumerate(files.lines(kind), start=1) if number not in faulty
    ]


@pytest.fixture(scope="session")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """Four hundred patients."""
    return Files(generate(tmp_path_factory.mktemp("synthetic") / "hospital", patients=400, seed=7))


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """Two thousand patients, the size of the demo, for the planted effects."""
    return Files(generate(tmp_path_factory.mktemp("synthetic") / "town", patients=2000, seed=1))


@pytest.fixture(scope="session")
def write(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Summary]:
    """Write another hospital into a folder of its own."""

    def make(**options: Any) -> Summary:
        return generate(tmp_path_factory.mktemp("synthetic") / "other", **options)

    return make


@pytest.fixture(scope="session", params=SETS)
def other_houses(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Files:
    """Three hundred patients whose notes are in the styles of other houses; the folder is named after the set."""
    folder = tmp_path_factory.mktemp("synthetic") / request.param
    return Files(generate(folder, patients=300, seed=3, letters=request.param))
