"""Work that outlasts a request: done by ``lockgate worker``, or at once in a process that says so."""

from __future__ import annotations

from django_tasks import task


@task()
def provision(slug: str) -> str:
    """Prepare the data of a project, and where the site says so its synthetic twin; its state afterwards."""
    from lockgate.portal.workspaces.models import Project
    from lockgate.portal.workspaces.services import provision_now
    from lockgate.portal.workspaces.twins import make_with

    state = provision_now(slug)
    if state == "ready":
        make_with(Project.objects.get(slug=slug))
    return state


@task()
def run(key: str) -> str:
    """Run the job whose turn it is, which need not be the one that asked (``key``); its state afterwards."""
    from lockgate.portal.workspaces.services import run_next

    return run_next()


@task()
def twin(slug: str) -> str:
    """Make the synthetic twin of a project, or of the release; its state afterwards."""
    from lockgate.portal.workspaces.twins import make_now

    return make_now(slug)
