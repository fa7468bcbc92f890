"""Write outputs as a job does, and read what the gate says of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lockgate import outputs
from lockgate.disclosure import Rules, check_outputs
from lockgate.disclosure.manifest import TableEntry
from lockgate.disclosure.tables import Table, read_table


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The outputs folder of a job about to run."""
    folder = tmp_path / "outputs"
    folder.mkdir()
    monkeypatch.setenv("LOCKGATE_OUTPUTS", str(folder))
    return folder


@pytest.fixture
def found(job: Path) -> Callable[..., dict[str, set[str]]]:
    """Check the job's folder: {file: rules found}."""

    def look(rules: Rules | None = None, **more: Any) -> dict[str, set[str]]:
        return {v.file: {f.rule for f in v.findings} for v in check_outputs(job, rules or Rules(), **more)}

    return look


@pytest.fixture
def data(tmp_path: Path) -> tuple[Path, int]:
    """A project's data folder with pseudonyms, and one of them."""
    folder = tmp_path / "data"
    folder.mkdir()
    ids = np.random.default_rng(5).integers(2**60, 2**63 - 1, 500, dtype=np.int64)
    pq.write_table(pa.table({"person_id": ids, "year_of_birth": [1950] * 500}), folder / "person.parquet")
    return folder, int(ids[17])


@pytest.fixture(scope="session")
def one_way() -> Callable[..., Table]:
    """Build a table of one dimension; ``total`` None: the sum of the parts, False: no total row."""

    def build(parts: list[int], total: int | bool | None = None) -> Table:
        labels = [f"g{i}" for i in range(len(parts))]
        values = list(parts)
        if total is not False:
            labels.append("All")
            values.append(sum(parts) if total is None else int(total))
        return _table({"group": labels}, values)

    return build


@pytest.fixture(scope="session")
def two_way() -> Callable[..., Table]:
    """Build a table of two dimensions from its inner counts, with all margins or none."""

    def build(inner: np.ndarray, margins: bool = True) -> Table:
        rows, columns = inner.shape
        r, c, values = [], [], []
        for i in range(rows + margins):
            for j in range(columns + margins):
                r.append("All" if i == rows else f"r{i}")
                c.append("All" if j == columns else f"c{j}")
                part = inner[i : i + 1] if i < rows else inner
                values.append(int(part[:, j].sum() if j < columns else part.sum()))
        return _table({"row": r, "column": c}, values)

    return build


def _table(dimensions: dict[str, list[str]], values: list[int]) -> Table:
    columns: list[dict[str, Any]] = [{"name": d, "role": "dimension"} for d in dimensions]
    columns.append({"name": "n", "role": "count", "of": "people"})
    entry = TableEntry.model_validate(
        {
            "kind": "table",
            "name": "t",
            "file": "t.csv",
            "title": "t",
            "columns": columns,
            "totals": dict.fromkeys(dimensions, "All"),
            "rows": len(values),
        }
    )
    lines = [",".join([*dimensions, "n"])]
    lines += [",".join([*(d[i] for d in dimensions.values()), str(n)]) for i, n in enumerate(values)]
    return read_table(entry, "\n".join(lines) + "\n")


@pytest.fixture
def counts(job: Path) -> Callable[..., None]:
    """Write a one-way table of counts as a job does."""

    def write(name: str, groups: dict[str, int], **more: Any) -> None:
        frame = {"group": list(groups), "n": list(groups.values())}
        outputs.table(frame, name, title=name, dimensions=["group"], counts=["n"], **more)

    return write
