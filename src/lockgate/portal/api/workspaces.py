"""The API of projects and jobs."""

from __future__ import annotations

import base64
import binascii
import uuid
from datetime import date, datetime
from typing import Any, Literal

from ninja import Query, Schema

from lockgate.errors import UsageError
from lockgate.portal.api.access import In, Operations, Paging, once, page_of
from lockgate.portal.pages import SignedIn
from lockgate.portal.plane import plain, workspace_tables
from lockgate.portal.sites import current_site
from lockgate.portal.workspaces import examples, services
from lockgate.portal.workspaces.models import Job, Project
from lockgate.portal.workspaces.views import (
    dictionary_of,
    get_job,
    get_project,
    job_context,
    visible,
    workspace_of,
)

router = Operations(tags=["projects"])


class ProjectOut(Schema):
    """A project in a list."""

    slug: str
    title: str
    state: str
    valid_from: date
    valid_until: date


class Projects(Schema):
    """A page of projects, and how many there are in all."""

    items: list[ProjectOut]
    count: int


class ProjectFull(ProjectOut):
    """A project with its scope, and its tables as they may be told: rows are rounded."""

    problem: str
    scope: dict[str, Any]
    tables: list[dict[str, Any]]


class JobOut(Schema):
    """A job in a list."""

    key: uuid.UUID
    project: str
    author: str
    code_name: str
    state: str
    created_at: datetime
    finished_at: datetime | None


class Jobs(Schema):
    """A page of jobs, and how many there are in all."""

    items: list[JobOut]
    count: int


class JobFull(JobOut):
    """A job: code and log for those who may read them, the outputs by name, the requests for release that I may see."""

    code_sha256: str
    problem: str
    exit_code: int | None
    seconds: float | None
    code: str
    log: str
    outputs: list[dict[str, Any]]
    source: dict[str, str]
    environment: str
    steps: list[dict[str, Any]]
    cpu_seconds: float | None
    memory_gb_hours: float | None
    place: int
    requests: list[str]


class JobIn(In):
    """Code to run: a file by name, as text or (a zip archive) in base64; a commit of a git repository; or an example.

    ``environment``: what Python runs in where project.yaml names none, as NAME or NAME@HASH.
    """

    name: str = ""
    code: str = ""
    encoding: Literal["text", "base64"] = "text"
    example: str = ""
    git: str = ""
    commit: str = ""
    environment: str = ""


def _job(row: Job) -> dict[str, Any]:
    names = ("key", "code_name", "state", "created_at", "finished_at")
    told = {name: getattr(row, name) for name in names}
    return {**told, "project": row.project.slug, "author": row.author.username}


def _project(row: Project) -> dict[str, Any]:
    return {name: getattr(row, name) for name in ("slug", "title", "state", "valid_from", "valid_until")}


def _full(row: Project) -> dict[str, Any]:
    tables = workspace_tables(current_site(), workspace_of(row))
    return {**_project(row), "problem": row.problem, "scope": row.scope, "tables": tables}


def _job_full(request: SignedIn, slug: str, key: uuid.UUID) -> dict[str, Any]:
    row = get_job(request, slug, key)
    context = job_context(request, row)
    told = {
        name: getattr(row, name)
        for name in (
            "code_sha256",
            "problem",
            "exit_code",
            "seconds",
            "outputs",
            "source",
            "environment",
            "steps",
        )
    }
    told |= {"cpu_seconds": row.cpu_seconds, "memory_gb_hours": row.memory_gb_hours}
    return {
        **_job(row),
        **told,
        "code": context["code"],
        "log": context["log"],
        "place": context["place"][0],  # in the queue; 0 when it waits no more
        "requests": [item.reference for item, readable in context["requests"] if readable],
    }


@router.on("GET", "/projects", Projects, scope="read")
def projects(request: SignedIn, paging: Query[Paging], state: str = "") -> Any:
    """The projects that I may read, or those in a state."""
    rows = visible(request)
    return page_of(rows.filter(state=state) if state else rows, paging, _project)


@router.on("GET", "/projects/{slug}", ProjectFull, scope="read")
def project(request: SignedIn, slug: str) -> Any:
    """One project: its scope and its tables."""
    return _full(get_project(request, slug))


@router.on("GET", "/projects/{slug}/data", list[dict[str, Any]], scope="read")
def project_data(request: SignedIn, slug: str) -> Any:
    """The project's data dictionary: each table and column, with type and meaning for disclosure."""
    return plain(dictionary_of(get_project(request, slug)))


@router.on("POST", "/projects/{slug}/provision", ProjectFull, scope="run", needs="workspace.provision")
def provision(request: SignedIn, slug: str) -> Any:
    """Have the project's data prepared again."""
    services.provision_again(request.user, get_project(request, slug))
    return _full(get_project(request, slug))


@router.on("GET", "/examples", list[dict[str, str]], scope="read")
def job_examples(request: SignedIn) -> Any:
    """The examples of jobs that ship with Lockgate."""
    return [
        {"key": one.key, "title": one.title, "code": one.code.decode("utf-8", errors="replace")}
        for one in examples.everything()
    ]


@router.on("GET", "/projects/{slug}/jobs", Jobs, scope="read")
def jobs(request: SignedIn, slug: str, paging: Query[Paging], state: str = "") -> Any:
    """The project's jobs, the newest first."""
    rows = get_project(request, slug).jobs.select_related("author", "project")
    return page_of(rows.filter(state=state) if state else rows, paging, _job)


@router.on("POST", "/projects/{slug}/jobs", JobFull, scope="run", needs="job.start", status=201)
def start_job(request: SignedIn, slug: str, told: JobIn) -> Any:
    """Hand in code to be run on the project's data."""
    row = get_project(request, slug)

    def make() -> str:
        if told.example:
            return str(services.start_example(request.user, row, told.example).key)
        source = {"git": told.git, "commit": told.commit} if told.git or told.commit else None
        code = b"" if source else _code(told)
        job = services.start_job(
            request.user, row, told.name, code, source=source, environment=told.environment
        )
        return str(job.key)

    return _job_full(request, slug, uuid.UUID(once(request, make)))


def _code(told: JobIn) -> bytes:
    if told.encoding == "text":
        return told.code.encode()
    try:
        return base64.b64decode(told.code, validate=True)
    except (binascii.Error, ValueError) as error:
        raise UsageError("it is not base64", where="code") from error


@router.on("GET", "/projects/{slug}/jobs/{uuid:key}", JobFull, scope="read")
def job(request: SignedIn, slug: str, key: uuid.UUID) -> Any:
    """One job: its state, code, log and outputs."""
    return _job_full(request, slug, key)


@router.on("POST", "/projects/{slug}/jobs/{uuid:key}/cancel", JobFull, scope="run", needs="job.cancel")
def cancel_job(request: SignedIn, slug: str, key: uuid.UUID) -> Any:
    """Stop a job of my project, or take it out of the queue."""
    services.cancel_job(request.user, get_job(request, slug, key))
    return _job_full(request, slug, key)
