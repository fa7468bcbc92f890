"""Cohorts: the Phenotype Library on the planted set, its largest on a million people, and nine-rule counts.

The peer is duckcdm, OHDSI's own SQL (Circe, SqlRender) on the same DuckDB version and the same Parquet files, one
definition after the other, in an environment of its own in the same run. On the planted set it gets every 50th
definition. The largest it gets on two fractions of the million, where its rows are compared with ours; its time on the
whole is the straight line through the two, which leaves what it takes before any data out of the growth.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lockgate.bench import characterise
from lockgate.bench.core import Measure, environment
from lockgate.bench.gibleed import MILLION, SOURCE, multiply
from lockgate.cohorts.authored import read_yaml
from lockgate.cohorts.bitcount import BitmapIndex
from lockgate.cohorts.bitmaps import build_index
from lockgate.cohorts.definition import Definition
from lockgate.cohorts.files import read_definitions
from lockgate.cohorts.generate import generate
from lockgate.cohorts.headcount import persons as headcounts
from lockgate.cohorts.omop import open_omop
from lockgate.engine import Engine, literal
from lockgate.errors import UsageError

_OMOP = SOURCE.parent
_PEER = "duckcdm 0.4.7, OHDSI's SQL"
_WANTED = ["duckcdm==0.4.7", f"duckdb=={duckdb.__version__}"]
_FRACTIONS = (10, 40)  # copies of GiBleed for the peer, of the million's 371

# What runs in the peer's environment: folder, definitions' folder, their numbers, where to leave the rows; prints
# seconds (wall, CPU).
_RUN = """
import csv, json, sys, time
from pathlib import Path
import duckdb, duckcdm.omop
from duckcdm.circe import build_cohort_query
from duckcdm.sqlrender import render, split_sql, translate
folder, library, numbers, out = Path(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3]), sys.argv[4]
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
wall, cpu, unable = time.perf_counter(), time.process_time(), []
for number in numbers:
    sql = build_cohort_query((library / f"{number}.json").read_text(), cdm_schema="main", vocabulary_schema="main",
                             result_schema="results", target_table="results.cohort", cohort_id=number)
    try:
        for statement in split_sql(translate(render(sql), "duckdb")):
            con.execute(statement).fetchall()
    except duckdb.BinderException:  # its SQL of an observation period in a group names a table that isn't there
        unable.append(number)
        for (name,) in con.execute("SELECT table_name FROM duckdb_tables() WHERE temporary").fetchall():
            con.execute(f'DROP TABLE "{name}"')
print(json.dumps([time.perf_counter() - wall, time.process_time() - cpu, unable]))
con.execute(f"COPY results.cohort TO '{out}' (FORMAT parquet)")
"""
# Circe leaves the order of events that start together open: these are compared by how many rows they have
_BY_COUNT = (222, 403, 410, 752, 1071)

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
_TWICE = _NINE.replace("[{condition: 260139}]", "[{condition: 260139, count: at least 2}]")


def run(quick: bool) -> list[Measure]:
    """The Phenotype Library in one go, its largest definitions on a million people, the index, and counts."""
    if not SOURCE.is_dir():
        raise UsageError("the shared data isn't there", where=str(SOURCE), remedy="put it beside the clone")
    with tempfile.TemporaryDirectory(prefix="lockgate-bench-") as told:
        folder = Path(told)
        python = None if quick else environment(folder / "peer", _WANTED)
        measures = _planted(python, folder)
        copies = 2 if quick else MILLION
        large = folder / "omop"
        rows = multiply(large, copies)
        measures += _largest(python, folder, copies, rows)
        with Engine(memory_limit="8GB", threads=2, temp_dir=folder) as engine:
            open_omop(engine, large)
            measures += _counting(engine, large, folder / "index")
        if not quick:  # it has a benchmark of its own
            measures += characterise.measures(large, MILLION, quick)
    return measures


class _Theirs(NamedTuple):
    wall: float
    cpu: float
    unable: list[int]


def _peer(python: Path | None, omop: Path, numbers: Sequence[int], out: Path) -> _Theirs | None:
    """What the peer took, and the definitions that its SQL can't do; its rows are in ``out``."""
    if python is None:
        return None
    library = str(_OMOP / "phenotype-library")
    told = [str(python), "-c", _RUN, str(omop), library, json.dumps(list(numbers)), str(out)]
    done = subprocess.run(told, capture_output=True, text=True)
    if done.returncode != 0:
        return None
    return _Theirs(*json.loads(done.stdout.splitlines()[-1]))


