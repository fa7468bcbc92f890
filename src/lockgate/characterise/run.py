"""Run analyses on a folder of OMOP Parquet, or on views that are there: few scans a table, then many small sums."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from lockgate import __version__
from lockgate.characterise.catalogue import (
    ACHILLES,
    Analysis,
    chosen,
    columns_read,
    period_tables,
    unmapped_sql,
)
from lockgate.characterise.events import kinds
from lockgate.characterise.scans import AT_ONCE, MARKED, PARTS, Scans
from lockgate.engine import Engine
from lockgate.engine.omop import open_omop
from lockgate.errors import UsageError

STATISTICS = (
    "min_value", "max_value", "avg_value", "stdev_value",
    "median_value", "p10_value", "p25_value", "p75_value", "p90_value",
)  # fmt: skip
STRATA = tuple(f"stratum_{place}" for place in range(1, 6))
SCHEMA = pa.schema(
    [("analysis_id", pa.int32()), *((name, pa.string()) for name in STRATA), ("count_value", pa.int64())]
    + [(name, pa.float64()) for name in STATISTICS]
)
RAW = "true numbers of people, not checked for disclosure: for the operator of the data, not to be passed on"
_KINDS = "|".join(sorted(kinds(), key=len, reverse=True))
_SCANNED = re.compile(rf"\b({_KINDS})_({'|'.join(PARTS)})\b")
_MARKS = re.compile(r"\bFROM marks\b")


@dataclass(frozen=True, slots=True)
class Characterisation:
    """The rows of the analyses in the shape of SCHEMA, which of them were run, and what the folder doesn't have."""

    rows: pa.Table
    analyses: list[Analysis]
    absent: list[str] = field(default_factory=list)


def characterise(
    engine: Engine, folder: Path, numbers: Iterable[int] | None = None, *, at_once: int = AT_ONCE
) -> Characterisation:
    """Run the analyses (all of them without ``numbers``) on a folder of OMOP CDM 5.3 or 5.4.

    A table or column that isn't there is read as empty and named. Raises UsageError when there is no such folder,
    person or observation_period is missing, or a number isn't known.
    """
    wanted = chosen(numbers)
    absent = open_omop(
        engine,
        folder,
        columns_read(),
        needed=("person", "observation_period"),
        remedy="people can't be counted without that table",
    )
    newer = "visit_occurrence" not in absent and "visit_occurrence.admitted_from_concept_id" not in absent
    rows = run_analyses(engine, wanted, version="5.4" if newer else "5.3", at_once=at_once)
    return Characterisation(rows, wanted, absent)


def run_analyses(
    engine: Engine, wanted: Iterable[Analysis], *, version: str = "5.4", at_once: int = AT_ONCE
) -> pa.Table:
    """The rows of analyses on the views of ``columns_read`` that the engine has, in order.

    ``version`` of the CDM: only analysis 1900 asks for it.
    """
    wanted = list(wanted)
    scans = Scans(engine, at_once=at_once)
    made: set[str] = set()
    strata = ", ".join(f"{name} VARCHAR" for name in STRATA)
    engine.execute(
        f"CREATE OR REPLACE TEMP TABLE counted (analysis_id INTEGER, {strata}, count_value BIGINT)"
    )
    engine.execute(
        "CREATE OR REPLACE TEMP TABLE drawn (analysis_id INTEGER, stratum_1 VARCHAR, stratum_2 VARCHAR,"
        " value DOUBLE, n BIGINT)"
    )
    told = ", ".join(f"{name} DOUBLE" for name in STATISTICS)
    engine.execute(
        f"CREATE OR REPLACE TEMP TABLE stated (analysis_id INTEGER, {strata}, count_value BIGINT, {told})"
    )
    parts = {found for analysis in wanted for found in _SCANNED.findall(analysis.sql)}
    if any(_MARKS.search(analysis.sql) for analysis in wanted):
        parts |= {(table, "people") for table in MARKED}
    scans.begin(parts)
    for analysis in wanted:
        make_ready(engine, scans, analysis.sql, made, version)
        into, filled = {
            "counts": ("counted", (*STRATA, "count_value")),
            "values": ("drawn", ("stratum_1", "stratum_2", "value", "n")),
            "statistics": ("stated", (*STRATA, "count_value", *STATISTICS)),
        }[analysis.gives]
        _insert(engine, analysis, into, filled)
    beyond = pa.table(
        {
            "analysis_id": pa.array([each.id for each in wanted], pa.int32()),
            "largest": [each.beyond == "largest" for each in wanted],
            "strata": [len(each.strata) for each in wanted],
        }
    )
    engine.register("beyond", beyond)
    distribution = resources.files(__package__).joinpath("distribution.sql").read_text("utf-8")
    rows = engine.arrow(
        f"SELECT {', '.join(SCHEMA.names)} FROM (SELECT * FROM counted UNION ALL BY NAME SELECT * FROM ({distribution})"
        " UNION ALL BY NAME SELECT * FROM stated) AS r WHERE count_value > 0"
        f" ORDER BY analysis_id, {', '.join(STRATA)}"
    )
    engine.unregister("beyond")
    return rows.cast(SCHEMA)


def make_ready(engine: Engine, scans: Scans, sql: str, made: set[str], version: str = "5.4") -> None:
    """Make what a SELECT reads that isn't a table of the CDM. ``made`` names the shared tables that are there."""
    for table, part in _SCANNED.findall(sql):
        scans.need(table, part)
    if _MARKS.search(sql):
        scans.need_marks()
    for name, select in {**period_tables(), "unmapped": unmapped_sql(version)}.items():
        if name not in made and re.search(rf"\b{name}\b", sql):
            made.add(name)
            make_ready(engine, scans, select, made, version)
            engine.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {select}")


def _insert(engine: Engine, analysis: Analysis, into: str, filled: tuple[str, ...]) -> None:
    """Put the rows of an analysis in the table of their kind: strata first, the rest from the end."""
    there = len(filled) - {"counts": 5, "values": 2, "statistics": 5}[analysis.gives]
    names = [f"c{place}" for place in range(len(engine.columns(analysis.sql)))]
    strata = len(names) - there
    if not 0 <= strata <= len(filled) - there:
        raise ValueError(f"analysis {analysis.id} gives {len(names)} columns")
    columns = [*filled[:strata], *filled[-there:]]
    engine.execute(
        f"INSERT INTO {into} (analysis_id, {', '.join(columns)})"
        f" SELECT {analysis.id}, {', '.join(names)} FROM ({analysis.sql}) AS a ({', '.join(names)})"
    )


def write_results(rows: pa.Table, path: Path) -> None:
    """Write results as Parquet; its metadata says what they are and that they are the operator's."""
    if not path.parent.is_dir():
        raise UsageError("its folder doesn't exist", where=str(path), remedy="make it, or name another")
    about = {"lockgate": __version__, "analyses": f"OHDSI Achilles {ACHILLES}", "disclosure": RAW}
    part = path.with_name(f".{path.name}.part")
    pq.write_table(rows.replace_schema_metadata(about), part, compression="zstd")
    part.chmod(0o600)
    part.replace(path)
