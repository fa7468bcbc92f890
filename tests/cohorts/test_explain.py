"""A definition as SQL gives the same rows; as a flow chart it has all its words; names come from the vocabulary."""

from __future__ import annotations

import importlib.util
import json
import xml.etree.ElementTree as ET
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from lockgate.cli import run
from lockgate.cohorts.attrition import Step
from lockgate.cohorts.explain.flow import flow, flow_svg, flow_text
from lockgate.cohorts.explain.sql import sql_script
from lockgate.cohorts.files import read_definitions
from lockgate.cohorts.generate import generate
from lockgate.cohorts.omop import open_omop
from lockgate.cohorts.shown import ENTRY, Row
from lockgate.engine import Engine

_spec = importlib.util.spec_from_file_location("drawn", Path(__file__).with_name("test_generate.py"))
assert _spec and _spec.loader
drawn = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(drawn)


@pytest.mark.parametrize("number", [71, 197, 1031])
def test_the_sql_gives_the_rows(shared_data: Path, number: int) -> None:
    """The script in a plain DuckDB session, against ``generate``; entry, groups, exposure and values with units."""
    omop = shared_data / "omop" / "phenolib_planted_omop54"
    ((_, _, definition),) = read_definitions(shared_data / "omop" / "phenotype-library" / f"{number}.json")
    with Engine(threads=1) as engine:
        open_omop(engine, omop)
        expected = [tuple(row.values()) for row in generate(engine, [(number, definition)]).to_pylist()]
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute(sql_script(definition, omop, number))
        found = connection.fetchall()
    assert found == expected
    assert len(expected) > 0


def test_without_a_folder_it_reads_tables_by_their_names(tmp_path: Path) -> None:
    omop = drawn.write_omop(tmp_path / "omop", drawn.PEOPLE)
    (tmp_path / "1.json").write_text(json.dumps(drawn.SMALL))
    ((_, _, definition),) = read_definitions(tmp_path / "1.json")
    script = sql_script(definition)
    assert "read_parquet" not in script
    assert "run it whole" in script.lower()
    with duckdb.connect() as connection:
        with Engine(threads=1) as engine:
            open_omop(engine, omop)
            for name in ("person", "observation_period", "concept", "concept_ancestor", "concept_relationship",
                         "condition_occurrence"):  # fmt: skip
                connection.register(name, engine.arrow(f"SELECT * FROM {name}"))
        connection.execute(script)
        assert [row[:2] for row in connection.fetchall()] == [(1, 7)]


def test_the_chart_has_all_words_and_the_counts_that_may_be_shown(shared_data: Path) -> None:
    ((_, _, definition),) = read_definitions(shared_data / "omop" / "phenotype-library" / "71.json")
    steps = [ENTRY, Step("Additional criteria", "qualifying", False).name, "stay"]
    rows = [
        Row("everybody", "Everybody", place, step, (100, 90, 90)[place], (0, None, 0)[place], None, False)
        for place, step in enumerate(steps)
    ]
    boxes = flow(definition, rows=rows)
    assert [box.title for box in boxes] == ["Who enters", "Additional criteria", "Until when"]
    assert [(box.remaining, box.lost) for box in boxes] == [
        ("100 remain", ""),
        ("90 remain", "[c] lost"),
        ("90 remain", "0 lost"),
    ]
    svg = flow_svg(boxes, "Heart <attack>")
    root = ET.fromstring(svg)
    assert root.get("role") == "img"
    described = root.find("{http://www.w3.org/2000/svg}desc")
    assert described is not None and described.text == flow_text(boxes)
    assert "[c] lost" in svg
    assert 'a condition in "Acute myocardial Infarction"' in flow_text(boxes)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    people = json.loads(json.dumps(drawn.PEOPLE))
    people["concept"][0]["concept_name"] = "A thing"
    omop = drawn.write_omop(tmp_path / "omop", people)
    path = tmp_path / "12.json"
    path.write_text(json.dumps(drawn.SMALL))
    assert run(["cohort", "explain", str(path), "--omop", str(omop), "--json"]) == 0
    assert "1 (A thing) and all below it" in json.loads(capsys.readouterr().out)["text"]
    assert (
        run(
            [
                "cohort",
                "explain",
                str(path),
                "--as",
                "chart",
                "--omop",
                str(omop),
                "--out",
                str(tmp_path / "c.svg"),
            ]
        )
        == 0
    )
    assert "[c] remain" in (tmp_path / "c.svg").read_text()
    script, rows = tmp_path / "c.sql", tmp_path / "rows.parquet"
    assert (
        run(["cohort", "explain", str(path), "--as", "sql", "--omop", str(omop), "--out", str(script)]) == 0
    )
    assert (
        run(["cohort", "generate", "--omop", str(omop), "--definitions", str(path), "--out", str(rows)]) == 0
    )
    with duckdb.connect() as connection:
        connection.execute(script.read_text())
        assert [row[1:] for row in connection.fetchall()] == [
            tuple(row.values())[1:] for row in pq.read_table(rows).to_pylist()
        ]
    capsys.readouterr()
    assert run(["cohort", "explain", str(tmp_path / "none.json"), "--json"]) == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ["explain", "d.json", "--out", "nowhere/x.txt"],
        ["attrition", "--omop", "omop", "--definition", "d.json", "--true-counts", "nowhere/x.parquet"],
        ["attrition", "--omop", "omop", "--definition", "d.json", "--charts", "d.json"],
        ["timeline", "--omop", "omop", "--definition", "d.json", "--charts", "d.json"],
        ["attrition", "--omop", "nowhere", "--definition", "d.json"],
        ["attrition", "--omop", "omop", "--definition", "omop"],
        ["attrition", "--omop", "omop", "--definition", "library:x"],
        ["diff", "d.json", "nowhere.json"],
        ["overlap", "d.json", "d.json", "--omop", "nowhere"],
    ],
)
def test_a_users_mistake_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    drawn.write_omop(tmp_path / "omop", drawn.PEOPLE)
    (tmp_path / "d.json").write_text(json.dumps(drawn.SMALL))
    assert run(["cohort", *arguments, "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]


def test_concepts_have_the_names_that_the_definition_gives_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    named = {"concept": {"CONCEPT_ID": 4329847, "CONCEPT_NAME": "Myocardial infarction"}}
    told = {
        "ConceptSets": [{"id": 0, "name": "MI", "expression": {"items": [named]}}],
        "PrimaryCriteria": {"CriteriaList": [{"ConditionOccurrence": {"CodesetId": 0}}]},
    }
    (tmp_path / "mi.json").write_text(json.dumps(told))
    assert run(["--site", str(tmp_path), "cohort", "explain", str(tmp_path / "mi.json")]) == 0
    assert "4329847 (Myocardial infarction)" in capsys.readouterr().out
