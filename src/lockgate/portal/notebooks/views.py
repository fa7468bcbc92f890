"""Pages of notebooks: start, look in, stop."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from lockgate.portal import plane
from lockgate.portal.middleware import POLICY
from lockgate.portal.notebooks import rules, services
from lockgate.portal.notebooks.models import Notebook
from lockgate.portal.pages import SignedIn, fragment, page_of, pagination, signed_in
from lockgate.portal.sites import current_site
from lockgate.portal.workspaces.models import Project
from lockgate.portal.workspaces.views import get_project


def _context(request: SignedIn, project: Project) -> dict[str, Any]:
    latest = Notebook.objects.filter(project=project, person=request.user).first()
    return {
        "project": project,
        "notebook": latest if latest is not None and not latest.finished else None,
        "last": latest if latest is not None and latest.finished else None,
        "unavailable": plane.notebooks_unavailable(current_site()),
        "settings": current_site().config.notebooks,
        "can_open": rules.can_open(request.user.person, project.facts(), timezone.localdate()),
    }


def visible(request: SignedIn) -> QuerySet[Notebook]:
    """Everybody's notebooks for those who run the environment, else one's own."""
    rows = Notebook.objects.select_related("project", "person")
    return rows if rules.can_manage(request.user.person) else rows.filter(person=request.user)


def mine_or_managed(request: SignedIn, key: uuid.UUID) -> Notebook:
    """A notebook that this person may stop; else 404."""
    return get_object_or_404(visible(request), key=key)


def ask_for(request: SignedIn, project: Project) -> Notebook:
    """Ask for a notebook, where the rules and the machine allow one."""
    rules.check_open(request.user.person, project.facts(), timezone.localdate())
    plane.require_notebooks(current_site())
    return services.ask(request.user, project)


@require_GET
@signed_in
def index(request: SignedIn) -> HttpResponseBase:
    """Notebooks, the newest first: everybody's for those who run the environment, else one's own."""
    page = page_of(request, visible(request))
    manages = rules.can_manage(request.user.person)
    context = {"page": page, "pagination": pagination(request, page), "manages": manages}
    return render(request, "notebooks/list.jinja", context)


@require_GET
@signed_in
def detail(request: SignedIn, slug: str) -> HttpResponseBase:
    """One's notebook of a project: start it, look in, stop it."""
    return render(request, "notebooks/notebook.jinja", _context(request, get_project(request, slug)))


@require_GET
@signed_in
def state(request: SignedIn, slug: str) -> HttpResponseBase:
    """The part of the page that changes while a notebook starts; asked for by htmx."""
    context = _context(request, get_project(request, slug))
    if context["notebook"] is None or context["notebook"].state == "running":
        response = HttpResponse(status=204)
        response["HX-Refresh"] = "true"
        return fragment(response)
    return fragment(render(request, "notebooks/state.jinja", context))


@require_POST
@signed_in
def start(request: SignedIn, slug: str) -> HttpResponseBase:
    """Ask for a notebook."""
    ask_for(request, get_project(request, slug))
    return redirect("notebooks:project", slug)


@require_GET
@signed_in
def view(request: SignedIn, slug: str) -> HttpResponseBase:
    """JupyterLab in a frame from an origin of its own, which can neither reach this page nor leave its frame."""
    project = get_project(request, slug)
    notebook = services.unfinished(request.user, project)
    if notebook is None or notebook.state != "running" or request.session.session_key is None:
        return redirect("notebooks:project", slug)
    origin = current_site().config.notebooks.origin(slug)
    ticket = services.ticket(request.user, notebook, request.session.session_key)
    context = {"project": project, "notebook": notebook, "address": f"{origin}/-/enter?ticket={ticket}"}
    response = render(request, "notebooks/view.jinja", context)
    response["Content-Security-Policy"] = f"{POLICY}; frame-src {origin}"
    response["Referrer-Policy"] = "no-referrer"
    return response


@require_POST
@signed_in
def stop(request: SignedIn, key: uuid.UUID) -> HttpResponseBase:
    """Stop a notebook: one's own, or anybody's for those who run the environment."""
    notebook = mine_or_managed(request, key)
    mine = notebook.person_id == request.user.pk
    services.stop_as(request.user, notebook)
    messages.success(request, "The notebook is being stopped.")
    return redirect("notebooks:project", notebook.project.slug) if mine else redirect("notebooks:list")