class _Ran(NamedTuple):
    rows: pa.Table
    wall: float
    cpu: float
    parts: list[tuple[str, float]]  # the dearest statements and their seconds


def _ours(omop: Path, definitions: Sequence[tuple[int, Definition]], folder: Path) -> _Ran:
    with _Timed(memory_limit="8GB", threads=2, temp_dir=folder) as engine:
        open_omop(engine, omop)
        wall, cpu = time.perf_counter(), time.process_time()
        rows = generate(engine, definitions)
        taken = time.perf_counter() - wall, time.process_time() - cpu
        parts = sorted(engine.taken.items(), key=lambda pair: -pair[1])
    return _Ran(rows, *taken, parts)


class _Timed(Engine):
    """An engine that notes how long each statement takes, by the table that it makes."""

    def __init__(self, **settings: Any) -> None:
        self.taken: dict[str, float] = {}
        super().__init__(**settings)

    def execute(self, sql: str, params: Sequence[Any] | None = None) -> None:
        started = time.perf_counter()
        super().execute(sql, params)
        made = sql.split(" AS ")[0].split()[-1]
        self.taken[made] = self.taken.get(made, 0.0) + time.perf_counter() - started

    def arrow(self, sql: str, params: Sequence[Any] | None = None) -> pa.Table:
        started = time.perf_counter()
        rows = super().arrow(sql, params)
        self.taken["the rows, sorted"] = time.perf_counter() - started
        return rows


def _same(ours: pa.Table, theirs: Path, numbers: Sequence[int]) -> bool:
    """Whether both have the same rows of each definition; of ``_BY_COUNT`` equally many."""
    listed = f"({', '.join(map(str, numbers))})"
    told = "cohort_definition_id, subject_id, cohort_start_date, cohort_end_date"
    counted = "SELECT cohort_definition_id, count(*) AS n FROM {} GROUP BY ALL"
    with duckdb.connect() as connection:
        connection.register("found", ours)
        connection.execute(
            f"CREATE VIEW ours AS SELECT {told} FROM found WHERE cohort_definition_id IN {listed}"
        )
        connection.execute(
            f"CREATE VIEW theirs AS SELECT {told} FROM read_parquet({literal(theirs)}) "
            f"WHERE cohort_definition_id IN {listed}"
        )
        pairs = [
            (counted.format(one), counted.format(other))
            for one, other in (("ours", "theirs"), ("theirs", "ours"))
        ]
        exact = f"WHERE cohort_definition_id NOT IN {_BY_COUNT}"
        pairs += [
            (f"FROM {a} {exact}", f"FROM {b} {exact}") for a, b in (("ours", "theirs"), ("theirs", "ours"))
        ]
        return not any(
            connection.execute(f"{one} EXCEPT ALL {other} LIMIT 1").fetchall() for one, other in pairs
        )


