from __future__ import annotations

import stat
from pathlib import Path

import pyarrow as pa

from lockgate.engine import Engine, literal, quote
from lockgate.schema import STAGED, Column, staged_columns


def test_rows_arrow_and_one_agree() -> None:
    with Engine() as engine:
        engine.register("t", pa.table({"a": [3, 1, 2]}))
        assert engine.rows("SELECT a FROM t ORDER BY a") == [(1,), (2,), (3,)]
        assert engine.arrow("SELECT a FROM t ORDER BY a").to_pydict() == {"a": [1, 2, 3]}
        assert engine.one("SELECT sum(a) FROM t WHERE a > ?", [1]) == 5


def test_view_of_no_file_is_empty_with_the_schema() -> None:
    with Engine() as engine:
        for table in STAGED:
            engine.view_parquet(table, [], staged_columns(table))
            names = [row[0] for row in engine.rows(f"DESCRIBE {quote(table)}")]
            assert names == [column.name for column in staged_columns(table)]
            assert engine.one(f"SELECT count(*) FROM {quote(table)}") == 0


def test_a_column_newer_than_every_file_is_null(tmp_path: Path) -> None:
    """A site that was captured by an earlier version goes on being read."""
    with Engine() as engine:
        engine.execute("CREATE TABLE t AS SELECT 'a' AS source, 7 AS quantity")
        engine.write_parquet("SELECT * FROM t", tmp_path / "old.parquet")
        columns = (Column("source", "VARCHAR"), Column("parts", "VARCHAR[]"), Column("told_at", "TIMESTAMP"))
        engine.view_parquet("seen", tmp_path / "old.parquet", columns)
        assert engine.rows("SELECT * FROM seen") == [("a", None, None)]


def test_same_rows_give_the_same_private_bytes(tmp_path: Path) -> None:
    with Engine() as engine:
        engine.execute("CREATE TABLE t AS SELECT range AS a FROM range(10000)")
        counts = [
            engine.write_parquet(
                f"SELECT * FROM t ORDER BY hash(a + {n})", tmp_path / f"{n}.parquet", order_by="a"
            )
            for n in (1, 2)
        ]
    first, second = tmp_path / "1.parquet", tmp_path / "2.parquet"
    assert counts == [10000, 10000]
    assert first.read_bytes() == second.read_bytes()
    assert stat.S_IMODE(first.stat().st_mode) == 0o600


def test_quoting_keeps_a_name_a_name() -> None:
    with Engine() as engine:
        odd = 'a"; DROP TABLE t; --'
        engine.execute(f"CREATE TABLE {quote(odd)} AS SELECT {literal(chr(39) + 'x')} AS v")
        assert engine.rows(f"SELECT v FROM {quote(odd)}") == [("'x",)]


def test_temporary_folder_goes_with_the_engine(tmp_path: Path) -> None:
    with Engine(temp_dir=tmp_path) as engine:
        assert len(list(tmp_path.iterdir())) == 1
        engine.one("SELECT 1")
    assert list(tmp_path.iterdir()) == []
