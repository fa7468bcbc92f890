"""The library of a job's author: any dataframe, evidence beside every table, and errors at the call that is wrong."""

from __future__ import annotations

import csv
import json
import math
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from lockgate import outputs
from lockgate.outputs.frames import columns_of
from lockgate.outputs.summaries import quantile, student_t

PEOPLE = {
    "id": [1, 2, 3, 4, 5, 6, 6],
    "group": ["b", "a", "a", None, "b", "b", "b"],
    "age": [50.0, 40.0, 42.0, 60.0, None, 55.0, 57.0],
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LOCKGATE_OUTPUTS", str(tmp_path / "out"))
    return tmp_path / "out"


def record(folder: Path, name: str) -> dict[str, Any]:
    found = json.loads((folder / "outputs.json").read_text())["outputs"]
    return next(e for e in found if e["name"] == name)


def rows(folder: Path, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader((folder / f"{name}.csv").open(encoding="utf-8")))


FRAMES: dict[str, Callable[[], Any]] = {
    "dict": lambda: PEOPLE,
    "list of dicts": lambda: [dict(zip(PEOPLE, r, strict=True)) for r in zip(*PEOPLE.values(), strict=True)],
    "pandas": lambda: pd.DataFrame(PEOPLE),
    "pandas, nullable": lambda: pd.DataFrame(PEOPLE).convert_dtypes(),
    "pandas, category": lambda: pd.DataFrame(PEOPLE).astype({"group": "category"}),
    "polars": lambda: pl.DataFrame(PEOPLE),
    "polars, lazy": lambda: pl.LazyFrame(PEOPLE),
    "pyarrow": lambda: pa.table(PEOPLE),
    "duckdb relation": lambda: duckdb.connect().from_arrow(pa.table(PEOPLE)),
    "duckdb result": lambda: _executed(),
}


def _executed() -> Any:
    connection = duckdb.connect()
    connection.register("people", pa.table(PEOPLE))
    return connection.execute("SELECT * FROM people")


@pytest.mark.parametrize("kind", list(FRAMES))
def test_every_dataframe_gives_the_same_table(folder: Path, kind: str) -> None:
    outputs.summary(FRAMES[kind](), "t", title="t", by=["group"], value="age", unit="id", statistics=["mean"])
    assert rows(folder, "t") == [
        {"group": "a", "n": "2", "records": "2", "mean": "41.0"},
        {"group": "b", "n": "2", "records": "3", "mean": "54.0"},
        {"group": "Not stated", "n": "1", "records": "1", "mean": "60.0"},
        {"group": "All", "n": "5", "records": "6", "mean": "50.7"},
    ]


def test_a_number_that_pandas_made_a_float_keeps_its_label(folder: Path) -> None:
    frame = pd.DataFrame({"decile": [1, None, 2], "n": [10, 20, 30]})
    outputs.table(frame, "t", title="t", dimensions=["decile"], counts=["n"])
    assert [r["decile"] for r in rows(folder, "t")] == ["1", "Not stated", "2"]


def test_numpy_values(folder: Path) -> None:
    assert columns_of({"a": np.array([1, 2]), "b": np.array([1.5, np.nan])}) == {
        "a": [1, 2],
        "b": [1.5, None],
    }


def test_summary_agrees_with_the_standard_library(folder: Path) -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(50, 10, 200).round(3).tolist()
    outputs.summary(
        {"id": list(range(200)), "v": values},
        "t",
        title="t",
        value="v",
        unit="id",
        statistics=outputs_all(),
        decimals=9,
    )
    row = {k: float(v) for k, v in rows(folder, "t")[0].items()}
    sd = statistics.stdev(values)
    q1, median, q3 = statistics.quantiles(values, n=4, method="inclusive")
    half = 1.971956544 * sd / math.sqrt(200)  # t(199), .975
    expected = {
        "n": 200, "mean": statistics.fmean(values), "sd": sd, "low": statistics.fmean(values) - half,
        "high": statistics.fmean(values) + half, "median": median, "q1": q1, "q3": q3, "sum": math.fsum(values),
    }  # fmt: skip
    assert row == pytest.approx(expected, abs=1e-6)


def outputs_all() -> list[str]:
    return ["mean", "sd", "interval", "median", "quartiles", "sum"]


@pytest.mark.parametrize(
    ("df", "t"), [(1, 12.706205), (2, 4.302653), (9, 2.262157), (30, 2.042272), (1000, 1.962339)]
)
def test_students_t(df: int, t: float) -> None:
    assert student_t(0.975, df) == pytest.approx(t, abs=2e-6)


def test_quantiles_are_type_seven() -> None:
    assert quantile([1.0, 2.0, 4.0, 8.0], 0.25) == 1.75
    assert quantile([5.0], 0.5) == 5.0


def test_dominance_evidence_is_by_person_and_absolute(folder: Path) -> None:
    frame = {"id": [1, 1, 2, 3], "v": [5.0, -5.0, 6.0, 4.0]}
    outputs.summary(frame, "t", title="t", value="v", unit="id", statistics=["sum"])
    assert record(folder, "t")["evidence"]["sum"] == {
        "largest": [0.5],
        "second": [0.3],
        "contributors": [3],
    }


def test_margins_over_two_groups(folder: Path) -> None:
    frame = {"id": [1, 2, 3], "a": ["x", "x", "y"], "b": ["p", "q", "p"], "v": [1.5, 2.5, 3.5]}
    outputs.summary(frame, "t", title="t", by=["a", "b"], value="v", unit="id", statistics=["mean"])
    found = {(r["a"], r["b"]): r["n"] for r in rows(folder, "t")}
    assert found[("All", "All")] == "3" and found[("x", "All")] == "2" and found[("All", "p")] == "2"
    assert record(folder, "t")["totals"] == {"a": "All", "b": "All"}


TABLE: dict[str, Any] = {"title": "t", "dimensions": ["g"], "counts": ["n"]}
GOOD = {"g": ["a", "b"], "n": [10, 20], "m": [1.5, 2.5]}


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: outputs.table(GOOD, "t", title="t", dimensions=["gg"], counts=["n"]), "did you mean 'g'"),
        (lambda: outputs.table(GOOD, "t", **TABLE), "'m' has no role"),
        (
            lambda: outputs.table({"g": ["a"], "n": [1]}, "t", title="t", dimensions=["g"], counts=[]),
            "counts",
        ),
        (lambda: outputs.table({"g": ["a"], "n": [1]}, "t", title="t", dimensions="g", counts=["n"]), "list"),
        (lambda: outputs.table({"g": ["a"], "n": [None]}, "t", **TABLE), "missing value"),
        (lambda: outputs.table({"g": ["a"], "n": [1.5]}, "t", **TABLE), "whole number"),
        (lambda: outputs.table({"g": ["a"], "n": [-1]}, "t", **TABLE), "whole number"),
        (lambda: outputs.table({"g": ["a", "a"], "n": [1, 2]}, "t", **TABLE), "same g"),
        (lambda: outputs.table({"g": [], "n": []}, "t", **TABLE), "no rows"),
        (lambda: outputs.table({"g": ["a"], "n": [1]}, "T!", **TABLE), "name"),
        (lambda: outputs.table(GOOD, "t", **TABLE, statistics={"m": {"kind": "mean"}}), "needs n"),
        (lambda: outputs.table(GOOD, "t", **TABLE, statistics={"m": {"kind": "mode", "n": "n"}}), "kind"),
        (lambda: outputs.table(GOOD, "t", **TABLE, statistics={"m": {"kind": "mean", "n": "k"}}), "n of 'm'"),
        (
            lambda: outputs.table(
                GOOD, "t", **TABLE, statistics={"m": {"kind": "quantile", "n": "n", "q": 1}}
            ),
            "maximum",
        ),
        (lambda: outputs.table(GOOD, "t", **TABLE, percentages={"m": ("n", "x")}), "no count 'x'"),
        (lambda: outputs.table(object(), "t", **TABLE), "can't read a object"),
        (lambda: outputs.table({"g": [object()], "n": [1]}, "t", **TABLE), "a cell holds"),
        (lambda: outputs.table(pd.DataFrame([[1, 2]], columns=["g", "g"]), "t", **TABLE), "twice"),
        (lambda: outputs.summary(PEOPLE, "t", title="t", value="age", unit="id", statistics=["max"]), "max"),
        (lambda: outputs.summary(PEOPLE, "t", title="t", value="agee", unit="id"), "did you mean 'age'"),
        (lambda: outputs.summary(PEOPLE, "t", title="t", value="group", unit="id"), "numbers"),
        (
            lambda: outputs.summary({"id": [1, 2], "v": [0, 1]}, "t", title="t", value="v", unit="id"),
            "disguise",
        ),
        (lambda: outputs.chart("none", "c", kind="line", x="g", y="n", title="t"), "first"),
        (lambda: outputs.text("t", "  "), "empty"),
    ],
)
def test_errors_at_the_call(call: Callable[[], None], says: str) -> None:
    with pytest.raises(outputs.OutputError, match=says):
        call()


def test_charts_name_columns_of_their_table() -> None:
    outputs.table({"g": ["a"], "h": ["b"], "n": [10]}, "t", title="t", dimensions=["g", "h"], counts=["n"])
    with pytest.raises(outputs.OutputError, match="also has the dimension 'h'"):
        outputs.chart("t", "c", kind="bar", x="g", y="n", title="c")
    with pytest.raises(outputs.OutputError, match="'line', 'bar' or 'map'"):
        outputs.chart("t", "c", kind="pie", x="g", y="n", title="c")
    with pytest.raises(outputs.OutputError, match="already"):
        outputs.text("t", "x")


def test_it_needs_nothing_but_the_standard_library(tmp_path: Path) -> None:
    """Imported by itself, it brings in no dataframe library and no other room of Lockgate."""
    code = (
        "import sys; from lockgate import outputs; "
        "bad = [m for m in sys.modules if m.split('.')[0] in ('pandas', 'polars', 'numpy', 'pyarrow', 'duckdb', "
        "'pydantic') or (m.startswith('lockgate.') and not m.startswith('lockgate.outputs'))]; "
        "sys.exit(repr(bad) if bad else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
