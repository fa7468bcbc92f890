"""Synthetic twins in the portal: who may have one, asking for one, and each download with its audit entry."""

from __future__ import annotations

from django.contrib import messages
from django.http import FileResponse, Http404, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from lockgate.errors import LockgateError, Refused
from lockgate.portal.accounts.models import User
from lockgate.portal.accounts.rules import can
from lockgate.portal.applications.models import Application
from lockgate.portal.outbox.writing import writing
from lockgate.portal.pages import SignedIn, signed_in
from lockgate.portal.sites import current_site
from lockgate.portal.workspaces import tasks
from lockgate.portal.workspaces.models import Member, Project
from lockgate.site.files import sha256_file
from lockgate.twin.packing import Packed, ask, packed
from lockgate.workspace.scope import Scope


def check_download(user: User, project: Project | None) -> None:
    """As ``[twin] download`` says: members have that of their project; who has an application, that of the release."""
    person, policy = user.person, current_site().config.twin.download
    if policy == "nobody":
        raise Refused("this site gives no synthetic twins away", reasons=["[twin] download is nobody"])
    if project is not None:
        if person.username not in project.members and not can(person, "workspace.read_all"):
            raise Http404
        return
    involved = (
        Application.objects.filter(applicant=user).exists()
        or Member.objects.filter(username=person.username).exists()
    )
    if not (can(person, "workspace.read_all") or (policy == "applicants" and involved)):
        raise Refused(
            "a synthetic twin of the release is for people with an application",
            reasons=[
                "no application of yours" if policy == "applicants" else "members of projects have theirs"
            ],
            remedy="begin an application: a draft is enough" if policy == "applicants" else "",
        )


def can_download(user: User, project: Project | None) -> bool:
    """Whether ``check_download`` would pass: who may not have a twin is shown no way to it."""
    try:
        check_download(user, project)
    except (Refused, Http404):
        return False
    return True


def _project(request: SignedIn, slug: str) -> tuple[Project | None, Scope | None]:
    """The project that is meant ("release": none), and its scope."""
    if slug == "release":
        check_download(request.user, None)
        return None, None
    project = Project.objects.filter(slug=slug).first()
    if project is None:
        raise Http404
    check_download(request.user, project)
    return project, Scope.model_validate(project.scope)


def _found(scope: Scope | None) -> Packed | None:
    try:
        return packed(current_site(), scope)
    except LockgateError:
        return None  # no release yet


@require_GET
@signed_in
def page(request: SignedIn, slug: str) -> HttpResponseBase:
    """What a twin is, how far this one is, and its download."""
    project, scope = _project(request, slug)
    site = current_site()
    context = {
        "project": project,
        "slug": slug,
        "found": _found(scope),
        "people": site.config.twin.people,
        "epsilon": site.config.twin.epsilon,
    }
    return render(request, "workspaces/twin.jinja", context)


@require_POST
@signed_in
def make(request: SignedIn, slug: str) -> HttpResponseBase:
    """Ask for the twin to be made."""
    if ask_for(request, slug):
        messages.success(request, "The synthetic twin is being made. Come back in a few minutes.")
    return redirect("workspaces:twin", slug)


def twin_of(request: SignedIn, slug: str) -> Packed | None:
    """How far the twin of a project, or of the release, is; None where there is no release. 404 for others."""
    return _found(_project(request, slug)[1])


def ask_for(request: SignedIn, slug: str) -> bool:
    """Have a twin made that is not there; whether it was asked for now."""
    _, scope = _project(request, slug)
    found = _found(scope)
    if found is None or found.state not in ("none", "failed"):
        return False
    with writing("twin.asked", actor=request.user.username, twin=found.path.stem):
        ask(current_site(), scope)
        tasks.twin.enqueue(slug)
    return True


@require_GET
@signed_in
def download(request: SignedIn, slug: str) -> HttpResponseBase:
    """The zip file."""
    return taken(request, slug)


def taken(request: SignedIn, slug: str) -> HttpResponseBase:
    """The zip file as an answer; the audit chain says who took which."""
    _, scope = _project(request, slug)
    found = _found(scope)
    if found is None or found.state != "ready":
        raise Http404
    with writing(
        "twin.downloaded",
        actor=request.user.username,
        release=found.path.parent.name,
        twin=found.path.stem,
        sha256=sha256_file(found.path),
    ):
        pass
    return FileResponse(found.path.open("rb"), as_attachment=True, filename=found.name)


def make_with(project: Project) -> None:
    """Ask for a project's twin with its data, where the site says so and nobody has asked for it yet."""
    policy = current_site().config.twin
    if not policy.at_provisioning or policy.download == "nobody":
        return
    scope = Scope.model_validate(project.scope)
    if (found := _found(scope)) is not None and found.state == "none":
        with writing("twin.asked", actor="lockgate", twin=found.path.stem):
            ask(current_site(), scope)
            tasks.twin.enqueue(project.slug)


def make_now(slug: str, *, actor: str = "lockgate") -> str:
    """Make a twin that was asked for, in this process; its state afterwards."""
    from lockgate.twin.packing import pack

    scope = None if slug == "release" else Scope.model_validate(Project.objects.get(slug=slug).scope)
    try:
        return pack(current_site(), scope, actor=actor).state
    except LockgateError:
        return "failed"
