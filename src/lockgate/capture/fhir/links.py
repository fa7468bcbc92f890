"""Patient links that were taken away again: the unmerges of a FHIR source.

A FHIR Patient says "replaced-by" in every version as long as it holds; that it was a mistake is said by a later version
without the link. So each version of a Patient that lacks a link which another version of it has is an unmerge, at that
version's time. Told from all versions that have come, it does not matter in which order they did.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.engine import literal

if TYPE_CHECKING:
    from lockgate.capture.intake import Intake


def settle_links(intake: Intake) -> int:
    """Stage the unmerges that are not there yet; how many those were."""
    engine = intake.engine
    merges = _all(intake, "patient_merge", "record_id, survivor_ref, retired_ref, kind, item_hash")
    if not engine.one(f"SELECT count(*) FROM ({merges})"):
        return 0
    engine.execute(f"""
        CREATE OR REPLACE TEMP TABLE unlinked AS
        WITH told AS (SELECT * FROM ({merges})),
        version AS (
            SELECT record_id, version_at, item_hash
            FROM ({_all(intake, "patient", "record_id, version_at, item_hash, deleted")}) WHERE NOT deleted
        ),
        pair AS (
            SELECT DISTINCT v.record_id AS teller, t.survivor_ref, t.retired_ref
            FROM told t JOIN version v ON v.item_hash = t.item_hash
            WHERE t.kind = 'merge' AND v.record_id IN (t.survivor_ref, t.retired_ref)
                -- told by a Patient's link: merges of another feed under this source's name are not taken back here
                AND t.record_id = concat_ws('|', t.survivor_ref, t.retired_ref, v.record_id || '@')
                    || strftime(v.version_at, '%Y%m%dT%H%M%S%f')
        )
        SELECT concat_ws('|', p.survivor_ref, p.retired_ref, v.record_id || '@')
                || strftime(v.version_at, '%Y%m%dT%H%M%S%f') AS record_id,
            v.version_at, v.item_hash, p.survivor_ref, p.retired_ref
        FROM pair p JOIN version v ON v.record_id = p.teller
        WHERE NOT EXISTS (SELECT 1 FROM told t WHERE t.item_hash = v.item_hash
            AND t.survivor_ref = p.survivor_ref AND t.retired_ref = p.retired_ref)""")
    added = int(engine.one("SELECT count(*) FROM unlinked"))
    if added:
        rows = f"""
            SELECT DISTINCT {literal(intake.source)} AS source, record_id, version_at, false AS deleted, item_hash,
                {literal(intake.batch_id)} AS batch_id, survivor_ref, retired_ref, 'unmerge' AS kind,
                version_at AS event_at
            FROM unlinked"""
        intake.stage("patient_merge", engine.arrow(rows))
    return added


def _all(intake: Intake, table: str, columns: str) -> str:
    """SQL: columns of a table's rows that have come from this source, now or in an earlier batch."""
    files = ", ".join(literal(path) for path in intake.packs.files(table))
    now = f"SELECT {columns} FROM {intake.come(table)}"
    return f"{now} UNION ALL SELECT {columns} FROM read_parquet([{files}])" if files else now
