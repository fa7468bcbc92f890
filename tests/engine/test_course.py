"""A course of statements: each after those whose tables it names, and the first that fails ends it."""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pytest

from lockgate.engine import Engine
from lockgate.engine.course import Course


@pytest.fixture
def engine():
    with Engine(threads=2) as engine:
        yield engine


def test_a_statement_waits_for_the_tables_that_it_names(engine: Engine) -> None:
    engine.execute("CREATE VIEW numbers AS SELECT range AS n FROM range(1000000)")
    course = Course(engine)
    course.make("sorted", "CREATE TABLE sorted AS SELECT hash(n) AS n FROM numbers ORDER BY hash(n)")
    for place in range(40):  # a chain of two, and what depends on nothing beside it
        before = f"chain_{place - 1}" if place else "sorted"
        course.make(
            f"chain_{place}", f"CREATE TABLE chain_{place} AS SELECT n + 1 AS n FROM {before} LIMIT 9"
        )
        course.make(f"alone_{place}", f"CREATE TABLE alone_{place} AS SELECT {place} AS n")
    course.make(
        "all_of_them", "CREATE TABLE all_of_them AS SELECT c.n FROM chain_39 c JOIN alone_39 a ON a.n = 39"
    )
    course.wait("SELECT count(*) FROM all_of_them")
    assert engine.one("SELECT count(*) FROM all_of_them") == 9
    course.wait(" ".join(f"alone_{place}" for place in range(40)))
    assert [engine.one(f"SELECT n FROM alone_{place}") for place in range(40)] == list(range(40))
    course.close()


def test_registered_tables_and_settings_are_those_of_every_connection(engine: Engine) -> None:
    engine.execute("ATTACH ':memory:' AS apart")
    path = "SET search_path = 'apart.main,memory.main'"
    engine.execute(path)
    course = Course(engine, [path])
    course.register("given", pa.Table.from_arrays([pa.array([1, 2, 3])], names=["n"]))
    for place in range(8):
        course.make(f"t_{place}", f"CREATE TABLE t_{place} AS SELECT sum(n) AS n FROM given")
    course.wait(" ".join(f"t_{place}" for place in range(8)))
    assert engine.rows("SELECT n FROM apart.main.t_0 UNION ALL SELECT n FROM t_7") == [(6,), (6,)]
    course.close()


def test_a_failure_is_raised_where_the_course_is_asked(engine: Engine) -> None:
    course = Course(engine)
    course.make("wrong", "CREATE TABLE wrong AS SELECT CAST('x' AS INTEGER) AS n FROM range(3)")
    course.make("after", "CREATE TABLE after AS SELECT n FROM wrong")
    with pytest.raises(duckdb.ConversionException):
        course.wait("SELECT * FROM after")
    with pytest.raises(duckdb.ConversionException):
        course.make("more", "CREATE TABLE more AS SELECT 1 AS n")
    course.close()
    assert engine.rows("SELECT table_name FROM duckdb_tables()") == []


def test_what_runs_is_broken_off_when_the_course_is_closed(engine: Engine) -> None:
    course = Course(engine)
    course.make(
        "endless", "CREATE TABLE endless AS SELECT count(*) AS n FROM range(1000000000000) a, range(1000) b"
    )
    course.make("after", "CREATE TABLE after AS SELECT n FROM endless")
    course.close()
    assert engine.rows("SELECT table_name FROM duckdb_tables()") == []


def test_what_only_one_connection_sees_is_told(engine: Engine) -> None:
    engine.execute("CREATE VIEW v AS SELECT 1 AS n")
    assert engine.all_shared()
    engine.register("given", pa.Table.from_arrays([pa.array([1])], names=["n"]))
    assert not engine.all_shared()
    engine.unregister("given")
    assert engine.all_shared()
    engine.execute("CREATE TEMP TABLE t AS SELECT 1 AS n")
    assert not engine.all_shared()
