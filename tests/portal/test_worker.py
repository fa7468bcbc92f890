"""What a worker that was killed leaves behind is settled by the next one; one that ends is started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from lockgate.portal.accounts.models import User
from lockgate.portal.applications import services as applications
from lockgate.portal.applications.models import Application
from lockgate.portal.workspaces import services
from lockgate.portal.workspaces.models import Job, Project
from lockgate.site import Site
from lockgate.site.files import hold_lock


@pytest.fixture
def project(people: dict[str, User], submitted: Application, hospital: Site) -> Project:
    for name in ("rita", "dora"):
        applications.decide(people[name], submitted, "approve")
    Project.objects.update(state="ready")
    return Project.objects.get()


@pytest.fixture
def job(people: dict[str, User], project: Project) -> Job:
    made = services.start_job(people["ann"], project, "main.py", b"print()")
    DBTaskResult.objects.all().delete()  # as if a worker had taken it
    return made


def test_a_job_that_runs_nowhere_has_failed_and_one_that_runs_goes_on(job: Job) -> None:
    Job.objects.update(state="running")
    with hold_lock(job.submitted_file.parent / ".lock", "held", ""):
        assert services.recover() == 0
    job.refresh_from_db()
    assert job.state == "running"
    assert services.recover() == 1
    job.refresh_from_db()
    assert (job.state, job.finished) == ("failed", True)
    assert "start it again" in job.problem
    assert services.recover() == 0


def test_what_was_taken_from_the_queue_and_never_done_is_queued_again(job: Job, project: Project) -> None:
    assert services.recover() == 0, "it may be taken at this moment"
    Job.objects.update(created_at=timezone.now() - timedelta(minutes=2))
    assert services.recover() == 1
    assert [row.task_path.rsplit(".", 1)[1] for row in DBTaskResult.objects.ready()] == ["run"]
    DBTaskResult.objects.all().delete()
    Job.objects.update(state="succeeded")
    Project.objects.update(state="provisioning")
    (project.folder / ".provision.lock").parent.mkdir(parents=True, exist_ok=True)
    with hold_lock(project.folder / ".provision.lock", "held", ""):
        assert services.recover() == 0
    assert services.recover() == 1
    assert services.recover() == 0, "it waits in the queue"


def test_a_worker_that_dies_is_started_again_and_one_that_is_stopped_isnt(tmp_path: Path) -> None:
    """``keep_working`` with a worker that writes its number and waits."""
    (tmp_path / "child.py").write_text(
        "import os, sys, time\nopen(sys.argv[1], 'a').write(f'{os.getpid()}\\n')\ntime.sleep(60)\n"
    )
    program = tmp_path / "keep.py"
    program.write_text(
        "import sys, lockgate.portal.server as server\n"
        "real, worker = server.subprocess.Popen, [sys.executable, *sys.argv[1:]]\n"
        "server.subprocess.Popen = lambda command, **named: real(worker, **named)\n"
        "server.time.sleep = lambda seconds: None\n"
        "server.keep_working('x')\n"
    )
    words = [sys.executable, str(program), str(tmp_path / "child.py"), str(tmp_path / "pids")]
    keeper = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    try:
        first = _pids(tmp_path, 1)[0]
        os.kill(first, signal.SIGKILL)
        second = _pids(tmp_path, 2)[1]
        assert second != first
        keeper.terminate()
        assert keeper.wait(timeout=20) == 0
        assert "another one starts" in (keeper.stderr.read() if keeper.stderr else "")
        with pytest.raises(ProcessLookupError):
            os.kill(second, 0)
    finally:
        keeper.kill()


def _pids(folder: Path, wanted: int) -> list[int]:
    file, until = folder / "pids", time.monotonic() + 30
    while time.monotonic() < until:
        lines = file.read_text().split() if file.exists() else []
        if len(lines) >= wanted:
            return [int(line) for line in lines]
        time.sleep(0.05)
    raise AssertionError("no worker was started")
