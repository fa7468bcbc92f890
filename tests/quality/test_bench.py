"""The bench of quality finds an answer that is wrong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from lockgate.bench.gibleed import multiply
from lockgate.bench.quality import differing, measure_quality
from lockgate.engine import Engine
from lockgate.quality.run import run_checks
from lockgate.quality.thresholds import load


def test_counts_grow_with_the_copies_and_a_wrong_one_is_found(shared_data: Path, tmp_path: Path) -> None:
    multiply(tmp_path / "omop", 2, shared_data / "omop" / "gibleed_omop53")
    wall, busy = measure_quality(tmp_path / "omop", 2)
    assert wall.correct and busy.correct
    assert wall.measure == "1,997 quality checks of 0.7 M rows"
    with Engine(threads=1) as engine:
        results = run_checks(engine, tmp_path / "omop", load("5.3"))
    place = next(n for n, result in enumerate(results) if result.check.name == "isPrimaryKey")
    results[place] = replace(results[place], violated=1)
    assert differing(results, 2) == [results[place].check.id]
