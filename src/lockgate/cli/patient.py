"""``lockgate patient``: codes with which patients see, on the portal, who used their record."""

from __future__ import annotations

import csv
import getpass
import io
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from lockgate.capture.access import require_owner
from lockgate.cli.common import actor, console, emit, open_site
from lockgate.errors import UsageError
from lockgate.site.files import write_atomic

app = typer.Typer(
    help="Codes for patients, who see with them which projects used their record, and may object."
)


@app.command()
def code(
    days: Annotated[int, typer.Option(help="How many days it opens the page.")] = 90,
) -> None:
    """Make a code for one patient. The NHS number is asked for, or read from input; it is never an argument."""
    from lockgate.workspace.patients import issue

    site = open_site()
    require_owner(site)
    number = getpass.getpass("NHS number: ") if sys.stdin.isatty() else sys.stdin.readline()
    made, kept = issue(site, number, by=actor(), days=days)
    emit(
        {"code": made, "code_id": kept.code_id, "until": kept.until},
        f"{made}  (until {kept.until}; id {kept.code_id}). It is not shown again: write it into the letter.",
    )


@app.command("letters")
def letters(
    numbers: Annotated[Path, typer.Argument(help="A file with one NHS number a line.")],
    out: Annotated[
        Path, typer.Option(help="The CSV file to write, for the letters: nhs_number, code, until.")
    ],
    days: Annotated[int, typer.Option(help="How many days they open the page.")] = 90,
) -> None:
    """Make a code for each patient of a list. What can't be found is named by its line; exit 1 then."""
    from lockgate.workspace.patients import issue

    site = open_site()
    require_owner(site)
    if out.exists():
        raise UsageError("there is a file of that name already", where=str(out), remedy="name another one")
    try:
        lines = numbers.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the file can't be read ({type(error).__name__})", where=str(numbers)) from error
    text, missing = io.StringIO(), []
    writer = csv.writer(text)
    writer.writerow(["nhs_number", "code", "until"])
    made = 0
    for place, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            found, kept = issue(site, line.strip(), by=actor(), days=days)
        except UsageError as error:
            missing.append(f"line {place}: {error.message}")
            continue
        writer.writerow([line.strip(), found, kept.until])
        made += 1
    write_atomic(out, text.getvalue().encode())
    emit(
        {"file": str(out), "codes": made, "missing": missing},
        "\n".join([f"{made} codes in {out} (identifiable: mode 0600).", *missing]),
    )
    if missing:
        raise typer.Exit(1)


@app.command("codes")
def listed() -> None:
    """List the codes that were given out: their ids, never the codes."""
    from lockgate.workspace.patients import codes
    from lockgate.workspace.scope import today

    site = open_site()
    found = [
        {
            "code_id": item.code_id,
            "issued_at": item.issued_at,
            "until": item.until,
            "by": item.by,
            "state": "revoked" if item.revoked_at else "holds" if item.holds(today(site)) else "over",
        }
        for item in codes(site)
    ]

    def human() -> None:
        table = Table("id", "issued", "until", "by", "state", box=None, pad_edge=False)
        for item in found:
            table.add_row(*item.values())
        console.print(table)

    emit({"codes": found}, human if found else "None was given out.")


@app.command()
def revoke(code_id: Annotated[str, typer.Argument(help="The id of the code.")]) -> None:
    """Make a code open nothing any more, as when the letter went astray."""
    from lockgate.workspace.patients import revoke as revoke_code

    revoke_code(open_site(), code_id, by=actor())
    emit({"code_id": code_id, "state": "revoked"}, f"{code_id} opens nothing any more.")
