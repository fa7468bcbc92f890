"""``lockgate doctor``."""

from __future__ import annotations

from dataclasses import asdict

import typer
from rich.markup import escape

from lockgate.cli.common import console, emit, open_site
from lockgate.workspace.doctor import run_doctor


def command() -> None:
    """Test that this machine and site may hold real data; exit 1 when one test fails."""
    site = open_site()
    checks = run_doctor(site)
    failed = [check for check in checks if not check.ok]

    def human() -> None:
        for check in checks:
            console.print(
                f"[{'green' if check.ok else 'bold red'}]{'ok  ' if check.ok else 'FAIL'}[/] {escape(check.name)}"
            )
            console.print(f"       tried  {check.tried}", markup=False)
            console.print(f"       found  {check.found}", markup=False)
            if check.remedy:
                console.print(f"       next   {check.remedy}", markup=False)
        console.print(
            f"{len(checks)} tests, {len(failed)} failed."
            + (" Real data is refused until they pass." if failed else " This site may hold real data.")
        )

    emit({"ok": not failed, "site": site.path, "checks": [asdict(check) for check in checks]}, human)
    raise typer.Exit(1 if failed else 0)
