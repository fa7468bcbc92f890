"""A site's own checks, the policy, the report, and the rows that violate a check."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lockgate.cli import run
from lockgate.curate.passed_quality import refusals
from lockgate.engine import Engine
from lockgate.engine.omop import find_omop, view_tables
from lockgate.errors import UsageError
from lockgate.quality.examples import examples
from lockgate.quality.model import Result
from lockgate.quality.own import example_rows, read_own, run_own
from lockgate.quality.report import dashboard, read_results, summary, write_results
from lockgate.quality.run import cdm_version, run_checks
from lockgate.quality.thresholds import load, pack
from lockgate.site.settings.data import QualitySection

TODAY = date(2026, 6, 1)
RULE = "description: A blood pressure is below 300\ntable: measurement\nfield: value_as_number\n"


@pytest.fixture
def omop(tmp_path: Path) -> Path:
    """Three people and their measurements, with faults."""
    folder = tmp_path / "omop"
    folder.mkdir()
    people = {
        "person_id": [1, 2, 2],
        "gender_concept_id": [8507, 8532, 8532],
        "year_of_birth": [1950, 2040, 1990],
        "race_concept_id": [0, 0, 5],
    }
    pq.write_table(pa.table(people), folder / "person.parquet")
    measured = {
        "measurement_id": [1, 2, 3, 4],
        "person_id": [1, 2, 9, None],
        "measurement_concept_id": [3004249, 3004249, 0, 77],
        "measurement_date": [date(1940, 1, 1), date(2026, 1, 1), date(2030, 1, 1), None],
        "value_as_number": [120.0, 999.0, 301.0, None],
    }
    pq.write_table(pa.table(measured), folder / "measurement.parquet")
    concepts = {
        "concept_id": [0, 3004249],
        "domain_id": ["Metadata", "Measurement"],
        "standard_concept": [None, "S"],
    }
    pq.write_table(
        pa.table(concepts | {"concept_class_id": ["x", "x"], "invalid_reason": pa.nulls(2, pa.string())}),
        folder / "concept.parquet",
    )
    return folder


def _own(folder: Path, told: str, select: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "pressure.yaml").write_text(told)
    (folder / "pressure.sql").write_text(select)
    return folder


def test_own_checks_count_and_show_the_rows_they_select(omop: Path, tmp_path: Path) -> None:
    folder = _own(
        tmp_path / "q", RULE + "threshold: 25\n", "SELECT * FROM measurement WHERE value_as_number > 300;\n"
    )
    (own,) = read_own(folder)
    with Engine(threads=1) as engine:
        view_tables(engine, find_omop(omop))
        (result,) = run_own(engine, [own], {"measurement": 4})
        columns, rows = example_rows(engine, own, 1)
        (elsewhere,) = run_own(engine, [own], {"person": 3})
    assert (result.violated, result.rows, result.status) == (2, 4, "failed")
    assert (len(rows), columns[0]) == (1, "measurement_id")
    assert (elsewhere.status, elsewhere.reason) == ("not applicable", "Table MEASUREMENT does not exist.")


@pytest.mark.parametrize(
    ("told", "select", "says"),
    [
        (RULE + "limit: 3\n", "SELECT 1", "limit"),
        (RULE + "threshold: 101\n", "SELECT 1", "threshold"),
        ("table: person\n", "SELECT 1", "description"),
        (RULE, "DELETE FROM measurement", "not one SELECT"),
        (RULE, "SELECT 1; SELECT 2", "not one SELECT"),
        (RULE, "SELEC 1", "not SQL"),
    ],
)
def test_what_isnt_understood_is_refused_with_its_file(
    tmp_path: Path, told: str, select: str, says: str
) -> None:
    with pytest.raises(UsageError, match=says) as error:
        read_own(_own(tmp_path / "q", told, select))
    assert "pressure." in error.value.where


def test_a_failing_select_is_an_error_without_its_text(omop: Path, tmp_path: Path) -> None:
    own = read_own(
        _own(
            tmp_path / "q",
            RULE,
            "SELECT * FROM measurement WHERE measurement_id > CAST('Ann Other' AS INTEGER)",
        )
    )
    with Engine(threads=1) as engine:
        view_tables(engine, find_omop(omop))
        (result,) = run_own(engine, own, {"measurement": 4})
    assert (result.status, result.reason) == ("error", "the SELECT failed: Conversion error")


def test_examples_are_the_rows_that_are_counted(omop: Path) -> None:
    thresholds = load("5.4")
    with Engine(threads=1) as engine:
        results = run_checks(engine, omop, thresholds, today=TODAY)
    shown: dict[str, int] = {}
    for result in results:
        check = result.check
        if not result.violated or check.name == "sourceValueCompleteness":
            continue
        with Engine(threads=1) as engine:
            _, rows = examples(engine, find_omop(omop), thresholds, check, most=50, today=TODAY)
        assert len(rows) == result.violated, check.id
        shown[check.name] = shown.get(check.name, 0) + 1
    assert {"isPrimaryKey", "isForeignKey", "isRequired", "plausibleAfterBirth", "plausibleValueHigh"} <= set(
        shown
    )
    assert {"measurePersonCompleteness", "standardConceptRecordCompleteness"} <= set(shown)


def test_the_policy_refuses_what_it_names(omop: Path) -> None:
    with Engine(threads=1) as engine:
        results = run_checks(engine, omop, load("5.4"), today=TODAY)
    assert refusals(QualitySection(), results) == []
    fatal = refusals(QualitySection(gate="refuse"), results)
    assert "field_isprimarykey_person_person_id failed: 66.67 % (fatal)" in fatal
    assert all(reason.endswith("(fatal)") for reason in fatal)
    known = sorted({result.check.name for result in results if result.check.severity == "fatal"})
    assert refusals(QualitySection(gate="refuse", accepted=known), results) == []
    named = QualitySection(gate="refuse", severities=[], must_pass=["plausibleAfterBirth"])
    assert [reason.split()[0] for reason in refusals(named, results)] == [
        "field_plausibleafterbirth_measurement_measurement_date"
    ]


def test_results_are_kept_summed_and_told_as_the_dashboard_does(omop: Path, tmp_path: Path) -> None:
    with Engine(threads=1) as engine:
        results = run_checks(engine, omop, load("5.4"), today=TODAY)
    write_results(results, tmp_path / "r.parquet")
    again = read_results(tmp_path / "r.parquet")
    assert [each.as_dict() for each in again] == [each.as_dict() for each in results]
    told = summary(again)
    assert told["checks"] == 2376 == sum(row["checks"] for row in told["kahn"])
    for part in ("kahn", "tables", "types", "severities"):
        assert sum(row["failed"] for row in told[part]) == told["failed"]
    content = dashboard(results, {"CDM_SOURCE_NAME": "x"}, datetime.now(UTC))
    assert content["Overview"]["countTotal"] == [2376]
    assert sum(row["failed"] for row in content["CheckResults"]) == told["failed"]
    assert all(
        row["failed"] + row["passed"] + row["isError"] + row["notApplicable"] == 1
        for row in content["CheckResults"]
    )


def test_a_failing_check_needs_a_violation_over_its_threshold() -> None:
    from lockgate.quality.model import Check
    from lockgate.quality.status import fails

    for threshold, violated, rows, failed in [
        (None, 0, 10, False), (None, 1, 1000, True), (0.0, 1, 1000, True), (5.0, 5, 100, False), (5.0, 6, 100, True),
        (5.0, 0, 0, False),
    ]:  # fmt: skip
        assert fails(Check("x", "FIELD", "T", threshold=threshold), violated, rows) is failed
    assert Result(Check("x", "FIELD", "T"), 0, 0, "passed").share == 0.0


def test_the_command(omop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, viewer = tmp_path / "r.parquet", tmp_path / "r.json"
    checks = _own(tmp_path / "q", RULE, "SELECT * FROM measurement WHERE value_as_number > 300")
    line = [
        "quality",
        "--omop",
        str(omop),
        "--cdm",
        "5.4",
        "--out",
        str(out),
        "--dashboard-json",
        str(viewer),
    ]
    assert run([*line, "--checks", str(checks), "--today", "2026-06-01", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["summary"]["checks"], told["cdm"], len(told["results"])) == (2377, "5.4", 2377)
    assert told["results"][-1]["num_violated"] == 2
    assert pq.read_metadata(out).num_rows == 2377
    assert json.loads(viewer.read_text())["Overview"]["countTotal"] == [2377]
    assert run([*line, "--fail-on", "fatal", "--json"]) == 1
    capsys.readouterr()
    for wrong in (
        ["quality", "--cdm", "5.4"],
        ["quality", "--omop", str(tmp_path / "no")],
        [*line, "--thresholds", str(tmp_path)],
    ):
        assert run([*wrong, "--json"]) == 2
        assert json.loads(capsys.readouterr().out)["error"]


def test_thresholds_of_a_folder_are_read_strictly(shared_data: Path, tmp_path: Path) -> None:
    for path in (shared_data / "quality").glob("OMOP_CDMv5.4*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    descriptions = tmp_path / "OMOP_CDMv5.4_Check_Descriptions.csv"
    pack("5.4", tmp_path, tmp_path / "a.gz")
    pack("5.4", tmp_path, tmp_path / "b.gz")
    assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "b.gz").read_bytes()
    text = descriptions.read_text()
    descriptions.write_text(text.replace("FIELD,isRequired", "FIELD,isMissing"))
    with pytest.raises(UsageError, match="isMissing"):
        load("5.4", tmp_path)
    descriptions.write_text(text.replace("isRequired=='Yes'", "isRequired like 'Yes'"))
    with pytest.raises(UsageError, match="not understood"):
        load("5.4", tmp_path)
    with pytest.raises(UsageError, match="CDM 6"):
        load("6.0")


def test_the_version_is_told_by_the_columns(omop: Path) -> None:
    assert cdm_version(find_omop(omop)) == "5.4"
    pq.write_table(pa.table({"admitting_source_concept_id": [1]}), omop / "visit_occurrence.parquet")
    assert cdm_version(find_omop(omop)) == "5.3"
