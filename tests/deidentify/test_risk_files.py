"""``lockgate risk`` on files as they come: odd values are told apart as written, what can't be told is refused."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import random
from collections import defaultdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lockgate.cli import run
from lockgate.deidentify.ladder import ladder
from lockgate.deidentify.risk import RiskPolicy, SetRisk, measure
from lockgate.deidentify.riskfile import open_file
from lockgate.engine import Engine
from lockgate.errors import UsageError

ODD = {
    "number": [None, "1", "2", "01", "1.0", "-1"],
    "code": ["01", "1", "001"],
    "amount": ["0.5", "0.50", "1e3", "1000", "nan", "NaN", "-0.0", "0.0", None],
    "day": ["2020-01-01", "2020-1-1", "01/02/2020", None],
    "flag": ["true", "True", "false", None],
    "word": ["a", "A", " a", "a ", "é", "NULL", "NA", "#1", "O'Neil", 'x,"y"', "two\nlines", None],
}


def of_file(path: Path, columns: list[str], sensitive: str | None = None) -> list[SetRisk]:
    with Engine(threads=1) as engine:
        source = open_file(engine, path, [*columns, *([sensitive] if sensitive else [])])
        return measure(engine, source, columns, sensitive=sensitive)


@pytest.mark.parametrize("seed", range(5))
def test_every_set_of_a_csv_file_equals_a_count_by_hand(tmp_path: Path, seed: int) -> None:
    drawn = random.Random(seed)
    columns = drawn.sample(sorted(ODD), 4)
    rows = [{name: drawn.choice(ODD[name]) for name in columns} for _ in range(drawn.choice([1, 7, 60]))]
    with (tmp_path / "t.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([columns, *([row[name] for name in columns] for row in rows)])
    for risk in of_file(tmp_path / "t.csv", [columns[0].upper(), *columns[1:3]], columns[3]):
        classes: dict[tuple[Any, ...], list[Any]] = defaultdict(list)
        for row in rows:
            classes[tuple(row[name] for name in risk.columns)].append(row[columns[3]])
        sizes, values = [len(c) for c in classes.values()], [len(set(c)) for c in classes.values()]
        told = (risk.records, risk.classes, risk.k, risk.uniques, risk.l)
        assert told == (len(rows), len(sizes), min(sizes), sizes.count(1), min(values)), risk.columns


def test_every_type_of_parquet_is_measured_and_has_a_ladder(tmp_path: Path) -> None:
    now = dt.datetime(2020, 1, 1, 3)
    kinds = {
        "ns": (pa.array([now, now, None], pa.timestamp("ns")), 2),
        "zone": (pa.array([now, now, None], pa.timestamp("us", "UTC")), 2),
        "flag": (pa.array([True, None, False]), 3),
        "time": (pa.array([dt.time(1)] * 3), 1),
        "bytes": (pa.array([b"a", b"b", None]), 3),
        "nothing": (pa.array([None] * 3), 1),
        "category": (pa.array(["a", "b", None]).dictionary_encode(), 3),
        "large": (pa.array([1, 2, 2**64 - 1], pa.uint64()), 3),
        "missing": (pa.array([float("nan"), None, 1.0]), 2),  # no number is a missing one
        "zero": (pa.array([0.0, -0.0, 0.0]), 1),
    }
    pq.write_table(pa.table({name: values for name, (values, _) in kinds.items()}), tmp_path / "t.parquet")
    with Engine(threads=1) as engine:
        source = open_file(engine, tmp_path / "t.parquet", list(kinds))
        for name, (_, classes) in kinds.items():
            rungs = ladder(engine, source, [name], RiskPolicy(k=5))
            assert (rungs[0].risk.classes, rungs[-1].risk.classes) == (classes, 1), name


def test_columns_by_case_and_twice(tmp_path: Path) -> None:
    pq.write_table(pa.table({"Sex": [1, 1], "SEX": [2, 3], "ward": [[1], [2]]}), tmp_path / "t.parquet")
    (tmp_path / "t.csv").write_text("\ufeffsex, Age,sex\n1,2,1\n1,3,2\n")
    assert [of_file(tmp_path / "t.parquet", [name])[0].classes for name in ("Sex", "SEX")] == [1, 2]
    assert of_file(tmp_path / "t.csv", ["age"])[0].classes == 2
    for name, columns, said in (
        ("t.parquet", ["sex"], "2 times"), ("t.csv", ["sex"], "2 times"), ("t.csv", ["Age", "age"], "named twice"),
        ("t.parquet", ["ward"], "lists"), ("t.parquet", ["shoe"], "no column 'shoe'"),
    ):  # fmt: skip
        with pytest.raises(UsageError, match=said):
            of_file(tmp_path / name, columns)


def test_files_that_say_nothing_are_refused_for_what_they_are(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    files = {
        "none.csv": (None, "no such file"),
        "empty.csv": (b"", "is empty"),
        "head.csv": (b"a,b\n", "no rows"),
        "ragged.csv": (b"a,b\n" + b"1,2\n" * 3000 + b"1,2,3\n", "not every line"),
        "latin.csv": ("a,b\nJosé,1\n".encode("latin-1"), "UTF-8"),
        "latin.csv.gz": (gzip.compress("a,b\nJosé,1\n".encode("latin-1")), "UTF-8"),
        "t.parquet": (b"PAR1 and no more", "read as Parquet"),
        "folder.csv": (None, "is a folder"),
    }
    for name, (content, said) in files.items():
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(UsageError, match=said):
            of_file(tmp_path / name, ["a"])


def test_a_policy_of_a_sensitive_column_needs_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "t.csv").write_text("a,b\n" + "1,x\n" * 5 + "2,x\n" * 5 + "1,y\n2,y\n")
    words = ["risk", str(tmp_path / "t.csv"), "--quasi-identifiers", "a"]
    assert run([*words, "--diversity", "2"]) == 2
    assert run([*words, "--diversity", "2", "--sensitive", "b"]) == 0
    assert run([*words, "--closeness", "0.2", "--sensitive", "b", "--ladder"]) == 0
    with Engine(threads=1) as engine:
        source = open_file(engine, tmp_path / "t.csv", ["a", "b"])
        with pytest.raises(UsageError, match="sensitive"):
            RiskPolicy(l=2).reasons(measure(engine, source, ["a"])[0])
        # a ladder climbs for the distance, too
        engine.execute("INSERT INTO risk_table SELECT 3, 'z' FROM range(6)")
        rungs = ladder(engine, source, ["a"], RiskPolicy(k=2, t=0.3), sensitive="b")
    assert (rungs[0].risk.t or 0) > 0.3 >= (rungs[-1].risk.t or 0)
