"""The only writer of projects and jobs."""

from __future__ import annotations

import hashlib
from contextlib import AbstractContextManager
from datetime import date, timedelta
from pathlib import PurePath
from typing import Any

from django.db import transaction
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from lockgate.errors import LockgateError, Refused
from lockgate.portal import plane
from lockgate.portal.accounts.models import User
from lockgate.portal.applications.models import Application
from lockgate.portal.outbox.writing import Record, writing
from lockgate.portal.sites import current_site
from lockgate.portal.workspaces import examples, queue, rules, signals, tasks
from lockgate.portal.workspaces.models import Job, Member, Project
from lockgate.site.files import hold_lock, make_dir, write_atomic

LOG_CHARACTERS = 20_000
_LOST_AFTER = timedelta(
    minutes=1
)  # a job that waits so long while nothing is queued was queued by a worker that died


def open_project(
    sender: object, *, application: Application, record: Record, scope: dict[str, Any], **_: object
) -> None:
    """An approval makes a project, in the approval's own transaction; its data are prepared after the commit."""
    project = Project.objects.create(
        slug=application.slug,
        application=application,
        title=scope["title"],
        scope=scope,
        valid_from=date.fromisoformat(scope["valid_from"]),
        valid_until=date.fromisoformat(scope["valid_until"]),
    )
    Member.objects.bulk_create(Member(project=project, username=name) for name in sorted(project.members))
    record.also("project.opened", project=project.slug, scope=scope["scope_id"])
    signals.opened.send(Project, project=project, record=record)
    transaction.on_commit(lambda: _enqueue(tasks.provision, project.slug))


def change_project(
    sender: object, *, application: Application, record: Record, scope: dict[str, Any], **_: object
) -> None:
    """An amendment was approved, or a suspended use goes on: the project follows its new scope, in that transaction.

    Its data are prepared anew after the commit; a job that starts before has them made first.
    """
    project = Project.objects.select_for_update().get(application=application)
    project.scope, project.title = scope, scope["title"]
    project.valid_until = date.fromisoformat(scope["valid_until"])
    project.state, project.problem, project.ended_at = "provisioning", "", None
    project.save(update_fields=["scope", "title", "valid_until", "state", "problem", "ended_at"])
    project.member_rows.exclude(username__in=project.members).delete()
    known = set(project.member_rows.values_list("username", flat=True))
    Member.objects.bulk_create(
        Member(project=project, username=name) for name in sorted(project.members - known)
    )
    record.also("project.changed", project=project.slug, scope=scope["scope_id"])
    signals.changed.send(Project, project=project, record=record)
    transaction.on_commit(lambda: _enqueue(tasks.provision, project.slug))


def note_project(sender: object, *, application: Application, record: Record, **_: object) -> None:
    """What the register says of the project has changed, and nothing else."""
    project = Project.objects.filter(application=application).first()
    if project is not None:
        signals.changed.send(Project, project=project, record=record)


def close_project(
    sender: object, *, application: Application, record: Record, state: str, **_: object
) -> None:
    """A suspended, revoked or expired approval ends its project in the same transaction."""
    project = Project.objects.select_for_update().filter(application=application).first()
    if project is None:
        return
    project.state = state
    project.ended_at = timezone.now()
    project.save(update_fields=["state", "ended_at"])
    for job in project.jobs.filter(state="running"):
        write_atomic(job.cancel_file, b"")
    record.also(f"project.{state}", project=project.slug)
    signals.ended.send(Project, project=project, record=record)


def _enqueue(task: Any, *args: str) -> None:
    task.enqueue(*args)


