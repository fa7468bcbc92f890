"""The API of notebooks and synthetic twins: ask for one, see how far it is, stop it or take it.

A notebook is worked at in a browser, where its page is; a program starts and stops it.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from django.http import HttpResponseBase
from ninja import Query, Schema

from lockgate.portal.api.access import Operations, Paging, once, or_404, page_of
from lockgate.portal.notebooks import services
from lockgate.portal.notebooks.models import Notebook
from lockgate.portal.notebooks.views import ask_for, mine_or_managed, visible
from lockgate.portal.pages import SignedIn
from lockgate.portal.workspaces import twins
from lockgate.portal.workspaces.views import get_project

router = Operations(tags=["notebooks and twins"])


class NotebookOut(Schema):
    """A notebook: asked, starting, running, stopped or refused; why, where it ended."""

    key: uuid.UUID
    project: str
    person: str
    state: str
    why: str
    asked_at: datetime
    started_at: datetime | None
    stopped_at: datetime | None


class Notebooks(Schema):
    """A page of notebooks, and how many there are in all."""

    items: list[NotebookOut]
    count: int


class TwinOut(Schema):
    """How far a synthetic twin is: none, asked, ready or failed; ``problem`` says why it failed."""

    state: str
    problem: str
    bytes: int
    name: str


def _row(row: Notebook) -> dict[str, Any]:
    names = ("key", "state", "why", "asked_at", "started_at", "stopped_at")
    told = {name: getattr(row, name) for name in names}
    return {**told, "project": row.project.slug, "person": row.person.username}


def _twin(found: Any) -> dict[str, Any]:
    if found is None:
        return {"state": "none", "problem": "there is no release", "bytes": 0, "name": ""}
    return {"state": found.state, "problem": found.problem, "bytes": found.size, "name": found.name}


@router.on("GET", "/notebooks", Notebooks, scope="read")
def notebooks(request: SignedIn, paging: Query[Paging]) -> Any:
    """Notebooks, the newest first: my own, or everybody's for those who run the environment."""
    return page_of(visible(request), paging, _row)


@router.on("GET", "/projects/{slug}/notebook", NotebookOut, scope="read", needs="notebook.open")
def notebook(request: SignedIn, slug: str) -> Any:
    """My newest notebook of a project; 404 where I never had one."""
    rows = Notebook.objects.filter(project=get_project(request, slug), person=request.user)
    return _row(or_404(rows.select_related("project", "person").first()))


@router.on(
    "POST", "/projects/{slug}/notebook", NotebookOut, scope="run", needs="notebook.open", status=201
)  # fmt: skip
def start_notebook(request: SignedIn, slug: str) -> Any:
    """Start my notebook of a project; the one that is open already, if one is."""
    row = get_project(request, slug)
    key = once(request, lambda: str(ask_for(request, row).key))
    return _row(Notebook.objects.select_related("project", "person").get(key=key))


@router.on("POST", "/notebooks/{uuid:key}/stop", NotebookOut, scope="run")
def stop_notebook(request: SignedIn, key: uuid.UUID) -> Any:
    """Stop my notebook, or anybody's for those who run the environment."""
    services.stop_as(request.user, mine_or_managed(request, key))
    return _row(mine_or_managed(request, key))


@router.on("GET", "/projects/{slug}/twin", TwinOut, scope="read")
def twin(request: SignedIn, slug: str) -> Any:
    """How far the synthetic twin of a project is. With ``release`` for the project: that of the newest release."""
    return _twin(twins.twin_of(request, slug))


@router.on("POST", "/projects/{slug}/twin", TwinOut, scope="run")
def make_twin(request: SignedIn, slug: str) -> Any:
    """Ask for a synthetic twin to be made; nothing happens where there is one."""
    twins.ask_for(request, slug)
    return _twin(twins.twin_of(request, slug))


@router.on("GET", "/projects/{slug}/twin/file", None, scope="read")
def twin_file(request: SignedIn, slug: str) -> HttpResponseBase:
    """Take a synthetic twin: a zip file. The audit chain says who took which."""
    return twins.taken(request, slug)
