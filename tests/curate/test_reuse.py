"""What the next release takes from the last one: files that a batch did not change, and nothing that was damaged."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import pytest
import sqlglot
from sqlglot import exp

from lockgate.curate import affected, build_release, open_release, verify_release
from lockgate.curate.reuse import PERSONAL, of_affected, tables_read
from lockgate.curate.sqltext import sql_names, sql_text
from lockgate.engine import Engine
from lockgate.quality import run
from lockgate.quality.answer import answers
from lockgate.quality.report import read_results
from lockgate.quality.run import run_checks
from lockgate.quality.thresholds import load
from lockgate.site import Site

DAY = date(2026, 11, 1)


def _read(sql: str) -> set[str]:
    """The tables that a SELECT reads, as a parser sees them."""
    tree = sqlglot.parse_one(sql, read="duckdb")
    return {table.name for table in tree.find_all(exp.Table)} - {cte.alias for cte in tree.find_all(exp.CTE)}


@pytest.mark.parametrize("part", ["omop", "linked"])
def test_what_a_table_is_made_from_is_known_to_the_last_name(part: str) -> None:
    for name in sql_names(part):
        sql = sql_text(part, name)
        assert tables_read(sql) == _read(sql), name
        few = {f"few_{table}" if table in PERSONAL else table for table in _read(sql)}
        assert _read(of_affected(sql)) == few, name


def _condition(record: str) -> list[dict[str, Any]]:
    start = datetime(2026, 2, 1)
    code = {"code_system": "SNOMED", "code": "44054006"}
    return [{"id": record, "patient_ref": "ada", "start_at": start, **code}]


def test_a_table_that_a_batch_does_not_change_is_the_same_file(
    hospital: Site, stage: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(affected, "LARGEST_SHARE", 1)
    stage(hospital, "b2", condition=_condition("n1"))
    second = build_release(hospital, actor="test", at=DAY)
    assert second.way == "incremental"
    first = open_release(hospital, "2026.1")
    same = {
        name
        for name in first.tables
        if first.table_path(name).samefile(second.path / second.manifest["tables"][name]["file"])
    }
    assert {"visit_occurrence", "measurement", "staffing", "concept"} <= same
    assert "condition_occurrence" not in same

    # a file of the last release that is not what was built is not carried on, and its release alone is damaged
    damaged = second.path / "omop" / "measurement.parquet"
    whole = damaged.read_bytes()
    damaged.unlink()
    damaged.write_bytes(whole.replace(whole[-12:-8], b"\0\0\0\0"))
    stage(hospital, "b3", condition=_condition("n2"))
    third = build_release(hospital, actor="test", at=DAY, checked=True)
    assert third.way == "incremental"
    assert [problem.file for problem in verify_release(hospital, "2026.2")] == ["omop/measurement.parquet"]
    assert not verify_release(hospital, "2026.1")
    assert not verify_release(hospital, third.release)
    assert third.manifest["tables"]["measurement"] == first.manifest["tables"]["measurement"]


def test_quality_is_counted_anew_of_changed_tables_only(
    hospital: Site, stage: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(affected, "LARGEST_SHARE", 1)
    counted: list[str] = []

    def spied(cdm: Any, asked: Any, told: Any) -> Any:
        counted.extend(repr(term) for term in asked if not isinstance(term, int))
        return answers(cdm, asked, told)

    monkeypatch.setattr(run, "answers", spied)
    stage(hospital, "b2", condition=_condition("n1"))
    second = build_release(hospital, actor="test", at=DAY)
    assert second.way == "incremental"
    assert any("condition_occurrence" in term for term in counted)
    assert not [term for term in counted if "measurement" in term or "drug_exposure" in term]
    with Engine() as engine:
        every = run_checks(engine, second.path / "omop", load("5.4"), today=DAY)
    told = {r.check.id: (r.violated, r.rows, r.status) for r in read_results(second.path / "quality.parquet")}
    assert told == {r.check.id: (r.violated, r.rows, r.status) for r in every}
