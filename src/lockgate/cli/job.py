"""``lockgate job``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from lockgate.cli.common import console, emit, open_site
from lockgate.workspace.jobs import JobResult, list_jobs, run_job, show_job

app = typer.Typer()

Name = Annotated[str, typer.Argument(metavar="PROJECT", help="The project.")]


def _print(job: JobResult) -> None:
    console.print(f"[bold]{job.job_id}[/] {job.status}{f': {job.reason}' if job.reason else ''}")
    console.print(job.log.rstrip(), markup=False)
    for item in job.outputs:
        console.print(f"  {item['name']}  {item['size']} bytes  {item['sha256'][:12]}", markup=False)
    console.print(f"  in {job.folder}", markup=False)


@app.command()
def run(
    project: Name,
    code: Annotated[
        Path, typer.Argument(help="A .py or .sql file, or a folder or zip archive with main.py or main.sql.")
    ],
    author: Annotated[str, typer.Option(help="Whose code it is: one of the scope's people.")],
    seconds: Annotated[int | None, typer.Option(min=1, help="Stop it after so long.")] = None,
    memory_mb: Annotated[int | None, typer.Option(min=1, help="Stop it past so much memory.")] = None,
) -> None:
    """Run code on the project's data in the sandbox; exit 1 when it does not succeed."""
    asked: dict[str, Any] = {"seconds": seconds, "memory_mb": memory_mb}
    limits = {name: value for name, value in asked.items() if value is not None}
    job = run_job(open_site(), project, code=code, author=author, limits=limits)
    emit(job.as_dict(), lambda: _print(job))
    raise typer.Exit(0 if job.status == "succeeded" else 1)


@app.command("list")
def list_all(project: Name) -> None:
    """List the project's jobs, oldest first."""
    jobs = list_jobs(open_site(), project)

    def human() -> None:
        table = Table("job", "state", "author", "seconds", "outputs", box=None, pad_edge=False)
        for job in jobs:
            table.add_row(
                job.job_id,
                job.status,
                str(job.details["author"]),
                f"{job.seconds:.1f}",
                str(len(job.outputs)),
            )
        console.print(table)

    emit({"jobs": [job.as_dict() for job in jobs]}, human)


@app.command()
def show(project: Name, job_id: Annotated[str, typer.Argument(help="The job.")]) -> None:
    """Show one job: how it ended, its log as its author may read it, its outputs."""
    job = show_job(open_site(), project, job_id)
    emit(job.as_dict(), lambda: _print(job))
