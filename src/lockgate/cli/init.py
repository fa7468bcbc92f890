"""``lockgate init``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lockgate.cli.common import emit
from lockgate.site import Site


def command(
    folder: Annotated[Path, typer.Argument(help="A new or empty folder.")],
    name: Annotated[str, typer.Option(help="What the site is called.")] = "",
    ods_code: Annotated[str, typer.Option(help="The organisation's ODS code, such as RXX.")] = "",
    demo: Annotated[
        bool, typer.Option("--demo", help="For invented people only: known passwords are allowed.")
    ] = False,
) -> None:
    """Make a new site: its folders with their modes, its keys, site.toml and the audit chain."""
    site = Site.init(folder, name=name or folder.resolve().name, ods_code=ods_code, demo=demo)
    emit(
        {"site": site.path, "name": site.config.site.name, "key_id": site.public_key_id},
        f"Made the site [bold]{site.config.site.name}[/] in {site.path}\n"
        f"Back up {site.keys} now, apart from the data: without it nothing can be verified.\n"
        f"Next: lockgate --site {folder} doctor",
    )