def provision_now(slug: str, *, actor: str = "lockgate") -> str:
    """Prepare a project's data from its scope, in this process; the project's state afterwards."""
    project = Project.objects.get(slug=slug)
    if project.state not in rules.OPEN:
        return project.state
    summary: dict[str, Any] = {}
    state, problem = "ready", ""
    try:
        summary = plane.provision(current_site(), slug, actor=actor)
    except LockgateError as error:
        state, problem = "failed", "; ".join(getattr(error, "reasons", [])) or str(error)
    with writing("project.provisioned", actor=actor, project=slug, state=state) as record:
        project = Project.objects.select_for_update().get(slug=slug)
        if project.state in rules.OPEN:
            project.state, project.problem, project.workspace = state, problem, summary
            project.save(update_fields=["state", "problem", "workspace"])
        record.detail["tables"] = sorted(summary.get("tables", {}))
    return project.state


def provision_again(user: User, project: Project) -> None:
    """A data engineer asks for the data to be prepared again."""
    with writing("project.provision_asked", actor=user.username, project=project.slug):
        project = Project.objects.select_for_update().get(pk=project.pk)
        rules.check_provision(user.person, project.facts())
        project.state, project.problem = "provisioning", ""
        project.save(update_fields=["state", "problem"])
        transaction.on_commit(lambda: _enqueue(tasks.provision, project.slug))


def start_job(
    user: User,
    project: Project,
    name: str,
    code: bytes,
    *,
    environment: str = "",
    source: dict[str, str] | None = None,
    now: bool = False,
) -> Job:
    """Hand in code to be run on the project's data: a file, or a commit (``source``: its git address and commit).

    With ``now`` it runs in this process before this returns; else when its turn comes (see ``queue``).
    """
    name = PurePath(name).name
    rules.check_start_job(user.person, project.facts(), timezone.localdate())
    plane.check_source(current_site(), **{"git": "", "commit": "", **(source or {})}, environment=environment)
    if source:
        name = f"{PurePath(source['git']).name[:80] or 'repository'} at {source['commit'][:12]}"
    else:
        rules.check_code(name, len(code))
    digest = "" if source else hashlib.sha256(code).hexdigest()
    with writing(
        "job.queued", actor=user.username, project=project.slug, code=name, sha256=digest, **(source or {})
    ) as record:
        waiting = Job.objects.filter(project=project, author=user, state="queued").count()
        rules.check_waiting(waiting, current_site().config.queue.waiting_per_person)
        job = Job.objects.create(
            project=project,
            author=user,
            code_name=name,
            code_sha256=digest,
            source=source or {},
            environment=environment,
        )
        record.detail["job"] = str(job.key)
        make_dir(job.submitted_file.parent)
        if not source:
            write_atomic(job.submitted_file, code)
        if not now:
            transaction.on_commit(lambda: _enqueue(tasks.run, str(job.key)))
    if now:
        run_now(str(job.key))
        job.refresh_from_db()
    return job


def start_example(user: User, project: Project, key: str, *, now: bool = False) -> Job:
    """Start one of the examples that ship with Lockgate."""
    example = examples.get(key)
    return start_job(user, project, example.file, example.code, now=now)


def cancel_job(user: User, job: Job) -> str:
    """Take a waiting job out of the queue, or ask a running one to stop; its state afterwards."""
    with writing("job.cancelled", actor=user.username, project=job.project.slug, job=str(job.key)) as record:
        job = Job.objects.select_for_update().select_related("project").get(pk=job.pk)
        rules.check_cancel(user.person, job.project.facts(), job.state)
        record.detail["state"] = job.state
        if job.state == "queued":
            job.state, job.finished_at = "cancelled", timezone.now()
            job.save(update_fields=["state", "finished_at"])
        else:
            write_atomic(job.cancel_file, b"")
    return job.state


def run_next() -> str:
    """Run the job whose turn it is, in this process; its state afterwards, or "" when there is none to start."""
    while True:
        turn = queue.next_job()
        if turn is None:
            return ""
        try:
            state = run_now(str(turn.key), in_turn=True)
        except Refused:  # another worker took it, or the last place
            if queue.next_job() == turn:
                return ""
            continue
        if Job.objects.filter(state="queued").exists() and not DBTaskResult.objects.ready().exists():
            _enqueue(tasks.run, "")
        return state


