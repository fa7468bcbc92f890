"""``lockgate audit``."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from lockgate.cli.common import console, emit, open_site
from lockgate.errors import UsageError
from lockgate.site.files import write_atomic

app = typer.Typer()


@app.command()
def verify(
    against: Annotated[
        Path | None, typer.Option(help="A head that was kept elsewhere: the chain must still hold its entry.")
    ] = None,
) -> None:
    """Check that no entry was changed, removed or reordered; exit 1 and name it when one was."""
    site = open_site()
    problems = site.audit.verify()
    if against is not None:
        try:
            problems += site.audit.verify_against(against.read_bytes())
        except OSError as error:
            raise UsageError(
                f"can't be read ({error.strerror})",
                where=str(against),
                remedy="name a file of `lockgate audit head`",
            ) from error
    entries = sum(1 for line in site.audit.chain.open("rb") if line) if site.audit.chain.exists() else 0
    emit(
        {"ok": not problems, "entries": entries, "problems": [asdict(problem) for problem in problems]},
        "\n".join(
            [f"line {problem.line}: {problem.kind}: {problem.message}" for problem in problems]
            or [f"The chain is whole: {entries} entries, the last one signed by key {site.public_key_id}."]
        ),
    )
    raise typer.Exit(1 if problems else 0)


@app.command()
def head(
    out: Annotated[
        Path | None, typer.Option(help="Write it here too; best on a machine of others, every day.")
    ] = None,
) -> None:
    """Show the newest entry's number and hash, signed: kept elsewhere, it shows a chain that was written anew."""
    site = open_site()
    signed = site.audit.head.read_bytes() if site.audit.head.exists() else b""
    if not signed:
        raise UsageError("the chain has no head yet", where=str(site.audit.head), remedy="do something first")
    if out is not None:
        write_atomic(out, signed)
    emit(json.loads(signed), signed.decode().strip())


@app.command("list")
def show(
    last: Annotated[int, typer.Option(min=1, help="How many entries, newest last.")] = 20,
    event: Annotated[str, typer.Option(help="Only events that begin so, such as 'scope.'")] = "",
) -> None:
    """Show the latest entries."""
    entries = [entry for entry in open_site().audit.entries() if entry.event.startswith(event)][-last:]

    def human() -> None:
        table = Table("no", "when", "who", "event", "detail", box=None, pad_edge=False)
        for entry in entries:
            detail = ", ".join(f"{key}={value}" for key, value in entry.detail.items())
            table.add_row(str(entry.seq), entry.at[:19], entry.actor, entry.event, detail)
        console.print(table)

    emit({"entries": [asdict(entry) for entry in entries]}, human)
