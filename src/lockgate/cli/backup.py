"""``lockgate backup``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from lockgate.cli.common import actor, console, emit, open_site, state
from lockgate.site import backup

app = typer.Typer()
_KEYS = "Folder of the keys, where the backup was made without."


@app.command()
def make(
    into: Annotated[Path, typer.Argument(help="Folder of backups, outside the site; best on another disk.")],
    keys: Annotated[
        bool,
        typer.Option("--keys/--without-keys", help="Whether keys/ is in it. Left out: keep them elsewhere."),
    ] = True,
) -> None:
    """Copy the whole site while it is in use: a new folder, named by the time. What is as it was is only linked."""
    site = open_site()
    url = os.environ.get("LOCKGATE_DATABASE_URL") or site.config.portal.database_url
    url = url if url.startswith("postgres") else ""
    tell = None if state.json else lambda text: console.print(f"... {text}", markup=False)
    made = backup.make(site, into, database_url=url, keys=keys, tell=tell)
    site.audit.append("site.backed_up", actor=actor(), backup=made.folder.name, files=made.files, keys=keys)
    lines = [
        f"{made.folder}: {made.files:,} files, {made.bytes / 2**20:,.1f} MiB; {made.linked:,} as in the one before.",
        "The keys are not in it: nothing of it can be used without them." if made.without_keys else
        "It holds the keys and identifiable data: guard it as you guard the site.",
        f"Next: lockgate backup check {made.folder}",
    ]  # fmt: skip
    emit(
        {
            "folder": made.folder,
            "files": made.files,
            "bytes": made.bytes,
            "linked": made.linked,
            "keys": keys,
        },
        "\n".join(lines),
    )


@app.command()
def check(folder: Annotated[Path, typer.Argument(help="One backup.")]) -> None:
    """Look at every file of a backup: exit 1 and name what is missing, changed or added. Best where the copy lies."""
    content = backup.check(folder)
    emit(
        {"ok": True, "files": len(content["files"]), "made_at": content["made_at"]},
        f"Whole: {len(content['files']):,} files of {content['site']}, made {content['made_at']}.",
    )


@app.command()
def restore(
    folder: Annotated[Path, typer.Argument(help="One backup.")],
    to: Annotated[Path, typer.Option(help="Folder of the site to make: new or empty.")],
    keys: Annotated[Path | None, typer.Option(help=_KEYS)] = None,
    database_url: Annotated[
        str, typer.Option(help="An empty PostgreSQL database, where the backup is of one.")
    ] = "",
) -> None:
    """Make a site of a backup. What was told since (revocations, opt-outs, decisions) has to be told again."""
    site = backup.restore(
        folder,
        to,
        keys=keys,
        database_url=database_url or os.environ.get("LOCKGATE_DATABASE_URL", ""),
        actor=actor(),
    )
    emit(
        {"site": site.path, "backup": folder.name},
        f"{site.path} is the site as it was. Before anybody works in it:\n"
        "  - scopes revoked since then are open again: revoke them (`lockgate scope revoke`)\n"
        "  - opt-outs since then are not known: `lockgate optout load` takes the newest list\n"
        "  - `lockgate audit verify --against HEAD.json` says which entries are lost, where a head was kept elsewhere\n"
        f"Next: lockgate --site {site.path} doctor",
    )
