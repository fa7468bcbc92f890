"""The same rows from Spark as from DuckDB, for a hundred definitions of the Phenotype Library."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from lockgate.cohorts.bitmaps import build_index
from lockgate.cohorts.files import read_definitions
from lockgate.cohorts.generate import generate
from lockgate.cohorts.headcount import persons
from lockgate.cohorts.indexed import Index
from lockgate.cohorts.omop import open_omop
from lockgate.engine import open_engine
from lockgate.engine.session import missing
from lockgate.site.settings.data import EngineSection

# Small data: what costs is compiling each statement, and starting tasks.
QUICK = {
    "spark.master": "local[2]",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.shuffle.partitions": "1",
    "spark.driver.extraJavaOptions": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1",
}


@pytest.mark.slow
def test_a_hundred_definitions_give_the_same_rows(
    shared_data: Path, tmp_path: Path, require: Callable[[bool, str], None]
) -> None:
    require(missing() is None, f"Spark ({missing()})")
    omop = shared_data / "omop"
    golden = pq.read_table(
        omop / "goldens" / "cohorts_gibleed_omop53.parquet", columns=["cohort_definition_id"]
    )
    filled = set(golden.column(0).to_pylist())
    read = read_definitions(omop / "phenotype-library")
    with_rows = [(number, definition) for number, _, definition in read if number in filled][:60]
    others = [(number, definition) for number, _, definition in read if number not in filled][::20][:40]
    chosen = with_rows + others
    assert len(chosen) == 100
    told, headcounts, by_index = [], [], []
    with open_engine(EngineSection()) as engine:
        open_omop(engine, omop / "gibleed_omop53")
        build_index(engine, tmp_path / "index")
    index = Index(tmp_path / "index")
    for section in (EngineSection(), EngineSection(engine="spark", spark_settings=QUICK)):
        with open_engine(section) as engine:
            open_omop(engine, omop / "gibleed_omop53")
            told.append(generate(engine, chosen))
            headcounts.append(persons(engine, chosen))
            by_index.append(persons(engine, chosen, index))
    duckdb, spark = told
    assert len(set(duckdb.column("cohort_definition_id").to_pylist())) >= 60
    assert spark.cast(duckdb.schema).equals(duckdb)
    assert headcounts[0] == headcounts[1] and len(headcounts[0]) >= 10
    assert by_index[0] == by_index[1] and by_index[0].items() >= headcounts[0].items()  # it can tell more
    rows = set(zip(*(duckdb.column(name).to_pylist() for name in duckdb.column_names[:2]), strict=True))
    people = Counter(number for number, _ in rows)
    assert by_index[0] == {number: people[number] for number in by_index[0]}
