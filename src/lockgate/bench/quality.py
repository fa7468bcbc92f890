"""Quality checks on the GiBleed set multiplied to a million people: every check's counts are held against OHDSI's."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import pyarrow.parquet as pq

from lockgate.bench.core import Measure
from lockgate.bench.gibleed import MILLION, SOURCE, multiply
from lockgate.engine import Engine
from lockgate.engine.omop import find_omop
from lockgate.errors import UsageError
from lockgate.quality.model import Result
from lockgate.quality.run import run_checks
from lockgate.quality.thresholds import load

TARGET = 20.0  # seconds, of 1.0 M people and 127 M rows
GOLDEN = (
    Path(__file__).resolve().parents[4]
    / "shared"
    / "data"
    / "omop"
    / "goldens"
    / "dqd_gibleed_omop53.parquet"
)
# What does not grow with the copies: whether a table or field is there, and how many different values a field has.
_ONCE = ("cdmTable", "cdmField", "sourceValueCompleteness")


def run(quick: bool) -> list[Measure]:
    """The checks over GiBleed multiplied to a million people; a handful of copies when ``quick``."""
    if not GOLDEN.is_file():
        raise UsageError(
            "the GiBleed set is missing", where=str(SOURCE), remedy="put the shared data beside it"
        )
    copies = 3 if quick else MILLION
    with tempfile.TemporaryDirectory(prefix="lockgate-bench-") as temporary:
        folder = Path(temporary) / "omop"
        multiply(folder, copies)
        return measure_quality(folder, copies, temp_dir=Path(temporary))


def measure_quality(
    folder: Path, copies: int, *, memory_limit: str = "4GB", temp_dir: Path | None = None
) -> list[Measure]:
    """All checks of CDM 5.3 over ``folder``, GiBleed ``copies`` times over (``bench.gibleed.multiply``).

    Correct when each check counts ``copies`` times what OHDSI's SQL counts in the set itself.
    """
    thresholds = load("5.3")
    started, busy = time.perf_counter(), time.process_time()
    with Engine(memory_limit=memory_limit, temp_dir=temp_dir) as engine:
        results = run_checks(engine, find_omop(folder), thresholds)
    seconds, busy = time.perf_counter() - started, time.process_time() - busy
    rows = sum(
        pq.read_metadata(path).num_rows
        for path in folder.glob("*.parquet")
        if "person_id" in pq.read_schema(path).names
    )
    told, right = (
        f"{len(results):,} quality checks of {rows / 1e6:,.1f} M rows",
        not differing(results, copies),
    )
    return [
        Measure(
            told, round(seconds, 2), "s", target=TARGET, higher_is_better=False, correct=right,
        ),
        Measure(f"{told}, CPU time", round(busy, 2), "s", higher_is_better=False, correct=right),
    ]  # fmt: skip


def differing(results: list[Result], copies: int) -> list[str]:
    """The ids of the checks that don't count ``copies`` times what OHDSI's SQL counts in GiBleed."""
    expected = {
        (row["check_name"], row["cdm_table"], row["cdm_field"], row["concept_id"]): row
        for row in pq.read_table(GOLDEN).to_pylist()
    }
    wrong = []
    for result in results:
        check = result.check
        row = expected[check.name, check.table, check.field, check.concept_id]
        times = 1 if check.name in _ONCE else copies
        told = (row["num_violated"], row["num_denominator"])
        if None in told:
            continue  # OHDSI's SQL gave no result: a table of studies, and a field whose name is a keyword
        if (result.violated, result.rows) != (told[0] * times, told[1] * times):
            wrong.append(check.id)
    return wrong