def run_now(key: str, *, in_turn: bool = False) -> str:
    """Run a waiting job in this process; its state afterwards. A job that is not waiting is left alone.

    ``in_turn``: only while a place is free for it.
    """
    with _held(Job.objects.get(key=key)):
        return _run(key, in_turn=in_turn)


def _held(job: Job) -> AbstractContextManager[None]:
    """Held while a process runs the job: one that is said to run and isn't held has lost its process."""
    return hold_lock(job.submitted_file.parent / ".lock", "the job runs already", "wait until it has ended")


def recover() -> int:
    """Settle what a worker that was killed left behind; how many pieces.

    A job that runs nowhere has failed, and says so; a project that nobody prepares any more waits for it again.
    """
    settled = 0
    for job in Job.objects.filter(state="running").select_related("project"):
        try:
            with _held(job), writing("job.lost", actor="lockgate", job=str(job.key)) as record:
                lost = Job.objects.select_for_update().filter(key=job.key, state="running")
                record.detail["settled"] = lost.update(
                    state="failed",
                    problem="the worker was stopped while the job ran; start it again",
                    finished_at=timezone.now(),
                )
                settled += 1
        except Refused:
            continue  # it runs
    if not DBTaskResult.objects.ready().exists():
        for project in Project.objects.filter(state="provisioning"):
            if plane.is_being_provisioned(current_site(), project.slug):
                continue
            _enqueue(tasks.provision, project.slug)
            settled += 1
        turn = queue.next_job()
        if turn is not None and turn.created_at < timezone.now() - _LOST_AFTER:
            _enqueue(tasks.run, str(turn.key))
            settled += 1
    return settled


def _run(key: str, *, in_turn: bool) -> str:
    with writing("job.picked_up", actor="lockgate", job=key) as record:
        job = Job.objects.select_for_update().select_related("project", "author").get(key=key)
        if job.state != "queued":
            raise Refused(f"the job is {rules.JOB_STATES[job.state].lower()}", reasons=[f"state {job.state}"])
        if in_turn and not queue.has_place(job):
            raise Refused("its turn has not come", reasons=["every place is taken"])
        job.state, job.started_at = "running", timezone.now()
        job.save(update_fields=["state", "started_at"])
        record.detail["project"] = job.project.slug
    result: dict[str, Any] = {"status": "refused"}
    try:
        code = None if job.source else job.submitted_file
        if code is not None and hashlib.sha256(code.read_bytes()).hexdigest() != job.code_sha256:
            raise Refused("the code was changed after it was handed in", reasons=["changed code"])
        result = plane.run_job(
            current_site(),
            job.project.slug,
            code=code,
            author=job.author.username,
            source=job.source or None,
            environment=job.environment,
            cancelled=job.cancel_file.exists,
        )
    except Refused as error:
        result["problem"] = "; ".join(error.reasons) or str(error)
    except (LockgateError, OSError) as error:
        result.update(status="failed", problem=str(error))
    with writing("job.recorded", actor="lockgate", project=job.project.slug, job=key) as record:
        job.state = result["status"]
        job.job_id = result.get("job_id", "")
        job.exit_code = result.get("exit_code")
        job.seconds = result.get("seconds")
        job.cpu_seconds = result.get("cpu_seconds")
        job.memory_gb_hours = result.get("memory_gb_hours")
        job.steps = result.get("steps", [])
        job.code_sha256 = job.code_sha256 or result.get("code_sha256") or ""
        job.log = result.get("log", "")[-LOG_CHARACTERS:]
        job.problem = result.get("problem", "")
        job.outputs = result.get("outputs", [])
        job.finished_at = timezone.now()
        job.save()
        record.detail.update(state=job.state, outputs=len(job.outputs))
    return job.state