def _planted(python: Path | None, folder: Path) -> list[Measure]:
    planted, library = _OMOP / "phenolib_planted_omop54", _OMOP / "phenotype-library"
    started = time.perf_counter(), time.process_time()
    read = read_definitions(library)
    reading = time.perf_counter() - started[0]
    ran = _ours(planted, [(number, definition) for number, _, definition in read], folder)
    wall, cpu = time.perf_counter() - started[0], time.process_time() - started[1]
    golden = _OMOP / "goldens" / "cohorts_planted.parquet"
    numbers = [
        row[0] for row in _rows(f"SELECT DISTINCT cohort_definition_id FROM read_parquet({literal(golden)})")
    ]
    right = _same(ran.rows, golden, numbers)
    some = [number for number, *_ in read[::50]]
    theirs = _peer(python, planted, some, folder / "planted.parquet")
    if theirs:
        some = [number for number in some if number not in theirs.unable]
        right = right and _same(ran.rows, folder / "planted.parquet", some)
    told = f"{len(read):,} definitions on the planted set"
    peer = f"{_PEER}, {len(some)} of them, scaled up" if theirs else f"{_PEER}: not run"
    if theirs and theirs.unable:
        peer += f"; its SQL fails on {len(theirs.unable)} more"
    scale = len(read) / len(some)
    return [
        Measure(
            f"{told}, read and run",
            wall,
            "s",
            3.0,
            False,
            peer,
            theirs.wall * scale if theirs else None,
            right,
        ),
        Measure(
            f"{told}, CPU time", cpu, "s", None, False, peer, theirs.cpu * scale if theirs else None, right
        ),
        Measure(f"{told}: of it reading them", reading, "s", None, False),
        *(Measure(f"{told}: of it {name}", taken, "s", None, False) for name, taken in ran.parts[:4]),
    ]


