"""A graph of steps: each in a sandbox of its own, only what changed runs again, and only what may leave is offered."""

from __future__ import annotations

import json
import textwrap
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from lockgate.errors import Refused, UsageError
from lockgate.workspace import leftout, run_job
from lockgate.workspace import steps as steps_module
from lockgate.workspace.jobs import list_jobs
from lockgate.workspace.records import cancel_job, clear_jobs
from lockgate.workspace.scope import load, revoke
from lockgate.workspace.usage import usage

PROJECT = """
actions:
  cohort:
    run: python cohort.py 1960
    outputs:
      highly_sensitive: {rows: cohort.csv}
  counts:
    run: sql counts.sql
    needs: [cohort]
    outputs:
      moderately_sensitive: {table: by_sex.csv}
  words:
    run: python words.py
    outputs:
      moderately_sensitive: {text: about.md}
"""
COHORT = """
import sys
from pathlib import Path
Path("/outputs/cohort.csv").write_text("sex,n\\nF,20\\nM,20\\n")
Path("/outputs/undeclared.csv").write_text(sys.argv[1])
"""
COUNTS = """
-- output: by_sex dimensions=sex counts=n title="People by sex"
SELECT sex, n FROM cohort.cohort
"""
WORDS = 'from lockgate import outputs\noutputs.text("about", "What it means.")\n'


@pytest.fixture
def study(tmp_path):
    """The code of a job of three steps."""
    folder = tmp_path / "study"
    folder.mkdir()
    files = {"project.yaml": PROJECT, "cohort.py": COHORT, "counts.sql": COUNTS, "words.py": WORDS}
    for name, text in files.items():
        (folder / name).write_text(textwrap.dedent(text))
    return folder


def ran(result):
    return {step["name"]: not step["reused_from"] for step in result.details["steps"]}


@pytest.mark.sandbox
def test_steps_run_apart_and_only_what_changed_runs_again(site, project, study, monkeypatch):
    first = run_job(site, "p0001", code=study, author="ada")
    assert first.status == "succeeded", first.log_file.read_text()
    assert ran(first) == {"cohort": True, "counts": True, "words": True}
    assert [item["name"] for item in first.outputs] == ["about.md", "by_sex.csv", "outputs.json"]
    told = json.loads((first.folder / "outputs" / "outputs.json").read_text())
    assert [entry["name"] for entry in told["outputs"]] == ["by_sex", "about"]
    assert (first.folder / "outputs" / "by_sex.csv").read_text() == "sex,n\nF,20\nM,20\n"
    assert "Not taken: undeclared.csv: project.yaml does not declare it" in first.log
    assert {item["name"] for item in first.refused_outputs} == {"cohort/undeclared.csv"}
    assert not list(first.folder.rglob("undeclared.csv"))
    assert first.details["cpu_seconds"] > 0

    again = run_job(site, "p0001", code=study, author="ada")
    assert ran(again) == dict.fromkeys(ran(first), False)
    assert again.outputs == first.outputs
    assert again.details["cpu_seconds"] == 0
    assert "Taken over from job" in again.log

    (study / "cohort.py").write_text(COHORT + "# a word more, the same rows\n")
    same_rows = run_job(site, "p0001", code=study, author="ada")
    assert ran(same_rows) == {"cohort": True, "counts": False, "words": False}

    (study / "cohort.py").write_text(COHORT.replace("F,20", "F,10"))
    other_rows = run_job(site, "p0001", code=study, author="ada")
    assert ran(other_rows) == {"cohort": True, "counts": True, "words": False}

    (study / "shared.txt").write_text("every step sees it")
    assert all(ran(run_job(site, "p0001", code=study, author="ada")).values())
    assert all(ran(run_job(site, "p0001", code=study, author="ada", fresh=True)).values())

    stored = next((project.path / "steps").glob("*.json"))
    note = json.loads(stored.read_text())
    kept = project.jobs / note["job"] / "steps" / note["step"] / "outputs" / note["outputs"][0]["name"]
    kept.chmod(0o600)
    kept.write_text("changed by somebody")
    assert steps_module.recall(project, stored.stem, project.path / "x") is None

    monkeypatch.setattr(leftout, "opted_out", lambda *_, **__: {7})
    (project.path / "opt-outs.json").unlink()  # as a new batch would
    assert all(ran(run_job(site, "p0001", code=study, author="ada")).values())

    told = usage(site, "p0001")
    assert told.total.jobs == 7
    assert told.total.cpu_seconds > 0
    assert list(told.people) == ["ada"]
    assert told.disk_bytes > 0


@pytest.mark.sandbox
def test_a_step_that_fails_stops_the_job_and_what_was_done_stands(site, project, study):
    (study / "counts.sql").write_text("SELECT nothing FROM cohort.cohort")
    failed = run_job(site, "p0001", code=study, author="ada")
    assert (failed.status, failed.reason) == ("failed", "step counts: the code ended with exit code 1")
    assert [step["state"] for step in failed.details["steps"]] == ["succeeded", "failed", "waiting"]
    assert "BinderException, in statement 1, which begins on line 1" in failed.log
    (study / "counts.sql").write_text("SELECT 1 AS x")  # writes result.csv, which isn't declared
    missing = run_job(site, "p0001", code=study, author="ada")
    assert missing.reason == "step counts: it did not write by_sex.csv, which project.yaml declares"
    assert "Not written: by_sex.csv" in missing.log
    assert ran(missing)["cohort"] is False
    (study / "counts.sql").write_text(COUNTS)
    assert ran(run_job(site, "p0001", code=study, author="ada")) == {
        "cohort": False,
        "counts": True,
        "words": True,
    }


