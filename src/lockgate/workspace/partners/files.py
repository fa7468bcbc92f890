"""A file of this side's own people or events, read with what everybody does wrong told plainly."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb

from lockgate.engine import Engine, literal, quote
from lockgate.errors import Refused, UsageError
from lockgate.site import Site
from lockgate.workspace.partners.ours import objecting, read_opt_outs


def view(engine: Engine, path: Path, name: str) -> list[str]:
    """A CSV or Parquet file as a view of text columns (CSV) or of its own (Parquet); returns its columns."""
    if not path.is_file():
        raise UsageError("no such file", where=str(path), remedy="give a CSV or Parquet file")
    csv = path.name.lower().removesuffix(".gz").endswith((".csv", ".tsv", ".txt"))
    reader = (
        f"read_csv({literal(path)}, all_varchar = true, header = true)"
        if csv
        else f"read_parquet({literal(path)})"
    )
    try:
        engine.execute(f"CREATE OR REPLACE TEMP VIEW {quote(name)} AS SELECT * FROM {reader}")
        columns = engine.columns(f"SELECT * FROM {quote(name)}")
        rows = engine.one(f"SELECT count(*) FROM {quote(name)}")
    except duckdb.Error as error:
        raise UsageError(
            f"can't be read as {'CSV' if csv else 'Parquet'}",
            where=str(path),
            remedy="give a Parquet file, or a CSV file with a header",
        ) from error
    if not rows:
        raise UsageError("has no rows", where=str(path), remedy="there is nothing to send")
    return columns


def need(columns: list[str], names: list[str], path: Path) -> None:
    """UsageError when a named column is not in a file."""
    missing = [name for name in names if name not in columns]
    if missing:
        raise UsageError(
            f"has no column {', '.join(missing)}",
            where=str(path),
            remedy=f"its columns are {', '.join(columns[:30])}",
        )


def objections(
    engine: Engine, site: Site, purpose: str, at: date, opt_outs: Path | None, *, numbered: bool
) -> None:
    """Make ``partner_objection`` of the site's own objections and a file; Refused where neither can be applied.

    ``numbered``: the file of people has NHS numbers, without which the site's objections match nobody in it.
    """
    known = objecting(engine, site, purpose, at)
    if opt_outs is not None:
        if not opt_outs.is_file():
            raise UsageError("no such file", where=str(opt_outs), remedy="one NHS number or id a line")
        read_opt_outs(engine, opt_outs)
    elif not (known and numbered):
        why = (
            "the file has no NHS numbers to hold against this site's opt-outs"
            if known
            else "this site has no patient index, so no list of opt-outs"
        )
        raise Refused(
            "nobody can say who has opted out, so nobody's data may go",
            reasons=[why],
            remedy="name the NHS number's column, or give --opt-outs FILE (one NHS number or id a line; may be empty)",
        )
