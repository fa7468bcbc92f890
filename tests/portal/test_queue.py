"""The queue of jobs: turns, places, cancelling, and what the project sees of it."""

from __future__ import annotations

from typing import Any

import pytest
from django_tasks_db.models import DBTaskResult

from lockgate.errors import LockgateError, Refused
from lockgate.portal.accounts.models import User
from lockgate.portal.applications import services as applications
from lockgate.portal.applications.models import Application
from lockgate.portal.sites import current_site
from lockgate.portal.workspaces import queue, services, tasks
from lockgate.portal.workspaces.models import Job, Project
from lockgate.site import Site


def configure(site: Site, text: str) -> None:
    """Add settings to ``site.toml``, which this process has read already."""
    toml = site.path / "site.toml"
    toml.write_text(f"{toml.read_text()}\n{text}\n")
    vars(current_site()).pop("config", None)


@pytest.fixture
def project(people: dict[str, User], submitted: Application, hospital: Site, data_plane: None) -> Project:
    for name in ("rita", "dora"):
        applications.decide(people[name], submitted, "approve")
    Project.objects.update(state="ready")
    return Project.objects.get()


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The code of the jobs that ran, in order; nothing really runs."""
    from lockgate.portal import plane

    told: list[str] = []

    def run_job(
        site: Site, project: str, *, code: Any, author: str, cancelled: Any, **more: Any
    ) -> dict[str, Any]:
        told.append(code.name if code else more["source"]["commit"][:6])
        status = "cancelled" if cancelled() else "succeeded"
        return {"status": status, "job_id": "", "seconds": 60.0, "cpu_seconds": 59.0, "code_sha256": "c" * 64}

    monkeypatch.setattr(plane, "run_job", run_job)
    return told


def test_people_take_turns(people: dict[str, User], project: Project, ran: list[str]) -> None:
    for number in range(3):
        services.start_job(people["ann"], project, f"ann{number}.py", b"print()")
    last = services.start_job(people["ben"], project, "ben.py", b"print()")
    assert queue.place_of(last) == (2, 4)
    assert [services.run_next() for _ in range(5)] == ["succeeded"] * 4 + [""]
    assert ran == ["ann0.py", "ben.py", "ann1.py", "ann2.py"]
    last.refresh_from_db()
    assert (last.state, last.cpu_seconds, last.started_at is not None) == ("succeeded", 59.0, True)
    assert queue.place_of(last) == (0, 0)
    assert queue.standing(project.slug)["use_seconds"] == pytest.approx(240, rel=0.01)


def test_no_more_of_a_project_run_than_may(people: dict[str, User], project: Project, ran: list[str]) -> None:
    first = services.start_job(people["ann"], project, "a.py", b"print()")
    services.start_job(people["ann"], project, "b.py", b"print()")
    Job.objects.filter(pk=first.pk).update(state="running")
    assert queue.next_job() is None
    DBTaskResult.objects.all().delete()
    assert tasks.run.func("") == ""
    assert ran == []
    with pytest.raises(Refused, match="turn has not come"):
        services.run_now(str(Job.objects.get(code_name="b.py").key), in_turn=True)
    Job.objects.filter(pk=first.pk).update(state="succeeded")
    services.start_job(people["ann"], project, "c.py", b"print()")
    DBTaskResult.objects.all().delete()
    assert services.run_next() == "succeeded"
    assert DBTaskResult.objects.ready().count() == 1, "the next is asked for"


def test_nobody_fills_the_queue(people: dict[str, User], project: Project, hospital: Site) -> None:
    configure(hospital, "[queue]\nwaiting_per_person = 2")
    for _ in range(2):
        services.start_job(people["ann"], project, "a.py", b"print()")
    with pytest.raises(Refused, match="2 of your jobs wait already"):
        services.start_job(people["ann"], project, "a.py", b"print()")
    services.start_job(people["ben"], project, "a.py", b"print()")


def test_waiting_and_running_jobs_are_cancelled(
    people: dict[str, User], project: Project, ran: list[str]
) -> None:
    waiting = services.start_job(people["ann"], project, "a.py", b"print()")
    assert services.cancel_job(people["ben"], waiting) == "cancelled"
    assert services.run_next() == ""
    with pytest.raises(Refused, match="cancelled"):
        services.cancel_job(people["ann"], waiting)
    running = services.start_job(people["ann"], project, "b.py", b"print()")
    services.cancel_job(people["enid"], running)
    running = services.start_job(people["ann"], project, "c.py", b"print()")
    Job.objects.filter(pk=running.pk).update(state="running")
    assert services.cancel_job(people["enid"], running) == "running"
    Job.objects.filter(pk=running.pk).update(state="queued")
    assert services.run_now(str(running.key)) == "cancelled"
    for nobody in ("rita", "audrey", "olga"):
        with pytest.raises(Refused):
            services.cancel_job(people[nobody], running)


def test_code_from_git_and_environments_are_checked_at_once(
    people: dict[str, User], project: Project, hospital: Site, ran: list[str]
) -> None:
    source = {"git": "https://git.example.org/study.git", "commit": "abcdef" + "0" * 34}
    with pytest.raises(Refused, match="may not come from there"):
        services.start_job(people["ann"], project, "", b"", source=source)
    configure(hospital, '[code]\nhosts = ["git.example.org"]')
    with pytest.raises(LockgateError, match="named in full"):
        services.start_job(people["ann"], project, "", b"", source=source | {"commit": "main"})
    with pytest.raises(LockgateError, match="no environment"):
        services.start_job(people["ann"], project, "a.py", b"print()", environment="stats")
    job = services.start_job(people["ann"], project, "", b"", source=source)
    assert job.code_name == "study.git at abcdef000000"
    assert services.run_next() == "succeeded"
    job.refresh_from_db()
    assert (ran, job.code_sha256) == (["abcdef"], "c" * 64)


def test_pages(
    people: dict[str, User], project: Project, hospital: Site, sign_in: Any, ran: list[str]
) -> None:
    configure(hospital, '[code]\nhosts = ["git.example.org"]')
    client = sign_in("ann")
    at = f"/projects/{project.slug}/"
    page = client.get(f"{at}jobs/new/").content.decode()
    assert "Or take the code from a git repository" in page
    wrong = client.post(f"{at}jobs/new/", {"git": "https://git.example.org/x.git", "commit": ""})
    assert wrong.status_code == 400
    assert "Enter the commit" in wrong.content.decode()
    elsewhere = client.post(f"{at}jobs/new/", {"git": "https://other.example.org/x.git", "commit": "0" * 40})
    assert "may not come from there" in elsewhere.content.decode()
    made = client.post(f"{at}jobs/new/", {"git": "https://git.example.org/x.git", "commit": "0" * 40})
    job = Job.objects.get()
    assert made.url.endswith(f"{job.key}/")
    shown = client.get(made.url).content.decode()
    assert "place 1 of 1" in shown
    assert "Cancel the job" in shown
    assert "0" * 40 in shown
    client.post(f"{made.url}cancel/")
    assert "Cancelled" in client.get(made.url).content.decode()
    assert "Share of the queue" in client.get(at).content.decode()
    Job.objects.update(steps=[{"name": "counts", "state": "succeeded", "seconds": 0.0, "reused_from": "j0"}])
    assert "taken over from an earlier job" in client.get(made.url).content.decode()
    assert sign_in("nora").post(f"{made.url}cancel/").status_code == 404


def test_the_api_takes_a_commit_and_tells_the_place(
    people: dict[str, User], project: Project, hospital: Site, sign_in: Any, ran: list[str]
) -> None:
    configure(hospital, '[code]\nhosts = ["git.example.org"]')
    told = {"git": "https://git.example.org/x.git", "commit": "0" * 40}
    client, at = sign_in("ann"), f"/api/projects/{project.slug}/jobs"
    made = client.post(at, told, content_type="application/json")
    assert made.status_code == 201, made.content
    assert (made.json()["place"], made.json()["source"], made.json()["steps"]) == (1, told, [])
    assert services.run_next() == "succeeded"
    shown = client.get(f"{at}/{made.json()['key']}").json()
    assert (shown["place"], shown["cpu_seconds"], shown["code_sha256"]) == (0, 59.0, "c" * 64)
    elsewhere = client.post(at, told | {"git": "https://x.example.org/"}, content_type="application/json")
    assert elsewhere.status_code in (403, 409, 422)