def _rows(sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect() as connection:
        return list(connection.execute(sql).fetchall())


def _largest(python: Path | None, folder: Path, copies: int, rows: int) -> list[Measure]:
    """The definitions with the most rows in the golden of GiBleed, on GiBleed multiplied, and on two fractions."""
    golden = literal(_OMOP / "goldens" / "cohorts_gibleed_omop53.parquet")
    numbers = [
        row[0]
        for row in _rows(
            f"SELECT cohort_definition_id FROM read_parquet({golden}) GROUP BY ALL ORDER BY count(*) DESC, 1 LIMIT 40"
        )
    ]
    by_number = {n: d for n, _, d in read_definitions(_OMOP / "phenotype-library") if n in set(numbers)}
    asked = [(n, by_number[n]) for n in numbers]
    ran = _ours(folder / "omop", asked, folder)
    fractions = (1, 2) if copies < max(_FRACTIONS) else _FRACTIONS
    right, ours, theirs = True, [], []
    for fraction in fractions:
        part, out = folder / f"omop{fraction}", folder / f"rows{fraction}.parquet"
        multiply(part, fraction)
        ours.append(_ours(part, asked, folder))
        # twice, and the shorter: an error of a second in either becomes ten on the line to the whole
        taken = [again for _ in range(2) if (again := _peer(python, part, numbers, out)) and not again.unable]
        if taken:
            theirs.append((min(one.wall for one in taken), min(one.cpu for one in taken)))
            right = right and _same(ours[-1].rows, out, numbers)
    per_copy = {row["values"]: row["counts"] // fractions[0] for row in _counted(ours[0].rows)}
    right = right and all(row["counts"] == copies * per_copy[row["values"]] for row in _counted(ran.rows))
    named = f"the 40 largest on {rows / 1e6:,.0f} M rows"
    compared = [
        Measure(
            f"the 40 largest on {fraction} of {copies} copies, CPU time", mine.cpu, "s", None, False,
            _PEER if theirs else f"{_PEER}: not run", theirs[place][1] if theirs else None, right,
        )
        for place, (fraction, mine) in enumerate(zip(fractions, ours, strict=True))
    ]  # fmt: skip
    whole: tuple[float | None, float | None] = (None, None)
    if len(theirs) == 2:
        (low, high), (few, many) = theirs, fractions
        wall, cpu = (b + (b - a) / (many - few) * (copies - many) for a, b in zip(low, high, strict=True))
        whole = wall, cpu
    peer = f"{_PEER}, the line through {few} and {many} copies" if theirs else f"{_PEER}: not run"
    faster = [
        Measure(f"{named}: times faster ({name} time)", by / own, "x", target, peer=peer, correct=right)
        for name, by, own, target in (("wall", whole[0], ran.wall, 4.0), ("CPU", whole[1], ran.cpu, None))
        if by is not None
    ]
    # what it can't be faster than: reading the columns, and writing the rows
    kept = ran.rows.num_rows
    with Engine(memory_limit="8GB", threads=2, temp_dir=folder) as engine:
        open_omop(engine, folder / "omop")
        scan = _least(lambda: engine.rows(_SCAN))
        write = _least(lambda: pq.write_table(ran.rows, folder / "rows.parquet", compression="zstd"), 1)
    return [
        *faster,
        Measure(f"{named}, wall time", ran.wall, "s", None, False, peer, whole[0], right),
        Measure(f"{named}, CPU time", ran.cpu, "s", None, False, peer, whole[1], right),
        *compared,
        *(Measure(f"{named}: of it {name}", taken, "s", None, False) for name, taken in ran.parts[:6]),
        Measure(f"{named}: reading the columns alone", scan, "s", None, False),
        Measure(f"{named}: writing {kept / 1e6:,.1f} M rows to a file, not in it", write, "s", None, False),
    ]


def _counted(rows: pa.Table) -> list[dict[str, int]]:
    told: list[dict[str, int]] = pc.value_counts(rows["cohort_definition_id"]).to_pylist()
    return told


_EVENTS = (
    ("condition_occurrence", "condition_concept_id", "condition_start_date"),
    ("drug_exposure", "drug_concept_id", "drug_exposure_start_date"),
    ("procedure_occurrence", "procedure_concept_id", "procedure_date"),
    ("measurement", "measurement_concept_id", "measurement_date"),
    ("visit_occurrence", "visit_concept_id", "visit_start_date"),
)
# aggregates that the statistics in the files' footers don't answer
_SCAN = " UNION ALL ".join(
    f"SELECT bit_xor({concept}), bit_xor(person_id), sum({start} - DATE '1970-01-01') FROM {table}"
    for table, concept, start in _EVENTS
)
_WHO = " UNION ALL ".join(
    f"SELECT bit_xor({concept}), bit_xor(person_id) FROM {table}" for table, concept, _ in _EVENTS[:4]
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
    by_words = _least(lambda: by_sql.append(headcounts(engine, [(1, asked)], index)[1]))
    started = time.process_time()
    headcount = _least(lambda: by_sql.append(headcounts(engine, [(1, asked)])[1]), 1)
    cpu = time.process_time() - started
    same = {persons} == {*by_sql} and bool(persons)
    twice = read_yaml(_TWICE)  # of one rule the index can't tell: it counts events
    partly: list[int] = []
    by_both = _least(lambda: partly.append(headcounts(engine, [(1, twice)], index)[1]))
    by_tables = _least(lambda: partly.append(headcounts(engine, [(1, twice)])[1]), 1)
    alike = len({*partly}) == 1 and bool(partly[0]) and index.persons(twice) is None
    floor = _least(lambda: engine.rows(_WHO))
    return [
        Measure(f"index of {about['people']:,} people built", built, "s", 60.0, False),
        Measure("index, part of the release's size", 100 * about["bytes"] / size, "%", 5.0, False),
        Measure("index opened", opened, "s", None, False),
        Measure("nine rules from bitmaps, the first time", first * 1000, "ms", None, False, correct=same),
        Measure("nine rules from bitmaps", again * 1000, "ms", 10.0, False, correct=same),
        Measure("nine rules from SQL over the index's Parquet", by_words, "s", 0.3, False, correct=same),
        Measure("nine rules from SQL over the events", headcount, "s", None, False, correct=same),
        Measure("nine rules from SQL over the events, CPU time", cpu, "s", None, False, correct=same),
        Measure(
            'nine rules, one of them "twice", from SQL with the index',
            by_both,
            "s",
            None,
            False,
            correct=alike,
        ),
        Measure(
            'nine rules, one of them "twice", from SQL over the events',
            by_tables,
            "s",
            None,
            False,
            correct=alike,
        ),
        Measure(
            "nine rules: reading who has which concept in the four tables, alone", floor, "s", None, False
        ),
    ]
