"""Rows of a release that violate a quality check: for those who keep the data, never for the public.

Whoever shows them notes it in the audit chain. People who object to any use of their records are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import duckdb

from lockgate.catalogue.counts import find_unwilling
from lockgate.curate import open_release
from lockgate.curate.passed_quality import CDM, own_folder
from lockgate.engine import Engine
from lockgate.engine.omop import find_omop, view_tables
from lockgate.errors import LockgateError, UsageError
from lockgate.quality.examples import examples
from lockgate.quality.model import Check
from lockgate.quality.own import example_rows, read_own
from lockgate.quality.thresholds import load
from lockgate.schema import RELEASE
from lockgate.site import Site


@dataclass(frozen=True, slots=True)
class Examples:
    """Rows of a check's table that violate it. ``withheld``: columns that are not among ``columns``."""

    release: str
    check: Check
    columns: list[str]
    rows: list[tuple[object, ...]]
    withheld: list[str]

    def dicts(self) -> list[dict[str, Any]]:
        """The rows by column."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


def find_examples(
    site: Site, number: str, check_id: str, *, most: int = 10, every_column: bool = False
) -> Examples:
    """At most ``most`` rows of a release that violate a check, by its id or the name of one of the site's own.

    Columns of words (notes, comments), those that no scope can ask for, and any that the table doesn't have are
    withheld unless ``every_column``. Raises UsageError for a check that there isn't or that isn't about rows.
    """
    release = open_release(site, number)
    own = {each.check.name: each for each in read_own(own_folder(site))}
    thresholds = load(CDM)
    checks = {check.id: check for check in thresholds.checks}
    if check_id not in own and check_id.lower() not in checks:
        raise UsageError(
            f"there is no check {check_id!r}", remedy="`lockgate quality show --json` gives the id of each"
        )
    check = own[check_id].check if check_id in own else checks[check_id.lower()]
    found = find_omop(release.omop)
    settings = site.config.engine
    with Engine(memory_limit=settings.memory_limit or "4GB", threads=settings.threads or None) as engine:
        find_unwilling(engine, site, release)
        if check_id in own:
            view_tables(engine, found)
            for path in sorted(release.linked.glob("*.parquet")):
                engine.view_parquet(path.stem, path)
            try:
                columns, rows = example_rows(engine, own[check_id], most, without="unwilling")
            except duckdb.Error as error:  # its text may quote a value
                kind = type(error).__name__.removesuffix("Exception")
                raise LockgateError(
                    f"the check's SELECT failed: {kind} error", where=f"quality/{check_id}.sql"
                ) from error
        else:
            day = date.fromisoformat(release.manifest["opt_out_cut_off"])
            columns, rows = examples(
                engine, found, thresholds, check, most=most, without="unwilling", today=day
            )
    if every_column:
        return Examples(release.number, check, columns, rows, [])
    table = {column.name: column for column in RELEASE.get(check.table.lower(), ())}
    shown = [name in table and table[name].askable and table[name].role != "text" for name in columns]
    return Examples(
        release.number,
        check,
        [name for name, kept in zip(columns, shown, strict=True) if kept],
        [tuple(value for value, kept in zip(row, shown, strict=True) if kept) for row in rows],
        [name for name, kept in zip(columns, shown, strict=True) if not kept],
    )
