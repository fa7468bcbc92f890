"""Deletes that say when, of records that never did: such a record's versions go by the time of capture.

A source that dates its deletes and not its resources would otherwise have every delete lost, for what was deleted in
May was captured in June. So a delete that came with or after an undated version holds from its own arrival too, unless
a version that does say when is newer. Told from all that has come, whenever what waited in quarantine is staged.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pyarrow as pa

from lockgate.capture.sortkeys import PARTS
from lockgate.engine import literal
from lockgate.schema import STAGED

if TYPE_CHECKING:
    from lockgate.capture.intake import Intake

_COLUMNS = "source, record_id, version_at, deleted, item_hash, batch_id"


def settle_deletes(intake: Intake) -> int:
    """Stage the tombstones that undated versions need and that are not there yet; how many those were."""
    arrived = {one.batch_id: datetime.fromisoformat(one.facts["received_at"]) for one in intake.earlier}
    arrived[intake.batch_id] = intake.received_at
    times = [time.astimezone(UTC).replace(tzinfo=None) for time in arrived.values()]
    intake.engine.register(
        "arrived", pa.table({"batch_id": list(arrived), "arrived": pa.array(times, pa.timestamp("us"))})
    )
    added = sum(_settle(intake, table) for table in STAGED if table in intake.spool.names)
    intake.engine.unregister("arrived")
    return added


def _settle(intake: Intake, table: str) -> int:
    now = intake.come(table)
    record = "split_part(record_id, '#', 1)" if PARTS.get(table) == table else "record_id"
    # Only a delete that says when, or what waited since an earlier capture, can change anything.
    intake.engine.execute(f"""
        CREATE OR REPLACE TEMP TABLE touched AS
        SELECT DISTINCT {record} AS record FROM {now} WHERE version_at < {intake.received_sql}
            AND (deleted OR version_at IN (SELECT arrived FROM arrived))""")
    if not intake.engine.one("SELECT count(*) FROM touched"):
        return 0
    files = ", ".join(literal(path) for one in intake.earlier if (path := one.table(table)))
    before = f" UNION ALL SELECT {_COLUMNS} FROM read_parquet([{files}])" if files else ""
    intake.engine.execute(f"""
        CREATE OR REPLACE TEMP TABLE late_delete AS
        WITH told AS (
            SELECT *, {record} AS record, version_at IN (SELECT arrived FROM arrived) AS undated
            FROM (SELECT {_COLUMNS} FROM {now}{before}) WHERE {record} IN (SELECT record FROM touched)
        ),
        gone AS (SELECT t.*, a.arrived FROM told t JOIN arrived a USING (batch_id) WHERE deleted AND NOT undated)
        SELECT DISTINCT g.source, g.record_id, g.arrived AS version_at, true AS deleted, g.item_hash,
            {literal(intake.batch_id)} AS batch_id
        FROM gone g WHERE g.record_id = g.record
            AND EXISTS (SELECT 1 FROM told t WHERE t.record = g.record AND t.undated AND NOT t.deleted
                AND t.version_at BETWEEN g.version_at AND g.arrived)
            AND NOT EXISTS (SELECT 1 FROM told t WHERE t.record = g.record AND NOT t.undated AND NOT t.deleted
                AND t.version_at > g.version_at)
            AND NOT EXISTS (SELECT 1 FROM told t WHERE t.record_id = g.record_id AND t.deleted
                AND t.version_at = g.arrived)""")
    added = int(intake.engine.one("SELECT count(*) FROM late_delete"))
    if added:
        intake.stage(table, intake.engine.arrow("SELECT * FROM late_delete"))
    return added
