"""``lockgate init``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from lockgate.cli.common import emit
from lockgate.errors import LockgateError
from lockgate.site import Site


def command(
    folder: Annotated[Path, typer.Argument(help="A new or empty folder.")],
    name: Annotated[str, typer.Option(help="What the site is called.")] = "",
    ods_code: Annotated[str, typer.Option(help="The organisation's ODS code, such as RXX.")] = "",
    demo: Annotated[
        bool, typer.Option("--demo", help="For invented people only: known passwords are allowed.")
    ] = False,
) -> None:
    """Make a new site: its folders with their modes, keys, site.toml, the audit chain and the control database."""
    site = Site.init(folder, name=name or folder.resolve().name, ods_code=ods_code, demo=demo)
    _make_control_database(site)
    emit(
        {
            "site": site.path,
            "control_database": site.control_db if site.control_db.exists() else "PostgreSQL",
            "name": site.config.site.name,
            "key_id": site.public_key_id,
        },
        f"Made the site [bold]{site.config.site.name}[/] in {site.path}\n"
        f"Back up {site.keys} now, apart from the data: without it nothing can be verified.\n"
        f"Next: lockgate --site {folder} doctor",
    )


def _make_control_database(site: Site) -> None:
    """Make the portal's database, in a process of its own: Django serves one site a process."""
    program = "import sys; from lockgate.cli import run; sys.exit(run(sys.argv[1:]))"
    arguments = ["--site", str(site.path), "portal", "migrate", "--json"]
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise LockgateError(
            "the site was made, but not its control database",
            where=str(site.path),
            remedy=f"lockgate --site {site.path} portal migrate",
        )
