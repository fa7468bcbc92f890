"""Pages of projects and jobs."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from lockgate.errors import LockgateError
from lockgate.portal import plane
from lockgate.portal.accounts.rules import can
from lockgate.portal.airlock import rules as airlock
from lockgate.portal.applications import rules as application_rules
from lockgate.portal.applications.catalogue import linkage_label, offered
from lockgate.portal.files import code_text
from lockgate.portal.pages import SignedIn, as_errors, fragment, page_of, pagination, signed_in, summary
from lockgate.portal.sites import current_site
from lockgate.portal.workspaces import examples, queue, rules, services, twins
from lockgate.portal.workspaces.models import Job, Project
from lockgate.schema import VOCABULARY_TABLES


def visible(request: SignedIn) -> QuerySet[Project]:
    """The projects that this person may read."""
    person = request.user.person
    rows = Project.objects.select_related("application__applicant")
    if can(person, "workspace.read_all"):
        return rows
    return rows.filter(member_rows__username=person.username)


def get_project(request: SignedIn, slug: str) -> Project:
    """The project, if this person may read it; else 404."""
    project = visible(request).filter(slug=slug).first()
    if project is None or not rules.can_read(request.user.person, project.facts()):
        raise Http404
    return project


def get_job(request: SignedIn, slug: str, key: uuid.UUID) -> Job:
    """A job of a project that this person may read; else 404."""
    project = get_project(request, slug)
    job = project.jobs.select_related("author").filter(key=key).first()
    if job is None:
        raise Http404
    return job


def workspace_of(project: Project) -> dict[str, Any]:
    """What the project's workspace holds now."""
    return plane.workspace_now(current_site(), project.slug, project.workspace)


@require_GET
@signed_in
def index(request: SignedIn) -> HttpResponseBase:
    """The projects that this person may read."""
    page = page_of(request, visible(request))
    twin = twins.can_download(request.user, None)
    context = {"page": page, "pagination": pagination(request, page), "twin": twin}
    return render(request, "workspaces/list.jinja", context)


@require_GET
@signed_in
def detail(request: SignedIn, slug: str) -> HttpResponseBase:
    """The project: its scope, its data and its jobs."""
    project = get_project(request, slug)
    person, facts = request.user.person, project.facts()
    context = {
        "project": project,
        "scope": project.scope,
        "tables": [
            table
            for table in plane.workspace_tables(current_site(), workspace_of(project))
            if table["name"] not in VOCABULARY_TABLES
        ],
        "jobs": project.jobs.select_related("author")[:10],
        "can_start": rules.can_start_job(person, facts, timezone.localdate()),
        "can_provision": rules.can_provision(person, facts),
        "site_has_notebooks": current_site().config.notebooks.enabled,
        "member": person.username in project.members,
        "reads_application": application_rules.can_read(person, project.application.facts()),
        "linkage_label": linkage_label,
        "usage": plane.usage(current_site(), project.slug),
        "standing": queue.standing(project.slug),
        "twin": twins.can_download(request.user, project),
    }
    return render(request, "workspaces/project.jinja", context)


def dictionary_of(project: Project) -> list[dict[str, Any]]:
    """Every table and column that a project has: name, rows as they may be told, columns with type and meaning."""
    rows = {
        item["name"]: item["rows"] for item in plane.workspace_tables(current_site(), workspace_of(project))
    }
    return [
        {
            "name": name,
            "rows": rows.get(name, ""),
            "columns": [column for column in offered().get(name, ()) if column.name in columns],
        }
        for name, columns in project.scope["tables"].items()
    ]


@require_GET
@signed_in
def dictionary(request: SignedIn, slug: str) -> HttpResponseBase:
    """Every table and column that the project has, with type and meaning for disclosure."""
    project = get_project(request, slug)
    context = {"project": project, "tables": dictionary_of(project)}
    return render(request, "workspaces/dictionary.jinja", context)


