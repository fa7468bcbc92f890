"""The demo's study on a small release of our own making: it runs, finds the gradient and leaves by the gate."""

from __future__ import annotations

import csv
import datetime as dt
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lockgate.disclosure import check_outputs, prepare, repair

STUDY = Path(__file__).parents[2] / "src/lockgate/portal/workspaces/code/age_at_first_diagnosis"
CODES = [row["code"] for row in csv.DictReader((STUDY / "conditions.csv").open(encoding="utf-8"))]


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1,500 people with pseudonyms, a year's later onset per decile, some areas and ethnic groups unknown."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(11)
    size = 1500
    ids = rng.integers(2**60, 2**62, size, dtype=np.int64)
    decile = rng.integers(1, 11, size)
    born = rng.integers(1930, 1990, size)
    onset = born + np.clip(rng.normal(50 + 1.0 * decile, 9), 1, 90).astype(np.int64)
    categories = np.array(["A", "C", "H", "J", "M", "R", "S", "Z", "99"])
    ethnicity = rng.choice(categories, size, p=[0.7, 0.06, 0.08, 0.05, 0.04, 0.02, 0.005, 0.03, 0.015])
    person = {
        "person_id": ids,
        "year_of_birth": born,
        "gender_concept_id": rng.choice([8507, 8532, 0], size, p=[0.48, 0.51, 0.01]),
        "race_source_value": ethnicity,
    }
    known = rng.random(size) > 0.02
    deprivation = {
        "person_id": pa.array(ids),
        "imd2025_decile": pa.array(
            [int(d) if k else None for d, k in zip(decile, known, strict=True)], pa.int64()
        ),
    }
    concept = {
        "concept_id": [*range(1000, 1000 + len(CODES)), 2000],
        "vocabulary_id": ["SNOMED"] * (len(CODES) + 1),
        "concept_code": [*CODES, "68566005"],
    }
    acute = rng.integers(0, size, 300)
    conditions = {
        "person_id": np.concatenate([ids, ids, ids[acute]]),
        "condition_concept_id": np.concatenate(
            [rng.integers(1000, 1000 + len(CODES), 2 * size), np.full(300, 2000)]
        ),
        "condition_start_date": pa.array(
            [dt.date(int(y), 3, 1) for y in np.concatenate([onset, onset + 4, born[acute] + 1])],
            pa.date32(),
        ),
    }
    for name, columns in (
        ("person", person),
        ("person_deprivation", deprivation),
        ("concept", concept),
        ("condition_occurrence", conditions),
    ):
        pq.write_table(pa.table(columns), folder / f"{name}.parquet")
    return folder


def test_the_study_runs_is_repaired_and_leaves(release: Path, tmp_path: Path) -> None:
    out = tmp_path / "outputs"
    env = {"LOCKGATE_DATA": str(release), "LOCKGATE_OUTPUTS": str(out), "PATH": os.environ["PATH"]}
    subprocess.run([sys.executable, str(STUDY / "main.py")], env=env, check=True)
    first = {v.file: v for v in check_outputs(out, pseudonyms=release)}
    assert first["people_by_ethnic_group.csv"].decision == "fail"
    assert any(f.rule == "threshold" for f in first["people_by_ethnic_group.csv"].findings)
    assert first["about.md"].decision == "pass"

    fixed = repair(out, tmp_path / "safe", pseudonyms=release)
    assert fixed.left_out == {}
    assert {v.decision for v in fixed.verdicts} == {"pass"}, [f for v in fixed.verdicts for f in v.findings]
    files = {p.name for p in prepare(tmp_path / "safe", tmp_path / "public", pseudonyms=release)}
    assert files == {
        "age_by_decile.csv", "age_by_decile_chart.svg", "people_by_ethnic_group.csv", "about.md", "result.json",
    }  # fmt: skip

    rows = list(csv.DictReader((tmp_path / "public" / "age_by_decile.csv").open(encoding="utf-8")))
    by = {row["imd2025_decile"]: row for row in rows}
    assert [row["imd2025_decile"] for row in rows] == [*map(str, range(1, 11)), "Not stated", "All"]
    assert 7 < float(by["10"]["mean"]) - float(by["1"]["mean"]) < 11
    people = list(csv.DictReader((tmp_path / "public" / "people_by_ethnic_group.csv").open(encoding="utf-8")))
    assert any(row["people"] == "[c]" for row in people)
    assert any(row["ethnic_group"] == "Not stated" for row in people)
    assert not any(row["people"] != "[c]" and 0 < int(row["people"]) < 10 for row in people)
    svg = (tmp_path / "public" / "age_by_decile_chart.svg").read_text(encoding="utf-8")
    assert "<title" in svg and "<desc" in svg and 'role="img"' in svg
