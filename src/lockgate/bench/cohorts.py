"""Cohorts: the Phenotype Library on the planted set, its largest on a million people, and nine-rule counts.

The peer is duckcdm, OHDSI's own SQL (Circe, SqlRender) on the same DuckDB version and the same Parquet files, one
definition after the other, in an environment of its own in the same run. On the planted set it gets every 20th
definition; on the million as many of the largest as it manages in three minutes, and ours is held against those.
``correct`` says that both give as many rows of each definition.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import duckdb
import pyarrow.compute as pc

from lockgate.bench import characterise
from lockgate.bench.core import Measure, environment
from lockgate.bench.gibleed import MILLION, SOURCE, multiply
from lockgate.cohorts.authored import read_yaml
from lockgate.cohorts.bitcount import BitmapIndex
from lockgate.cohorts.bitmaps import build_index
from lockgate.cohorts.definition import Definition
from lockgate.cohorts.files import read_definitions
from lockgate.cohorts.generate import counts, generate
from lockgate.cohorts.omop import open_omop
from lockgate.engine import Engine, literal
from lockgate.errors import UsageError

_OMOP = SOURCE.parent
_PEER = "duckcdm 0.4.7, OHDSI's SQL"
_WANTED = ["duckcdm==0.4.7", f"duckdb=={duckdb.__version__}"]
_SECONDS = 180  # that the peer may take on the million

# What runs in the peer's environment: folder, definitions' folder, their numbers, seconds; prints number: [s, rows].
_RUN = """
import csv, json, sys, time
from pathlib import Path
import duckdb, duckcdm.omop
from duckcdm.circe import build_cohort_query
from duckcdm.sqlrender import render, split_sql, translate
folder, library, numbers, seconds = Path(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3]), float(sys.argv[4])
con = duckdb.connect()
con.execute("SET threads = 2; SET memory_limit = '8GB'; SET enable_progress_bar = false; CREATE SCHEMA results")
there = {path.stem for path in folder.glob("*.parquet")}
for name in there:
    con.execute(f"CREATE VIEW {name} AS FROM read_parquet('{folder / name}.parquet')")
fields = {}
for row in csv.DictReader(open(Path(duckcdm.omop.__file__).with_name("cdm_fields.csv"))):
    fields.setdefault(row["table"], {})[row["field"].strip('"')] = row
for name, columns in fields.items():
    if name not in there:
        told = ", ".join(
            f'"{c}" ' + ("DATE" if c.endswith("_date") else "DOUBLE" if "value_as_number" in c else "BIGINT")
            for c in columns
        )
        con.execute(f"CREATE TABLE {name} ({told})")
con.execute("CREATE TABLE results.cohort (cohort_definition_id BIGINT, subject_id BIGINT, "
            "cohort_start_date DATE, cohort_end_date DATE)")
done, began = {}, time.perf_counter()
for number in numbers:
    if time.perf_counter() - began > seconds:
        break
    start = time.perf_counter()
    sql = build_cohort_query((library / f"{number}.json").read_text(), cdm_schema="main", vocabulary_schema="main",
                             result_schema="results", target_table="results.cohort", cohort_id=number)
    for statement in split_sql(translate(render(sql), "duckdb")):
        con.execute(statement).fetchall()
    rows = con.execute("SELECT count(*) FROM results.cohort WHERE cohort_definition_id = ?", [number]).fetchall()[0][0]
    done[number] = [time.perf_counter() - start, rows]
print(json.dumps(done))
"""

# A question of nine rules, as an explorer of a release asks it.
_NINE = """
entry: [{condition: 4112343+}]
rules:
  - {name: women, all: [{person: {sex: female}}]}
  - {name: a painkiller, all: [{drug: 1125315+}]}
  - {name: bronchitis, all: [{condition: 260139}]}
  - {name: no bleeding, all: [{condition: 192671+, count: none}]}
  - {name: a vaccine or penicillin, any: [{drug: 40213160+}, {drug: 1713332+}]}
  - {name: no warfarin, all: [{drug: 1310149+, count: none}]}
  - {name: two of three, at least 2: [{condition: 81151+}, {condition: 372328+}, {drug: 1118084+}]}
  - {name: a procedure, all: [{procedure: any}]}
  - {name: measured, all: [{measurement: any}]}