@require_http_methods(["GET", "POST"])
@signed_in
def new_job(request: SignedIn, slug: str) -> HttpResponseBase:
    """Hand in code, or start an example."""
    project = get_project(request, slug)
    rules.check_start_job(request.user.person, project.facts(), timezone.localdate())
    errors: dict[str, str] = {}
    if request.method == "POST":
        upload, example = request.FILES.get("code"), request.POST.get("example", "")
        environment = request.POST.get("environment", "")
        source = {name: request.POST.get(name, "").strip() for name in ("git", "commit")}
        try:
            if upload is not None:
                rules.check_code(upload.name or "", upload.size or 0)
                content = upload.read()
                job = services.start_job(
                    request.user, project, upload.name or "", content, environment=environment
                )
                return redirect("workspaces:job", slug, job.key)
            if any(source.values()):
                errors = {name: "Enter " + rules.SOURCE[name] for name, value in source.items() if not value}
                if not errors:
                    job = services.start_job(
                        request.user, project, "", b"", source=source, environment=environment
                    )
                    return redirect("workspaces:job", slug, job.key)
            if example:
                job = services.start_example(request.user, project, example)
                return redirect("workspaces:job", slug, job.key)
            if not errors:
                errors = {"code": "Choose a file, or one of the examples"}
        except LockgateError as error:
            errors = as_errors(error, "git" if any(source.values()) else "code")
    context = {
        "project": project,
        "examples": examples.everything(),
        "errors": errors,
        "summary": summary(errors),
        "environments": plane.environments(current_site()),
        "from_git": bool(current_site().config.code.hosts or current_site().config.code.folders),
        "given": {name: request.POST.get(name, "") for name in ("git", "commit", "environment")},
    }
    return render(request, "workspaces/new_job.jinja", context, status=400 if errors else 200)


def job_context(request: SignedIn, job: Job) -> dict[str, Any]:
    """What a job's page shows to this person."""
    person, project = request.user.person, job.project
    is_member = person.username in project.members
    code = code_text(job.submitted_file) if is_member or can(person, "airlock.read_all") else ""
    return {
        "job": job,
        "project": project,
        "code": code,
        # The log may hold rows of data: it is for the people of the scope, inside the environment.
        "log": job.log if is_member else "",
        "is_member": is_member,
        "states": rules.JOB_STATES,
        "place": queue.place_of(job) if job.state == "queued" else (0, 0),
        "can_cancel": rules.can_cancel(person, project.facts(), job.state),
        "cancelling": job.cancel_file.exists(),
        "requests": [(item, airlock.can_read(person, item.facts())) for item in job.requests.all()],
        "can_request": is_member
        and airlock.can_request(person)
        and job.state == "succeeded"
        and bool(job.outputs),
    }


@require_GET
@signed_in
def job(request: SignedIn, slug: str, key: uuid.UUID) -> HttpResponseBase:
    """A job: its state, code, log and outputs."""
    return render(request, "workspaces/job.jinja", job_context(request, get_job(request, slug, key)))


@require_GET
@signed_in
def job_state(request: SignedIn, slug: str, key: uuid.UUID) -> HttpResponseBase:
    """The part of the job's page that changes while it runs; asked for by htmx."""
    job = get_job(request, slug, key)
    if job.finished:
        response = HttpResponse(status=204)
        response["HX-Refresh"] = "true"
        return fragment(response)
    return fragment(
        render(
            request,
            "workspaces/job_state.jinja",
            {
                "job": job,
                "project": job.project,
                "states": rules.JOB_STATES,
                "place": queue.place_of(job) if job.state == "queued" else (0, 0),
                "cancelling": job.cancel_file.exists(),
            },
        )
    )


@require_POST
@signed_in
def cancel(request: SignedIn, slug: str, key: uuid.UUID) -> HttpResponseBase:
    """Take a waiting job out of the queue, or stop a running one."""
    state = services.cancel_job(request.user, get_job(request, slug, key))
    messages.success(
        request, "The job was cancelled." if state == "cancelled" else "The job is being stopped."
    )
    return redirect("workspaces:job", slug, key)


@require_POST
@signed_in
def provision(request: SignedIn, slug: str) -> HttpResponseBase:
    """Prepare the data again."""
    services.provision_again(request.user, get_project(request, slug))
    messages.success(request, "The project's data are being prepared.")
    return redirect("workspaces:project", slug)