@pytest.mark.sandbox
def test_a_step_reads_only_what_it_needs_and_changes_none_of_it(site, project, study):
    (study / "words.py").write_text("import os; raise SystemExit(9 if os.path.exists('/inputs') else 8)")
    assert run_job(site, "p0001", code=study, author="ada").exit_code == 8
    text = PROJECT.replace("run: python words.py", "run: python words.py\n    needs: [cohort]")
    (study / "project.yaml").write_text(text)
    (study / "words.py").write_text("open('/inputs/cohort/cohort.csv', 'a')")
    result = run_job(site, "p0001", code=study, author="ada")
    assert "OSError" in result.log or "PermissionError" in result.log
    (study / "words.py").write_text("import cohort")  # another step's script is not there
    assert "ModuleNotFoundError" in run_job(site, "p0001", code=study, author="ada").log


@pytest.mark.sandbox
def test_a_running_job_is_cancelled(site, project, tmp_path):
    code = tmp_path / "main.py"
    code.write_text("import time; open('/outputs/x', 'w').write('x'); time.sleep(60)")
    results = []
    worker = threading.Thread(target=lambda: results.append(run_job(site, "p0001", code=code, author="ada")))
    worker.start()
    deadline = time.monotonic() + 30
    while not list(project.jobs.glob("*/outputs.partial/x")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    (running,) = list_jobs(site, "p0001")
    cancel_job(site, "p0001", running.job_id, by="ada")
    worker.join(20)
    assert results[0].status == "cancelled"
    assert results[0].seconds < 30
    with pytest.raises(Refused, match="cancelled"):
        cancel_job(site, "p0001", running.job_id, by="ada")
    assert clear_jobs(site, "p0001", before=datetime.now(UTC) - timedelta(days=1), by="ada") == []
    assert clear_jobs(site, "p0001", before=datetime.now(UTC), by="ada") == [running.job_id]
    assert {path.name for path in running.folder.iterdir()} == {"job.json", "code"}
    assert list_jobs(site, "p0001")[0].status == "cancelled"


def test_what_a_job_asks_for_and_can_not_have(site, issued, study, monkeypatch):
    from lockgate.workspace import jobs, provision
    from lockgate.workspace.project import Project

    issued()
    provision(site, "p0001", "test")
    monkeypatch.setattr(jobs, "require_isolation", lambda *_: "none")
    (study / "model.R").write_text("1")
    monkeypatch.setattr(steps_module, "r_program", lambda: "")
    (study / "project.yaml").write_text(PROJECT.replace("python words.py", "r model.R"))
    with pytest.raises(Refused, match="can't run R"):
        run_job(site, "p0001", code=study, author="ada")
    (study / "project.yaml").write_text(
        PROJECT.replace("run: python words.py", "run: python words.py\n    environment: e")
    )
    with pytest.raises(UsageError, match="no environment 'e'"):
        run_job(site, "p0001", code=study, author="ada")
    (study / "project.yaml").write_text(
        PROJECT.replace("run: python words.py", "run: python words.py\n    limits: {seconds: 9999}")
    )
    with pytest.raises(UsageError, match=r"action words: the limit seconds can't be 9999"):
        run_job(site, "p0001", code=study, author="ada")
    with pytest.raises(UsageError, match="needs code"):
        run_job(site, "p0001", author="ada")
    assert not list(Project.of(site, "p0001").jobs.glob("*"))


def test_limits_of_a_project_and_its_disk(site, issued, tmp_path):
    from lockgate.site import Site
    from lockgate.site.files import make_dir
    from lockgate.workspace.project import Project
    from lockgate.workspace.sandbox.model import Limits
    from lockgate.workspace.usage import require_room

    toml = site.path / "site.toml"
    toml.write_text(toml.read_text() + "\n[sandbox.projects.p0001]\nseconds = 7200\nproject_mb = 1\n")
    again = Site.open(site.path)
    assert Limits.of(again.config, None, "p0001").seconds == 7200
    assert Limits.of(again.config, None, "p0002").seconds == 3600
    place = Project.of(again, "p0001")
    (make_dir(place.jobs / "j") / "big").write_bytes(b"x" * (2 << 20))
    with pytest.raises(Refused, match="as much of the disk") as refusal:
        require_room(again, place)
    assert refusal.value.reasons == ["2 MB of 1 MB"]
    require_room(again, Project.of(again, "p0002"))


@pytest.mark.sandbox
def test_a_running_job_ends_with_its_scope(site, project, tmp_path):
    code = tmp_path / "main.py"
    code.write_text("import time; open('/outputs/x', 'w').write('x'); time.sleep(60)")
    results = []
    worker = threading.Thread(target=lambda: results.append(run_job(site, "p0001", code=code, author="ada")))
    worker.start()
    deadline = time.monotonic() + 30
    while not list(project.jobs.glob("*/outputs.partial/x")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    revoke(site, load(site, "p0001").scope_id, "ruth", "suspended: a complaint")
    worker.join(30)
    assert (results[0].status, results[0].reason) == (
        "cancelled",
        "the scope of the project ended while the job ran",
    )
    with pytest.raises(Refused, match="scope does not hold"):
        run_job(site, "p0001", code=code, author="ada")
