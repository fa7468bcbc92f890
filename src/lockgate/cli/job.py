"""``lockgate job``."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from lockgate.cli.common import actor, console, emit, listing, open_site
from lockgate.errors import UsageError
from lockgate.workspace.jobs import JobResult, list_jobs, run_job, show_job
from lockgate.workspace.records import cancel_job, clear_jobs

app = typer.Typer()

Name = Annotated[str, typer.Argument(metavar="PROJECT", help="The project.")]


def _print(job: JobResult) -> None:
    console.print(f"[bold]{job.job_id}[/] {job.status}{f': {job.reason}' if job.reason else ''}")
    for step in job.details.get("steps") or []:
        taken = f", taken over from {step['reused_from']}" if step["reused_from"] else ""
        console.print(f"  {step['name']}: {step['state']}{taken}, {step['seconds']:.1f} s", markup=False)
    console.print(job.log.rstrip(), markup=False)
    for item in job.outputs:
        console.print(f"  {item['name']}  {item['size']} bytes  {item['sha256'][:12]}", markup=False)
    console.print(f"  in {job.folder}", markup=False)


@app.command()
def run(
    project: Name,
    code: Annotated[
        Path | None,
        typer.Argument(
            help="A .py, .sql or .R file, or a folder or zip archive with project.yaml or main.*."
        ),
    ] = None,
    *,
    author: Annotated[str, typer.Option(help="Whose code it is: one of the scope's people.")],
    seconds: Annotated[int | None, typer.Option(min=1, help="Stop it after so long.")] = None,
    memory_mb: Annotated[int | None, typer.Option(min=1, help="Stop it past so much memory.")] = None,
    git: Annotated[
        str, typer.Option(help="Address of a git repository instead of files; see [code] in site.toml.")
    ] = "",
    commit: Annotated[str, typer.Option(help="The commit of that repository, in full.")] = "",
    environment: Annotated[
        str, typer.Option(help="What Python runs in where project.yaml names none: NAME or NAME@HASH.")
    ] = "",
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Run every step, also those of which an equal result stands.")
    ] = False,
) -> None:
    """Run code on the project's data in the sandbox; exit 1 when it does not succeed."""
    if bool(git) == (code is not None) or bool(git) != bool(commit):
        raise UsageError("give files, or --git and --commit", where="job run")
    asked: dict[str, Any] = {"seconds": seconds, "memory_mb": memory_mb}
    limits = {name: value for name, value in asked.items() if value is not None}
    job = run_job(
        open_site(),
        project,
        code=code,
        author=author,
        git=(git, commit) if git else None,
        environment=environment,
        limits=limits,
        fresh=fresh,
    )
    emit(job.as_dict(), lambda: _print(job))
    raise typer.Exit(0 if job.status == "succeeded" else 1)


@app.command("list")
def list_all(project: Name) -> None:
    """List the project's jobs, oldest first."""
    jobs = list_jobs(open_site(), project)

    def human() -> None:
        table = listing("job", "state", "author", "seconds", "outputs")
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


@app.command()
def cancel(project: Name, job_id: Annotated[str, typer.Argument(help="The job.")]) -> None:
    """Ask a running job to stop; it ends within a second."""
    job = cancel_job(open_site(), project, job_id, by=actor())
    emit({"job_id": job.job_id, "asked": True}, f"{job.job_id} is being stopped.")


@app.command()
def clear(
    project: Name,
    days: Annotated[int, typer.Option(min=0, help="Jobs that ended so many days ago or longer.")] = 90,
) -> None:
    """Remove the outputs, steps and logs of jobs that ended long ago; their records and code stay."""
    before = datetime.now(UTC) - timedelta(days=days)
    cleared = clear_jobs(open_site(), project, before=before, by=actor())
    emit({"cleared": cleared}, f"{len(cleared)} jobs cleared.")


@app.command()
def queue() -> None:
    """Show the portal's queue: what runs, and what waits, in the order of its turns by the rule of fair shares."""
    from lockgate.portal import setup

    setup(open_site())
    from lockgate.portal.workspaces.models import Job
    from lockgate.portal.workspaces.queue import turns

    running = Job.objects.filter(state="running").select_related("project", "author").order_by("started_at")
    rows = [
        {
            "turn": turn,
            "job": str(job.key),
            "project": job.project.slug,
            "author": job.author.username,
            "code": job.code_name,
            "since": (job.started_at or job.created_at).isoformat(timespec="seconds"),
        }
        for turn, job in [*((0, job) for job in running), *enumerate(turns(), 1)]
    ]

    def human() -> None:
        table = listing("turn", "project", "author", "code", "since")
        for row in rows:
            table.add_row(
                str(row["turn"] or "runs"),
                *(str(row[name]) for name in ("project", "author", "code", "since")),
            )
        console.print(table)

    emit({"queue": rows}, human)
