"""The recipe of a twin: everything that leaves a release for it, as histograms that a person can read."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from lockgate.errors import Refused
from lockgate.site.files import write_atomic

SCHEMA = "lockgate.twin.recipe/1"

Value = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Histogram:
    """Noisy counts of people (or rows that are nobody's) by the values of some columns.

    ``most`` cells a person tells of; ``sigma`` of the noise; cells under ``least`` are left out. ``cells``: the values
    of ``columns``, then the count.
    """

    table: str
    name: str
    columns: tuple[str, ...]
    most: int
    share: float
    sigma: float
    least: float
    cells: list[tuple[Value, ...]]

    def total(self) -> int:
        """The sum of the counts."""
        return sum(int(str(cell[-1])) for cell in self.cells)


@dataclass
class Recipe:
    """All that generation reads. ``tables``: the filled columns of each. ``privacy``: the budget, and of what."""

    release: str
    privacy: dict[str, Any]
    tables: dict[str, list[str]]
    year: int
    histograms: list[Histogram] = field(default_factory=list)

    @cached_property
    def _by_name(self) -> dict[tuple[str, str], Histogram]:
        return {(item.table, item.name): item for item in self.histograms}

    def get(self, table: str, name: str) -> Histogram | None:
        """One histogram, or None where there is none or nothing of it was let out."""
        found = self._by_name.get((table, name))
        return found if found is not None and found.cells else None

    def as_json(self) -> dict[str, Any]:
        """The recipe as JSON values."""
        return {
            "schema": SCHEMA,
            "release": self.release,
            "year": self.year,
            "privacy": self.privacy,
            "tables": self.tables,
            "histograms": [asdict(item) for item in self.histograms],
        }

    def write(self, path: Path) -> None:
        """Write it, a histogram to a line."""
        whole = self.as_json()
        lines = [json.dumps(item, ensure_ascii=False) for item in whole.pop("histograms")]
        head = json.dumps(whole, indent=1, ensure_ascii=False).removesuffix("\n}")
        write_atomic(path, (head + ',\n "histograms": [\n' + ",\n".join(lines) + "\n ]\n}\n").encode())

    @classmethod
    def read(cls, path: Path) -> Recipe:
        """A recipe that was written; Refused when it is none."""
        try:
            value = json.loads(path.read_bytes())
            if value["schema"] != SCHEMA:
                raise ValueError(f"schema {value['schema']!r}")
            return cls(
                value["release"],
                value["privacy"],
                value["tables"],
                value["year"],
                [
                    Histogram(
                        **item
                        | {
                            "columns": tuple(item["columns"]),
                            "cells": [tuple(cell) for cell in item["cells"]],
                        }
                    )
                    for item in value["histograms"]
                ],
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise Refused(
                "the file is no recipe of a twin",
                reasons=[type(error).__name__],
                where=str(path),
                remedy="lockgate twin recipe makes one",
            ) from error
