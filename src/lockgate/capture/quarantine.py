"""What is held back, over all batches: read by the ledger, by later captures, and by the data engineer."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from lockgate.capture.batches import Batch
from lockgate.engine import Engine, literal

_EMPTY = (
    "SELECT NULL::VARCHAR AS item_hash, NULL::VARCHAR AS file, NULL::BIGINT AS line, NULL::VARCHAR AS kind,"
    " NULL::VARCHAR AS record_id, NULL::VARCHAR AS reason, NULL::VARCHAR AS detail, NULL::VARCHAR AS waits_for,"
    " NULL::VARCHAR AS batch_id WHERE false"
)


def held(batches: Sequence[Batch]) -> str:
    """SQL: every item in quarantine now, with the columns of quarantine.parquet and its ``batch_id``.

    Items that a later batch staged have left.
    """
    files = ", ".join(
        literal(batch.quarantine)
        for batch in batches
        if batch.facts.get("quarantined") != 0 and batch.quarantine.exists()
    )
    if not files:
        return _EMPTY
    gone = ", ".join(literal(batch.recovered) for batch in batches if batch.recovered.exists())
    left = (
        f" WHERE (item_hash, batch_id) NOT IN (SELECT (item_hash, batch_id) FROM read_parquet([{gone}]))"
        if gone
        else ""
    )
    return (
        "SELECT * FROM (SELECT item_hash, file, line, kind, record_id, reason, detail, waits_for,"
        f" split_part(filename, '/', -2) AS batch_id FROM read_parquet([{files}], filename = true)){left}"
    )


def waiting(batches: Sequence[Batch]) -> str:
    """SQL: the items in quarantine that wait for a patient or encounter."""
    return f"SELECT * FROM ({held(batches)}) WHERE reason = 'missing-reference' AND waits_for IS NOT NULL"


def raw_of(engine: Engine, batches: Sequence[Batch], wanted: str) -> pa.Table:
    """The raw text of quarantined items. ``wanted`` is SQL that yields (item_hash, batch_id).

    Columns: item_hash, batch_id, file, line, raw. Only the batches concerned are read.
    """
    engine.execute(f"CREATE OR REPLACE TEMP TABLE wanted_item AS {wanted}")
    concerned = {row[0] for row in engine.rows("SELECT DISTINCT batch_id FROM wanted_item")}
    files = ", ".join(literal(batch.raw) for batch in batches if batch.batch_id in concerned)
    if not files:
        return pa.table(
            {name: pa.array([], pa.string()) for name in ("item_hash", "batch_id", "file", "line", "raw")}
        )
    return engine.arrow(
        f"SELECT r.item_hash, w.batch_id, r.file, r.line, r.raw FROM read_parquet([{files}], filename = true) r"
        " JOIN wanted_item w ON w.item_hash = r.item_hash AND w.batch_id = split_part(r.filename, '/', -2)"
        " WHERE r.outcome = 'quarantined'"
    )
