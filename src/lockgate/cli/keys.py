"""``lockgate keys``."""

from __future__ import annotations

from typing import Annotated

import typer

from lockgate.capture.access import require_owner
from lockgate.cli.common import actor, console, emit, open_site
from lockgate.cli.optout import applied, print_applied
from lockgate.errors import UsageError
from lockgate.site import Site
from lockgate.site.audit import refuse_identifying
from lockgate.workspace.scope import scope_files

app = typer.Typer()


def _projects(site: Site) -> list[str]:
    return sorted({path.parent.parent.name for path in scope_files(site)})


@app.command()
def show() -> None:
    """Show which root key is in use, how often each project's key was rotated, and what was made under which."""
    from lockgate.curate import list_releases

    site = open_site()
    ring = site.keyring
    projects = {project: ring.epoch(project) for project in _projects(site)}
    releases = {item.number: int(item.manifest.get("root_key", 1)) for item in list_releases(site)}
    lines = [f"Root key: generation {ring.generation}; signing key {site.public_key_id}."]
    lines += [
        f"Release {number}: made under root key {generation}." for number, generation in releases.items()
    ]
    lines += [f"Project {project}: key {epoch}." for project, epoch in projects.items()]
    emit(
        {
            "root_key": ring.generation,
            "signing_key": site.public_key_id,
            "projects": projects,
            "releases": releases,
        },
        "\n".join(lines),
    )


@app.command()
def rotate(
    reason: Annotated[str, typer.Option(help="Why; it goes into the audit chain.")],
    project: Annotated[
        str, typer.Option(help="This project's key alone; default: the root key, and so all.")
    ] = "",
) -> None:
    """Put a new root key, or a project's key, in use. The root key before it is kept, to read older releases."""
    site = open_site()
    require_owner(site)
    if len(reason.strip()) < 5:
        raise UsageError("say why the key is rotated", remedy="--reason TEXT")
    refuse_identifying("key.rotated", actor(), {"reason": reason})
    if project and project not in _projects(site):
        raise UsageError(f"there is no project {project!r}", remedy="`lockgate scope list` names them")
    if project:
        number = site.keyring.rotate_project(project)
        check = site.keyring.check_of(site.project_key(project))
        told = f"Project {project} has its key {number}: other ids and other shifts from now on."
    else:
        number = site.keyring.rotate_root()
        check = site.keyring.check_of(site.key("release/ids"))
        told = (
            f"Root key {number} is in use; root.{number - 1}.key is kept. Back up keys/ now. The next release has "
            "other ids (a full build), and every project other ids from now on."
        )
    what = {"project": project} if project else {"root": True}
    site.audit.append("key.rotated", actor=actor(), number=number, check=check, reason=reason.strip(), **what)
    done = applied(site)  # open workspaces are made again at once

    def human() -> None:
        console.print(told, markup=False)
        print_applied(done)

    emit({"rotated": project or "root", "number": number, "check": check, "workspaces": done}, human)
