"""Twenty studies written against a twin alone, run there and then unchanged as a job on the data inside."""

from __future__ import annotations

import csv
import importlib.util
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lockgate.errors import Refused
from lockgate.site import Site
from lockgate.twin import Twin
from lockgate.twin.running import run_on_twin
from lockgate.workspace import provision, run_job
from lockgate.workspace.sandbox.gate import require_isolation
from lockgate.workspace.scope import issue
from lockgate.workspace.steps import r_program

_spec = importlib.util.spec_from_file_location("twin_conftest", Path(__file__).with_name("conftest.py"))
assert _spec is not None and _spec.loader is not None
_conftest = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_conftest)


def shapes(folder: Path) -> dict[str, tuple[list[str], list[str]]]:
    """Each output that has rows: its columns in the file, and what the record says that they are."""
    record = json.loads((folder / "outputs.json").read_bytes())
    out = {}
    for output in record["outputs"]:
        with (folder / output["file"]).open(encoding="utf-8") as stream:
            rows = list(csv.reader(stream))
        if len(rows) > 1:
            out[output["name"]] = (rows[0], [f"{c['name']}:{c['role']}" for c in output["columns"]])
    return out


def test_they_run_on_the_twin_and_unchanged_inside(
    hospital: Site, twin: Twin, studies: Path, tmp_path: Path, require: Callable[[bool, str], None]
) -> None:
    assert len(list(studies.glob("s[0-9]*"))) == 20
    outside = run_on_twin(twin.path, studies, tmp_path / "outputs")
    assert outside.exit_code == 0, outside.log[-3000:]
    expected = shapes(tmp_path / "outputs")
    assert len(expected) >= 20
    try:
        require_isolation(hospital)
    except Refused as refusal:
        require(False, f"an isolation that passes the self-test ({refusal})")
    issue(hospital, _conftest.scope_of(hospital), "test")
    provision(hospital, "p0001", "test")
    inside = run_job(hospital, "p0001", code=studies, author="ada")
    assert inside.status == "succeeded", inside.log_file.read_text()[-3000:]
    assert shapes(inside.folder / "outputs") == expected


def test_a_study_in_r_runs_on_the_twin(twin: Twin, tmp_path: Path) -> None:
    if not r_program():
        pytest.skip("R is not installed here (apt install r-base-core)")
    study = tmp_path / "study.R"
    study.write_text(
        'people <- lockgate_table("person")\nsex <- aggregate(list(n = people$person_id), '
        "by = list(sex = people$gender_concept_id), FUN = length)\n"
        "lockgate_output(sex, 'by_sex dimensions=sex counts=n')\n"
    )
    ran = run_on_twin(twin.path, study, tmp_path / "outputs")
    assert ran.exit_code == 0, ran.log
    assert ran.outputs == ["by_sex.csv", "outputs.json"]
