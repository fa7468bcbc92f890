"""Killed at many points of whatever a worker does to a project: nothing lost, nothing out twice, and it goes on."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lockgate.site import Site
from lockgate.workspace import provision
from lockgate.workspace.ending import certificate
from lockgate.workspace.jobs import list_jobs
from lockgate.workspace.project import Project
from lockgate.workspace.publishing import RECALL
from lockgate.workspace.scope import revoke

Trial = Callable[..., dict[str, Any]]
# as many in CI as it has time for; KILL_POINTS=40 looks closer
POINTS = {"job": 4, "provision": 4, "publish": 8, "recall": 6, "import": 6, "destroy": 6}
if "KILL_POINTS" in os.environ:
    POINTS = dict.fromkeys(POINTS, int(os.environ["KILL_POINTS"]))
STUDY = """
actions:
  a:
    run: python a.py
    outputs: {highly_sensitive: {rows: rows.csv}}
  b:
    run: python b.py
    needs: [a]
    outputs: {moderately_sensitive: {counts: counts.csv}}
  c:
    run: python c.py
    outputs: {moderately_sensitive: {more: more.csv}}
"""


@pytest.fixture(scope="module")
def trial() -> Iterator[Trial]:
    """Ask the forking process for one trial."""
    program = [sys.executable, str(Path(__file__).with_name("killed.py"))]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:

        def ask(what: str, site: Path, kill_at: int | None = None) -> dict[str, Any]:
            assert process.stdin is not None
            assert process.stdout is not None
            asked = {"what": what, "site": str(site), "folder": str(site.parent), "kill_at": kill_at}
            process.stdin.write(json.dumps(asked) + "\n")
            process.stdin.flush()
            answer: dict[str, Any] = json.loads(process.stdout.readline())
            return answer

        yield ask
        assert process.stdin is not None
        process.stdin.close()


@pytest.fixture
def before(site: Site, issued: Any) -> Path:
    """A site with a scope, and beside it a study and reviewed files."""
    issued()
    study, reviewed = site.path.parent / "study", site.path.parent / "reviewed"
    study.mkdir()
    reviewed.mkdir()
    (study / "project.yaml").write_text(STUDY)
    for name in "abc":
        (study / f"{name}.py").write_text("")
    (reviewed / "table.csv").write_text("decile,people\n1,20\n")
    (reviewed / "chart.svg").write_text("<svg/>")
    return site.path


@pytest.fixture
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where copies of the site die."""
    return tmp_path_factory.mktemp("killed")


def killed_at(trial: Trial, what: str, before: Path, work: Path) -> Iterator[Path]:
    """A site after each of several deaths, spread over all steps, the first and the last among them."""
    whole = work / "whole" / "site"
    shutil.copytree(before.parent, whole.parent)
    done = trial(what, whole)
    assert done["code"] == 0
    steps = done["steps"]
    most = POINTS[what]
    points = sorted({1 + round(n * (steps - 1) / (most - 1)) for n in range(most)})
    for point in points:
        folder = work / str(point)
        shutil.copytree(before.parent, folder)
        died = trial(what, folder / "site", point)
        assert died["code"] == -signal.SIGKILL, point
        yield folder / "site"
        shutil.rmtree(folder)


def outputs(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted((folder / "outputs").iterdir())}


def test_a_job(trial: Trial, before: Path, work: Path) -> None:
    provision(Site.open(before), "p0001", "test")
    for path in killed_at(trial, "job", before, work):
        site = Site.open(path)
        left = list_jobs(site, "p0001")
        assert {job.status for job in left} <= {"failed", "succeeded"}
        assert trial("job", path)["code"] == 0
        jobs = list_jobs(site, "p0001")
        assert len(jobs) == len(left) + 1
        old = {job.folder for job in left}
        assert [job.status for job in jobs if job.folder not in old] == ["succeeded"]
        last = next(job for job in jobs if job.job_id not in {one.job_id for one in left})
        assert outputs(last.folder) == {"counts.csv": "from,b.py\n", "more.csv": "from,c.py\n"}
        assert site.audit.verify() == []
        events = Counter(
            str(entry.detail["job"]) for entry in site.audit.entries() if entry.event == "job.finished"
        )
        assert set(events.values()) <= {1}
        assert not list(Project.of(site, "p0001").jobs.glob("**/outputs.partial"))


