"""One meaning of SQL on two engines: the table in portable.yaml, held to both."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from lockgate.engine import Engine, SqlEngine
from lockgate.engine.portable import NotPortableError, portable_sql, spark_type, statements
from lockgate.engine.session import missing
from lockgate.engine.spark import SparkEngine
from lockgate.errors import LockgateError, UsageError
from lockgate.schema import STAGED, staged_columns

SPEC = portable_sql()
# for a handful of rows: no compiling of queries, one partition
SMALL = {
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.shuffle.partitions": "1",
    "spark.driver.extraJavaOptions": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1",
}


@pytest.fixture(scope="module")
def spark(
    require: Callable[[bool, str], None], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SparkEngine]:
    """Spark on this machine, or a skip that says what it lacks."""
    lacking = missing()
    require(lacking is None, f"Spark ({lacking})")
    folder = tmp_path_factory.mktemp("spill")
    # a python3 first on the PATH that is not ours: Spark's workers must not be started with it
    other = tmp_path_factory.mktemp("path") / "python3"
    other.write_text("#!/bin/sh\nexit 3\n")
    other.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{other.parent}{os.pathsep}{os.environ['PATH']}")
        engine = SparkEngine(memory_limit="2GB", temp_dir=folder, settings=SMALL)
    with engine:
        yield engine
    assert list(folder.iterdir()) == []


@pytest.fixture(scope="module")
def duckdb() -> Iterator[Engine]:
    with Engine() as engine:
        yield engine


@pytest.fixture(scope="module", params=["duckdb", "spark"])
def engine(request: pytest.FixtureRequest) -> SqlEngine:
    found: SqlEngine = request.getfixturevalue(request.param)
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return str(value)
    if isinstance(value, Decimal):
        return float(value)
    return list(value) if isinstance(value, list | tuple) else value


def _values(engine: SqlEngine, expressions: list[str]) -> list[Any]:
    """One query for all of them."""
    named = ", ".join(f"{sql} AS v{place}" for place, sql in enumerate(expressions))
    return [_plain(value) for value in engine.rows(f"SELECT {named}")[0]]


def test_expressions_mean_the_same(engine: SqlEngine) -> None:
    found = _values(engine, [item["sql"] for item in SPEC["values"]])
    assert [
        (item["sql"], value) for item, value in zip(SPEC["values"], found, strict=True) if value != item["is"]
    ] == []


@pytest.mark.parametrize("query", SPEC["rows"], ids=lambda query: query["why"])
def test_queries_mean_the_same(engine: SqlEngine, query: dict[str, Any]) -> None:
    assert [[_plain(value) for value in row] for row in engine.rows(query["sql"])] == query["is"]


def test_what_differs_differs_as_told(duckdb: Engine, spark: SparkEngine) -> None:
    sql = [item["sql"] for item in SPEC["differ"]]
    assert _values(duckdb, sql) == [item["duckdb"] for item in SPEC["differ"]]
    assert _values(spark, sql) == [item["spark"] for item in SPEC["differ"]]


@pytest.mark.parametrize("item", SPEC["refused"], ids=lambda item: item["sql"])
def test_what_has_no_common_meaning_is_refused(item: dict[str, str]) -> None:
    with pytest.raises(NotPortableError):
        statements(item["sql"])


def test_types_in_words_of_spark() -> None:
    kinds = {column.type for table in STAGED for column in staged_columns(table)}
    told = {kind: spark_type(kind) for kind in kinds}
    assert told["TIMESTAMP"] == "TIMESTAMP_NTZ"
    assert told["VARCHAR[]"] == "ARRAY<STRING>"


def test_tables_are_made_changed_and_dropped(engine: SqlEngine) -> None:
    engine.execute("CREATE OR REPLACE TABLE t (a BIGINT, b VARCHAR)")
    engine.execute("INSERT INTO t SELECT 1, 'x'; INSERT INTO t SELECT 2, NULL")
    engine.execute("UPDATE t SET b = 'y' WHERE a IN (SELECT 2)")
    engine.execute("CREATE OR REPLACE TEMP VIEW v AS SELECT a + 1 AS a, b, NULL AS nothing FROM t")
    engine.execute("CREATE OR REPLACE TABLE t AS SELECT * FROM v WHERE a > 1")
    assert engine.columns("SELECT * FROM t") == ["a", "b", "nothing"]
    assert engine.rows("SELECT * FROM t ORDER BY a") == [(2, "x", None), (3, "y", None)]
    assert engine.one("SELECT count(*) FROM t WHERE a > ?", [2]) == 1
    engine.execute("DROP TABLE t")
    engine.register("t", pa.table({"a": [1], "n": pa.nulls(1)}))
    assert engine.arrow("SELECT a FROM t").to_pydict() == {"a": [1]}
    engine.unregister("t")


def test_views_of_files_and_of_none(engine: SqlEngine, tmp_path: Path) -> None:
    for table in ("patient", "result"):
        columns = staged_columns(table)
        engine.view_parquet("nobody", [], columns)
        assert engine.columns("SELECT * FROM nobody") == [column.name for column in columns]
        assert engine.one("SELECT count(*) FROM nobody") == 0
        engine.write_parquet("SELECT * FROM nobody", tmp_path / "none.parquet")
        engine.view_parquet("nobody", tmp_path / "none.parquet")
        assert engine.one("SELECT count(*) FROM nobody") == 0


def test_the_same_rows_are_the_same_bytes_whoever_made_them(
    duckdb: Engine, spark: SparkEngine, tmp_path: Path
) -> None:
    query = (
        "SELECT a, CASE WHEN a > 1 THEN 'x' END AS b, CAST(a AS DOUBLE) / 3 AS c, "
        "TIMESTAMP '2026-03-29 01:30:00' AS at, 1 AS one FROM (VALUES (3), (1), (2)) AS t(a)"
    )
    for engine, name in ((duckdb, "duckdb"), (spark, "spark")):
        assert engine.write_parquet(query, tmp_path / name, order_by="a") == 3
    assert (tmp_path / "duckdb").read_bytes() == (tmp_path / "spark").read_bytes()


def test_an_error_of_spark_repeats_no_value(spark: SparkEngine, capfd: pytest.CaptureFixture[str]) -> None:
    spark.register("said", pa.table({"word": ["Quillfeather"]}))
    with pytest.raises(LockgateError, match="CAST_INVALID_INPUT") as caught:
        spark.rows("SELECT CAST(word AS INTEGER) FROM said")
    assert "Quillfeather" not in str(caught.value) + repr(caught.value.__cause__)
    assert "Quillfeather" not in "".join(capfd.readouterr())


def test_spark_without_java_is_a_wrong_setting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("pyspark")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(UsageError, match="no Java") as caught:
        SparkEngine(temp_dir=tmp_path)
    assert "Java 17" in str(caught.value)
    assert list(tmp_path.iterdir()) == []
