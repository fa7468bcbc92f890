"""The files of a project's data: a table of its scope, and the vocabulary beside them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from lockgate.curate.release import Release
from lockgate.engine import Engine
from lockgate.errors import LockgateError
from lockgate.identity import rekey_table
from lockgate.schema import RELEASE, VOCABULARY_TABLES
from lockgate.site import Site
from lockgate.site.files import sha256_file
from lockgate.workspace.extract import FATES, Extract, order, relation
from lockgate.workspace.notes import place_mentions, render_notes
from lockgate.workspace.rare import find_rare


def write_table(site: Site, engine: Engine, extract: Extract, fresh: Path) -> dict[str, Any]:
    """What a scope allows of one table, under the project's pseudonyms, into ``fresh``; what became of each row.

    Raises LockgateError when other rows were written than were counted.
    """
    if extract.scope.rare_codes:
        find_rare(engine, extract.table, extract.rare, extract.scope.rare_codes)
    counts = dict(engine.rows(extract.counts_sql()))
    treated = {what: int(engine.one(sql)) for what, sql in extract.treated_sql().items()}
    rows = engine.arrow(extract.rows_sql())
    if extract.rendered:
        rows, treated["note_text: rendered"] = render_notes(site, extract, rows)
    if extract.placed:
        rows = place_mentions(site, engine, extract, rows)
    rows = rekey_table(rows, extract.keys, site.project_key(extract.scope.project))
    engine.register("project_rows", rows)
    path = fresh / f"{extract.table}.parquet"
    written = engine.write_parquet("SELECT * FROM project_rows", path, order_by=order(extract.columns))
    engine.connection.unregister("project_rows")
    account = {fate: int(counts.get(fate, 0)) for fate in FATES}
    if written != account["out"]:
        raise LockgateError(
            f"{extract.table}: {written} rows written where {account['out']} were counted",
            remedy="the release changed while it was read: verify it and provision again",
        )
    columns = [column.name for column in extract.columns]
    described = _described(path, columns, {"in": sum(account.values()), **account})
    return described | ({"treated": treated} if treated else {})


def write_vocabulary(
    engine: Engine, release: Release, fresh: Path, kept: dict[str, dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    """The vocabulary tables as they are: names of codes, about nobody."""
    tables = {}
    for table in VOCABULARY_TABLES:
        if table in kept:
            tables[table] = kept[table]
        elif table in release.manifest["tables"]:
            path = fresh / f"{table}.parquet"
            shutil.copyfile(release.table_path(table), path)
            rows = int(engine.one(f"SELECT count(*) FROM {relation(table)}"))
            columns = [column.name for column in RELEASE[table]]
            tables[table] = _described(path, columns, {"in": rows, "out": rows})
    return tables


def _described(path: Path, columns: list[str], accounting: dict[str, int]) -> dict[str, Any]:
    return {
        "rows": accounting["out"],
        "columns": columns,
        "file": path.name,
        "bytes": path.stat().st_size,
        "sha256": sha256_file(path),
        "accounting": accounting,
    }