"""
# the same with what only days can tell
_DATED = "\n  - {name: years before, all: [{drug: 1125315+, within: {from: -3650, to: 0}}]}\n"


def run(quick: bool) -> list[Measure]:
    """The Phenotype Library in one go, its largest definitions on a million people, the index, and counts."""
    if not SOURCE.is_dir():
        raise UsageError("the shared data isn't there", where=str(SOURCE), remedy="put it beside the clone")
    with tempfile.TemporaryDirectory(prefix="lockgate-bench-") as told:
        folder = Path(told)
        python = None if quick else environment(folder / "peer", _WANTED)
        measures = [_planted(python)]
        large = folder / "omop"
        rows = multiply(large, 3 if quick else MILLION)
        with Engine(memory_limit="8GB", threads=2, temp_dir=folder) as engine:
            open_omop(engine, large)
            measures += _largest(engine, python, large, rows)
            measures += _counting(engine, large, folder / "index")
        if not quick:  # it has a benchmark of its own
            measures += characterise.measures(large, MILLION, quick)
    return measures


def _peer(
    python: Path | None, omop: Path, numbers: Sequence[int], seconds: float
) -> dict[int, tuple[float, int]]:
    if python is None:
        return {}
    told = [
        str(python),
        "-c",
        _RUN,
        str(omop),
        str(_OMOP / "phenotype-library"),
        json.dumps(list(numbers)),
        str(seconds),
    ]
    done = subprocess.run(told, capture_output=True, text=True, timeout=seconds * 4 + 300)
    if done.returncode != 0:
        return {}
    return {int(number): (taken, rows) for number, (taken, rows) in json.loads(done.stdout).items()}


def _timed(engine: Engine, definitions: Sequence[tuple[int, Definition]]) -> tuple[float, dict[int, int]]:
    started = time.perf_counter()
    table = generate(engine, definitions)
    seconds = time.perf_counter() - started
    counted = pc.value_counts(table["cohort_definition_id"]).to_pylist()
    return seconds, {row["values"]: row["counts"] for row in counted}


def _planted(python: Path | None) -> Measure:
    planted = _OMOP / "phenolib_planted_omop54"
    started = time.perf_counter()
    read = read_definitions(_OMOP / "phenotype-library")
    with Engine(memory_limit="4GB", threads=2) as engine:
        open_omop(engine, planted)
        _, found = _timed(engine, [(number, definition) for number, _, definition in read])
    seconds = time.perf_counter() - started
    golden = duckdb.execute(
        "SELECT cohort_definition_id, count(*) FROM "
        f"read_parquet({literal(_OMOP / 'goldens' / 'cohorts_planted.parquet')}) GROUP BY ALL"
    ).fetchall()
    theirs = _peer(python, planted, [number for number, *_ in read[::20]], 600)
    return Measure(
        f"{len(read):,} definitions on the planted set, read and run", seconds, "s", 3.0, False,
        peer=f"{_PEER}, {len(theirs)} of them, scaled up" if theirs else f"{_PEER}: not to be had",
        peer_value=sum(taken for taken, _ in theirs.values()) * len(read) / len(theirs) if theirs else None,
        correct=all(found.get(number, 0) == n for number, n in golden),
    )  # fmt: skip


def _largest(engine: Engine, python: Path | None, omop: Path, rows: int) -> list[Measure]:
    """The definitions with the most rows in the golden of GiBleed, on GiBleed multiplied."""
    golden = _OMOP / "goldens" / "cohorts_gibleed_omop53.parquet"
    numbers = [
        number
        for (number,) in duckdb.execute(
            f"SELECT cohort_definition_id FROM read_parquet({literal(golden)}) GROUP BY ALL "
            "ORDER BY count(*) DESC, 1 LIMIT 40"
        ).fetchall()
    ]
    by_number = {n: d for n, _, d in read_definitions(_OMOP / "phenotype-library") if n in set(numbers)}
    seconds, found = _timed(engine, [(n, by_number[n]) for n in numbers])
    theirs = _peer(python, omop, numbers, _SECONDS)
    named = f"the 40 largest on {rows / 1e6:,.0f} M rows"
    measures = [Measure(named, seconds, "s")]
    if theirs:
        same, _ = _timed(engine, [(n, by_number[n]) for n in numbers if n in theirs])
        measures.append(
            Measure(
                f"{named}: the first {len(theirs)}, which the peer managed",
                same,
                "s",
                None,
                False,
                peer=_PEER,
                peer_value=sum(taken for taken, _ in theirs.values()),
                correct=all(found.get(n, 0) == count for n, (_, count) in theirs.items()),
            )
        )
        ratio = measures[-1].ratio or 0.0
        measures.append(
            Measure(f"{named}: times faster", ratio, "x", 4.0, peer=_PEER, correct=measures[-1].correct)
        )
    # what it can't be faster than: reading the columns, and writing the rows
    scan = _least(lambda: engine.rows(_SCAN))
    kept = sum(found.values())
    write = _least(
        lambda: engine.arrow(f"SELECT range AS a, range AS b, range AS c, range AS d FROM range({kept})")
    )
    return [
        *measures,
        Measure(f"{named}: of it reading the columns", scan, "s", None, False),
        Measure(f"{named}: of it handing over {kept / 1e6:,.1f} M rows", write, "s", None, False),
    ]


_SCAN = " UNION ALL ".join(
    f"SELECT count(*), max({concept}), max(person_id), max({start}) FROM {table}"
    for table, concept, start in (
        ("condition_occurrence", "condition_concept_id", "condition_start_date"),
        ("drug_exposure", "drug_concept_id", "drug_exposure_start_date"),
        ("procedure_occurrence", "procedure_concept_id", "procedure_date"),
        ("measurement", "measurement_concept_id", "measurement_date"),
        ("visit_occurrence", "visit_concept_id", "visit_start_date"),
    )
)


def _least(work: Callable[[], object], times: int = 3) -> float:
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return min(taken)


def _counting(engine: Engine, omop: Path, target: Path) -> list[Measure]:
    started = time.perf_counter()
    about = build_index(engine, target)
    built = time.perf_counter() - started
    size = sum(file.stat().st_size for file in omop.glob("*.parquet"))
    started = time.perf_counter()
    index = BitmapIndex(target)
    opened = time.perf_counter() - started
    asked = read_yaml(_NINE)
    started = time.perf_counter()
    persons = index.persons(asked)
    first = time.perf_counter() - started
    again = _least(lambda: BitmapIndex.persons(index, asked), 20)
    by_sql: list[int] = []
    nine = _least(lambda: by_sql.append(counts(engine, [(1, asked)])[1].persons))
    dated = read_yaml(_NINE.rstrip() + _DATED)
    days = _least(lambda: counts(engine, [(1, dated)]))
    same = {persons} == {*by_sql} and bool(persons)
    return [
        Measure(f"index of {about['people']:,} people built", built, "s", 60.0, False),
        Measure("index, part of the release's size", 100 * about["bytes"] / size, "%", 5.0, False),
        Measure("index opened", opened, "s", None, False),
        Measure("nine rules from bitmaps, the first time", first * 1000, "ms", None, False, correct=same),
        Measure("nine rules from bitmaps", again * 1000, "ms", 10.0, False, correct=same),
        Measure("nine rules from SQL over Parquet", nine, "s", 0.3, False, correct=same),
        Measure("ten rules, one with a window, from SQL", days, "s", None, False),
    ]
