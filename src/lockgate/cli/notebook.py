"""``lockgate notebook``: JupyterLab in the sandbox."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from lockgate.cli.common import actor, console, emit, open_site, state
from lockgate.errors import UsageError

app = typer.Typer(help="JupyterLab in the sandbox of a job, shown through the portal.")


@app.command()
def prepare() -> None:
    """Make JupyterLab's environment from its lock (some 200 MB), beside Lockgate's own. Safe to run again."""
    from pathlib import Path

    from lockgate.cli.common import site_path
    from lockgate.workspace.notebooks import environment

    named = (site_path() / "site.toml").exists()
    folder: Path = environment.folder_of(open_site()) if named else environment.default_folder()
    made = environment.prepare(folder, (lambda _: None) if state.json else console.print)
    emit({"folder": folder, "made": made}, f"JupyterLab's environment stands in {folder}.")


@app.command()
def serve() -> None:
    """Run the notebooks of a site and answer for them until stopped; then every notebook is stopped."""
    from lockgate.portal.notebooks.gateway.serve import serve_notebooks

    serve_notebooks(open_site(), say=console.print)


@app.command("list")
def list_() -> None:
    """List the notebooks that are open, whose they are, and how long they have run."""
    from lockgate.portal import setup

    setup(open_site())
    from lockgate.portal.notebooks import services

    rows: list[dict[str, Any]] = [
        {
            "notebook": str(row.key),
            "project": row.project.slug,
            "person": row.person.username,
            "state": row.state,
            "asked_at": row.asked_at,
            "minutes": round(row.ran_for.total_seconds() / 60),
        }
        for row in services.waiting()
    ]

    def human() -> None:
        for row in rows:
            console.print(
                f"{row['notebook']}  {row['project']:<14} {row['person']:<12} {row['state']:<9} {row['minutes']} min",
                markup=False,
            )
        console.print(f"{len(rows)} open.")

    emit({"notebooks": rows}, human)


@app.command()
def stop(
    notebook: Annotated[str, typer.Argument(help="Its id, a project's name, or 'all'.")],
) -> None:
    """Ask for notebooks to be stopped: one, a project's, or all. Their service does it within seconds."""
    from lockgate.portal import setup

    setup(open_site())
    from lockgate.portal.notebooks import services

    found = [row for row in services.waiting() if notebook in (str(row.key), row.project.slug, "all")]
    if not found and notebook != "all":
        raise UsageError(f"no notebook {notebook!r} is open", remedy="`lockgate notebook list` shows what is")
    for row in found:
        services.ask_to_stop(actor(), row)
    emit({"stopping": [str(row.key) for row in found]}, f"{len(found)} being stopped.")
