"""Attrition as it is shown: through disclosure control, so that no difference of its counts is a few people."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockgate.cli import run
from lockgate.cohorts.attrition import Attrition, Split, Step
from lockgate.cohorts.shown import safe_attrition
from lockgate.disclosure import DEFAULT_RULES

_spec = importlib.util.spec_from_file_location("drawn", Path(__file__).with_name("test_generate.py"))
assert _spec and _spec.loader
drawn = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(drawn)


def attrition_of(seed: int, people: int, rules: int) -> Attrition:
    """Random people with one event each, who pass each rule or don't; some rules lose nearly nobody."""
    chooser = np.random.default_rng(seed)
    passes = chooser.random((people, rules)) < chooser.choice([0.5, 0.9, 0.995, 1.0], rules)
    fails = ~passes
    lost_at = np.where(fails.any(axis=1), fails.argmax(axis=1), rules + 1)
    groups = chooser.choice(3, people, p=[0.6, 0.37, 0.03])
    steps = (*(Step(f"r{n}", "rule", True) for n in range(rules)), Step("stay", "stay", False))

    def split(labels: tuple[str, ...], codes: np.ndarray) -> Split:
        lost = np.zeros((rules + 2, len(labels)), dtype=np.int64)
        np.add.at(lost, (lost_at, codes), 1)
        alone = np.zeros((rules + 1, len(labels)), dtype=np.int64)
        for rule in range(rules):
            np.add.at(alone[rule], codes[passes[:, rule]], 1)
        return Split(labels, lost, alone)

    return Attrition(
        steps,
        {
            "everybody": split(("Everybody",), np.zeros(people, dtype=np.int64)),
            "sex": split(("Female", "Male", "Not stated"), groups),
        },
    )


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([5, 30, 200, 2000]), st.integers(1, 5))
def test_no_count_shown_is_a_few_people_nor_a_few_people_from_another(seed, people, rules):
    found = attrition_of(seed, people, rules)
    rows = {(r.dimension, r.group, r.place): r for r in safe_attrition(found, DEFAULT_RULES)}
    true = {(r["dimension"], r["group"], r["place"]): r for r in found.rows()}
    assert rows.keys() == true.keys()
    for key, row in rows.items():
        for shown in (row.lost, row.remaining):
            assert shown is None or shown == 0 or shown >= 10
        if row.lost is not None:
            assert not 0 < true[key]["lost"] < 10
            assert abs(row.lost - true[key]["lost"]) <= 2
        if row.remaining is not None:  # off by what rounding leaves, once a step and at both ends
            assert abs(row.remaining - true[key]["remaining"]) <= 2 * (rules + 3)
        if row.alone is not None and row.place > 1:
            alone = true[key]["alone"]
            entry = true[*key[:2], 0]["remaining"]
            for other in (0, entry, true[key]["remaining"], entry - true[key]["lost"]):
                assert not 0 < abs(alone - other) < 10
            for place in range(2, row.place):  # rules that lose nearly the same people
                before = rows[*key[:2], place].alone
                assert before is None or not 0 < abs(alone - true[*key[:2], place]["alone"]) < 10


def test_groups_that_are_hidden_are_never_one_alone():
    for seed in range(6):
        found = attrition_of(seed, 400, 4)
        rows = safe_attrition(found, DEFAULT_RULES)
        for place in range(2, 5):
            hidden = [r for r in rows if r.dimension == "sex" and r.place == place and r.alone is None]
            whole = next(r for r in rows if r.dimension == "everybody" and r.place == place)
            assert len(hidden) != 1 or whole.alone is None


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    omop = drawn.write_omop(tmp_path / "omop", drawn.PEOPLE)
    definition = json.loads(json.dumps(drawn.SMALL))
    definition["InclusionRules"] = [
        {
            "name": "women",
            "expression": {"Type": "ALL", "DemographicCriteriaList": [{"Gender": [{"CONCEPT_ID": 8532}]}]},
        }
    ]
    (tmp_path / "d.json").write_text(json.dumps(definition))
    arguments = ["cohort", "attrition", "--omop", str(omop), "--definition", str(tmp_path / "d.json")]
    out = tmp_path / "true.parquet"
    assert run([*arguments, "--true-counts", str(out), "--charts", str(tmp_path / "charts"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["steps"][0]["step"] == "women"
    everybody = [row for row in told["rows"] if row["dimension"] == "everybody"]
    assert [row["remaining"] for row in everybody] == [None, None, None]  # one person
    assert {row["group"] for row in told["rows"] if row["dimension"] == "sex"} == {"Female", "Not stated"}
    true = [row for row in pq.read_table(out).to_pylist() if row["dimension"] == "everybody"]
    assert [row["remaining"] for row in true] == [1, 1, 1]
    svg = (tmp_path / "charts" / "attrition_everybody.svg").read_text()
    assert "withheld" in svg and "<title" in svg
    assert run(arguments) == 0
    assert "[c]" in capsys.readouterr().out