def test_a_provisioning(trial: Trial, before: Path, work: Path) -> None:
    told = {}
    for path in killed_at(trial, "provision", before, work):
        site = Site.open(path)
        place = Project.of(site, "p0001")
        if place.workspace_file.exists():
            workspace = place.workspace()
            assert all((place.data / table["file"]).is_file() for table in workspace["tables"].values())
        assert trial("provision", path)["code"] == 0
        workspace = place.workspace()
        told[workspace["fingerprint"]] = {
            name: table["sha256"] for name, table in workspace["tables"].items()
        }
        assert site.audit.verify() == []
        assert {path.name for path in place.path.glob(".data.*")} == set()
    assert len(told) == 1


def test_a_publication(trial: Trial, before: Path, work: Path) -> None:
    for path in killed_at(trial, "publish", before, work):
        site = Site.open(path)
        public, private = site.register / "results" / "p0001", Project.of(site, "p0001").released
        for place in (public, private):
            shown = [folder for folder in place.glob("*") if not folder.name.startswith(".")]
            assert all(
                {"table.csv", "chart.svg"} <= {file.name for file in folder.iterdir()} for folder in shown
            )
        assert trial("publish", path)["code"] == 0
        for place in (public, private):
            assert [folder.name for folder in place.glob("[!.]*")] == ["R-1"]
            assert (place / "R-1" / "table.csv").read_text() == "decile,people\n1,20\n"
        published = [entry for entry in site.audit.entries() if entry.event == "result.published"]
        assert len(published) == 1
        assert site.audit.verify() == []


def test_a_recall(trial: Trial, before: Path, work: Path) -> None:
    assert trial("publish", before)["code"] == 0
    for path in killed_at(trial, "recall", before, work):
        site = Site.open(path)
        public = site.register / "results" / "p0001" / "R-1"
        begun = (Project.of(site, "p0001").released / "R-1" / RECALL).exists()
        again = trial("publish", path)["code"]
        assert again == 1 or not begun, "what is being recalled is not published again"
        assert trial("recall", path)["code"] == 0
        assert (public / RECALL).exists()
        assert not {"table.csv", "chart.svg"} & {file.name for file in public.iterdir()}
        assert (Project.of(site, "p0001").released / "R-1" / "table.csv").exists()
        assert trial("publish", path)["code"] == 1


def test_an_import(trial: Trial, before: Path, work: Path) -> None:
    for path in killed_at(trial, "import", before, work):
        site = Site.open(path)
        shown = Project.of(site, "p0001").path / "imported"
        for folder in shown.glob("[!.]*"):
            assert {"table.csv", "chart.svg"} <= {file.name for file in folder.iterdir()}
        assert trial("import", path)["code"] == 0
        assert [folder.name for folder in shown.glob("[!.]*")] == ["I-1"]
        assert all(file.stat().st_mode & 0o777 == 0o444 for file in (shown / "I-1").iterdir())
        assert len([entry for entry in site.audit.entries() if entry.event == "import.brought_in"]) == 1
        assert site.audit.verify() == []


def test_a_destruction(trial: Trial, before: Path, work: Path) -> None:
    site = Site.open(before)
    provision(site, "p0001", "test")
    assert trial("publish", before)["code"] == 0
    revoke(site, "p0001-v1", "dev", "the study is over")
    held = {f"data/{path.name}" for path in Project.of(site, "p0001").data.iterdir()}
    assert "data/person.parquet" in held
    for path in killed_at(trial, "destroy", before, work):
        site = Site.open(path)
        place = Project.of(site, "p0001")
        assert trial("destroy", path)["code"] == 0
        told = certificate(site, "p0001")
        assert told is not None
        assert told.finished_at
        assert held <= {item["file"] for item in told.files}, "what went before the death is certified too"
        assert all(item["sha256"] for item in told.files)
        assert not place.data.exists() or not list(place.data.iterdir())
        assert (place.released / "R-1" / "table.csv").exists()
        assert len([entry for entry in site.audit.entries() if entry.event == "project.destroyed"]) == 1
        assert site.audit.verify() == []
