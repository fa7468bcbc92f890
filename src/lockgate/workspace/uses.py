"""Who was in which project's data, and when: kept with each provisioning, read when a patient asks (UK GDPR, Art. 15).

``projects/<project>/uses.parquet`` has one row for each person, scope and release: the release's person_id, the days
on which the data first and last held them, and the last left empty while they are in it. It names nobody without the
site's keys, and outlives the project's data.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lockgate.curate import list_releases
from lockgate.engine import Engine, literal
from lockgate.identity import pseudonymise_ints
from lockgate.schema import Column
from lockgate.site import Site
from lockgate.site.files import atomic_file
from lockgate.workspace.project import Project
from lockgate.workspace.scope import Scope, today

FILE = "uses.parquet"
_COLUMNS = (
    Column("person_id", "BIGINT"),
    Column("scope_id", "VARCHAR"),
    Column("release", "VARCHAR"),
    Column("first_on", "DATE"),
    Column("gone_on", "DATE"),
)


@dataclass(frozen=True, slots=True)
class Use:
    """One project that held a person's record: from the day, and until it did no more (None: it does)."""

    project: str
    scope_id: str
    release: str
    first_on: date
    gone_on: date | None


def keep_uses(site: Site, engine: Engine, scope: Scope) -> None:
    """Note who is in a project's data now. Needs the tables ``chosen`` and ``opted_out`` of provisioning.

    Whoever was in before and is not now gets the day of leaving; who comes back gets a row of their own.
    """
    place = Project.of(site, scope.project)
    path, day = place.path / FILE, f"{literal(today(site).isoformat())}::DATE"
    engine.execute(
        "CREATE OR REPLACE TEMP TABLE uses_now AS SELECT person_id, "
        f"{literal(scope.scope_id)} AS scope_id, {literal(scope.release)} AS release "
        "FROM chosen ANTI JOIN opted_out USING (person_id)"
    )
    before = "(SELECT NULL::BIGINT AS person_id, '' AS scope_id, '' AS release, NULL::DATE AS first_on, "
    before += "NULL::DATE AS gone_on WHERE false)"
    if path.exists():
        engine.view_parquet("uses_before", path, _COLUMNS)
        before = "uses_before"
    rows = engine.arrow(f"""
        SELECT b.person_id, b.scope_id, b.release, b.first_on,
               CASE WHEN b.gone_on IS NOT NULL OR n.person_id IS NOT NULL THEN b.gone_on ELSE {day} END AS gone_on
        FROM {before} b LEFT JOIN uses_now n USING (person_id, scope_id, release)
        UNION ALL
        SELECT n.person_id, n.scope_id, n.release, {day}, NULL FROM uses_now n
        ANTI JOIN (SELECT * FROM {before} WHERE gone_on IS NULL) b USING (person_id, scope_id, release)
        ORDER BY ALL""")
    _write(rows, path)


def end_uses(site: Site, project: str) -> None:
    """Note that a project's data hold nobody any more: they were destroyed."""
    path = Project.of(site, project).path / FILE
    if not path.exists():
        return
    with Engine(threads=1) as engine:
        engine.view_parquet("uses_before", path, _COLUMNS)
        day = f"{literal(today(site).isoformat())}::DATE"
        _write(engine.arrow(f"SELECT * REPLACE (coalesce(gone_on, {day}) AS gone_on) FROM uses_before"), path)


def _write(rows: pa.Table, path: Path) -> None:
    with atomic_file(path) as stream:
        pq.write_table(rows, stream, compression="zstd")


def uses_of(site: Site, keys: Iterable[int]) -> list[Use]:
    """The projects whose data held, or hold, the person with these keys of the index; the newest first."""
    wanted = np.array(sorted(set(keys)), np.int64)
    if not len(wanted):
        return []
    generations = {item.number: item.key(site) for item in list_releases(site)}
    ids = {number: pseudonymise_ints(wanted, key, "person") for number, key in generations.items()}
    found: list[Use] = []
    with Engine(threads=1) as engine:
        listed = [(number, int(each)) for number, of in ids.items() for each in of]
        engine.register(
            "uses_wanted",
            pa.table(
                {
                    "release": pa.array([number for number, _ in listed], pa.string()),
                    "person_id": pa.array([each for _, each in listed], pa.int64()),
                }
            ),
        )
        for path in sorted(site.projects.glob(f"*/{FILE}")):
            engine.view_parquet("uses_kept", path, _COLUMNS)
            rows = engine.rows(
                "SELECT DISTINCT scope_id, release, first_on, gone_on FROM uses_kept "
                "SEMI JOIN uses_wanted USING (release, person_id)"
            )
            found += [Use(path.parent.name, *row) for row in rows]
    return sorted(found, key=lambda use: (use.first_on, use.project), reverse=True)
