"""Two definitions side by side and one in time: what changed, who is shared, when events happen."""

from __future__ import annotations

import importlib.util
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from lockgate.cli import run
from lockgate.cohorts.definition import Criterion, Definition, Demographic, Group, In, Interval, Rule
from lockgate.cohorts.explain.changes import as_english, changes
from lockgate.cohorts.overlap import Overlap, overlap, safe_overlap
from lockgate.cohorts.timeline import Timeline, criteria_of, safe_timeline, timeline
from lockgate.disclosure import DEFAULT_RULES
from lockgate.engine import Engine
from lockgate.errors import UsageError


def module(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec and spec.loader
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


drawn, small, told = module("random_cohorts"), module("test_generate"), module("test_english")
QUIET = {"deadline": None, "suppress_health_check": list(HealthCheck), "phases": [Phase.generate]}


def test_every_change_of_a_field_is_a_change() -> None:
    whole = told.EVERYTHING
    assert changes(whole, whole) == []
    assert as_english([]) == "The two are the same."
    for other in list(told.changed(whole))[::7]:
        assert other == whole or changes(whole, other), other


def test_changes_are_told_where_they_are() -> None:
    adults = Rule("adults", Group("all", demographics=(Demographic((("Age", Interval(18.0)),)),)))
    women = Rule("women", Group("all", demographics=(Demographic((("Gender", In((8532,))),)),)))
    one = Definition((Criterion("death"),), rules=(adults, women))
    older = msgspec.structs.replace(
        adults, group=Group("all", demographics=(Demographic((("Age", Interval(21.0)),)),))
    )
    (change,) = changes(one, msgspec.structs.replace(one, rules=(older, women)))
    assert (change.part, change.kind) == ("Rule adults", "changed")
    assert [line.strip() for line in change.before] == ["the person: age is at least 18"]
    assert [line.strip() for line in change.after] == ["the person: age is at least 21"]
    (moved,) = changes(one, msgspec.structs.replace(one, rules=(women, adults)))
    assert moved.kind == "moved"
    gone = changes(one, msgspec.structs.replace(one, rules=(women,)))
    assert [(c.part, c.kind) for c in gone] == [("Rule adults", "removed")]
    assert "  - " in as_english(gone)


@settings(max_examples=2, **QUIET)
@given(st.lists(drawn.definitions, min_size=4, max_size=4), drawn.data())
def test_overlap_and_timeline_are_a_plain_readings(definitions: list[Definition], rows: Any) -> None:
    reading = drawn.reading(rows)
    with Engine(threads=1) as engine:
        drawn.load(engine, rows)
        for one, two in pairwise(definitions):
            a, b = ({row[0] for row in reading.stays(d)} for d in (one, two))
            assert overlap(engine, one, two) == Overlap(len(a & b), len(a - b), len(b - a), 3 - len(a | b))
        for one in definitions[:2]:
            found = timeline(engine, one, 2)
            starts: dict[int, Any] = {}
            for person, start, _ in reading.stays(one):
                starts.setdefault(person, start)
            assert found.people == len(starts)
            expected = np.zeros_like(found.counts)
            for row, criterion in enumerate(criteria_of(one)):
                for person in rows["person"]:
                    entered = starts.get(person["person_id"])
                    if entered is None:
                        continue
                    months = {
                        (event.start - entered).days // 30 + 2
                        for event in reading.events(criterion, person)
                        if any(p[0] <= event.start <= p[1] for p in reading.periods(person))
                    }
                    for month in months & set(range(4)):
                        expected[row, month] += 1
            assert found.counts.tolist() == expected.tolist(), one


@given(*[st.sampled_from([0, 1, 4, 9, 10, 13, 60, 3000])] * 4)
@settings(max_examples=60, deadline=None)
def test_no_small_overlap_is_shown_nor_a_difference(both: int, first: int, second: int, neither: int) -> None:
    shown = safe_overlap(Overlap(both, first, second, neither), DEFAULT_RULES)
    assert all(count is None or count == 0 or count >= 10 for count in shown.values())
    if shown["first"] is not None and shown["both"] is not None and 0 < first < 10:
        assert shown["only_first"] is None
        # what rounding leaves open of the difference is every small number
        assert shown["first"] - shown["both"] + 4 >= 9 and shown["first"] - shown["both"] - 4 <= 1


def test_a_month_of_few_or_of_nearly_all_is_withheld() -> None:
    event = Criterion("death")
    first = Criterion("death", first=True)
    found = Timeline(
        100, (0, 1, 2, 3), ("a", "b"), (event, first), np.array([[9, 40, 95, 100], [0, 37, 50, 100]])
    )
    rows = {(row.event, row.month): row.people for row in safe_timeline(found, DEFAULT_RULES)}
    assert [rows["a", month] for month in range(4)] == [None, 40, None, 100]
    assert [rows["b", month] for month in range(4)] == [0, None, 50, 100]


def test_the_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    omop = drawn.write_omop(tmp_path / "omop", small.PEOPLE)
    one, two = tmp_path / "1.json", tmp_path / "2.json"
    one.write_text(json.dumps(small.SMALL))
    other = json.loads(json.dumps(small.SMALL))
    other["PrimaryCriteria"]["ObservationWindow"]["PriorDays"] = 365
    two.write_text(json.dumps(other))
    assert run(["cohort", "diff", str(one), str(two), "--omop", str(omop), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert [change["part"] for change in said["changes"]] == ["Who enters"]
    assert said["people"] == {"stay": 0, "go": None, "come": 0, "before": None, "after": 0}
    assert run(["cohort", "overlap", str(one), str(two), "--omop", str(omop), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["people"]["everybody"] is None
    arguments = ["cohort", "timeline", "--definition", str(one), "--omop", str(omop)]
    assert run([*arguments, "--charts", str(tmp_path / "charts"), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert [row["people"] for row in said["rows"] if row["month"] == 0] == [None]
    assert "<title" in (tmp_path / "charts" / "timeline_1.svg").read_text()
    assert run([*arguments, "--months", "0"]) == 2
    with pytest.raises(UsageError), Engine(threads=1) as engine:
        timeline(engine, Definition((Criterion("death"),)), 1000)
