"""What became of every raw item, as things stand now: staged, superseded, duplicate, cancelled or quarantined.

At its arrival an item is staged, a duplicate or in quarantine (raw.parquet). What later versions did to its rows is
told here, from the staged tables, in SQL and over all batches at once:

- ``duplicate``: the same content came before from the same source.
- ``quarantined``: held back, and no later capture has staged it.
- ``staged``: a row of it is the current version of its record and stands; or it says nothing that is a row.
- ``superseded``: it was staged, and of every record it told of a newer version stands, at least of one of them.
- ``cancelled``: the records it told of are deleted, cancelled or entered in error, whether by itself or by another
  item, and whether it came before the tombstone or after it with an older version.

So ``received`` is the sum of the five, for each batch and in all.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from lockgate.capture.batches import Batch, batches
from lockgate.capture.sortkeys import PARTS
from lockgate.capture.views import newest_first, staged_view
from lockgate.engine import Engine, literal
from lockgate.schema import STAGED
from lockgate.site import Site

DISPOSITIONS = ("staged", "superseded", "duplicate", "cancelled", "quarantined")
# What a row's state is called, by its number: an item is as good as its best row.
_STATES = ("staged", "superseded", "cancelled")
# Facts that others are made from: they stand while the record that they tell of does.
_FACTS = {"adt_event": (("encounter_ref", "encounter"), ("patient_ref", "patient"))}


def _judged(table: str) -> str:
    """SQL: source, record_id, item_hash and state (0 stands, 1 replaced, 2 deleted) of every row of a staged table.

    Reads the view ``staged_<table>`` and, for parts of another table's records, ``ends_<owner>``.
    """
    owner = PARTS.get(table)
    record = "split_part(record_id, '#', 1)" if owner == table else "record_id"
    rank = "dense_rank" if owner == table else "row_number"
    rows = f"staged_{table}" if owner in (None, table) else f"own_{table}"
    ranked = (
        f"SELECT source, record_id, item_hash, deleted, {rank}() OVER (PARTITION BY source, {record}"
        f" ORDER BY {newest_first(table)}) AS place FROM {rows}"
    )
    # A record stands while any row of its newest version does: a part may be deleted with it, and alone.
    own = (
        "SELECT source, record_id, item_hash,"
        " CASE WHEN place = 1 AND NOT deleted THEN 0 WHEN stands AND place > 1 THEN 1 ELSE 2 END AS state FROM ("
        f"SELECT *, bool_or(place = 1 AND NOT deleted) OVER (PARTITION BY source, {record}) AS stands FROM ({ranked}))"
    )
    if owner in (None, table):
        return own
    return (
        f"{own} UNION ALL SELECT s.source, s.record_id, s.item_hash, CASE WHEN coalesce(w.dead, s.deleted) OR s.deleted"
        " THEN 2 WHEN w.item_hash = s.item_hash AND w.batch_id = s.batch_id THEN 0 ELSE 1 END"
        f" FROM (SELECT * FROM staged_{table} WHERE contains(record_id, '#')) s"
        f" LEFT JOIN ends_{owner} w ON w.source = s.source AND w.record_id = split_part(s.record_id, '#', 1)"
    )


def _ends(table: str) -> str:
    """SQL: the newest version of each record of a staged table, and whether it is a tombstone."""
    place = f"row_number() OVER (PARTITION BY source, record_id ORDER BY {newest_first(table)})"
    return (
        "SELECT source, record_id, item_hash, batch_id, deleted AS dead FROM (SELECT source, record_id, item_hash,"
        f" batch_id, deleted, {place} AS place FROM staged_{table}) WHERE place = 1"
    )


def row_states(engine: Engine, site: Site) -> str:
    """Make the view ``row_state`` (table_name, source, record_id, item_hash, state) and return its name.

    ``state`` is an index into ("staged", "superseded", "cancelled").
    """
    come = {table for batch in batches(site) for table in batch.tables()}
    facts = {table: places for table, places in _FACTS.items() if table in come}
    owners = {owner for places in facts.values() for _, owner in places}
    owners |= {owner for table, owner in PARTS.items() if owner != table and table in come}
    for table in come | owners:
        staged_view(engine, site, table)
    for table in owners:
        engine.execute(f"CREATE OR REPLACE TEMP VIEW ends_{table} AS {_ends(table)}")
    for table, owner in PARTS.items():
        if owner != table and table in come:
            engine.execute(
                f"CREATE OR REPLACE TEMP VIEW own_{table} AS SELECT * FROM staged_{table}"
                " WHERE NOT contains(record_id, '#')"
            )
    parts = [
        f"SELECT {literal(table)} AS table_name, * FROM ({_fact(table) if table in facts else _judged(table)})"
        for table in STAGED
        if table in come
    ] or [
        "SELECT NULL::VARCHAR AS table_name, NULL::VARCHAR AS source, NULL::VARCHAR AS record_id,"
        " NULL::VARCHAR AS item_hash, 0 AS state WHERE false"
    ]
    engine.execute(f"CREATE OR REPLACE TEMP VIEW row_state AS {' UNION ALL '.join(parts)}")
    return "row_state"


def _fact(table: str) -> str:
    """SQL as ``_judged``: a fact stands unless the record it tells of (the visit, else the person) is deleted."""
    joins, dead = "", []
    for number, (column, owner) in enumerate(_FACTS[table]):
        end = f"e{number}"
        joins += f" LEFT JOIN ends_{owner} {end} ON {end}.source = s.source AND {end}.record_id = s.{column}"
        dead.append(f"e{number}.dead")
    return (
        f"SELECT s.source, s.record_id, s.item_hash, CASE WHEN coalesce({', '.join(dead)}, false) THEN 2 ELSE 0 END"
        f" AS state FROM staged_{table} s{joins}"
    )


def outcomes_view(engine: Engine, site: Site, visible: Sequence[Batch]) -> str:
    """Make the view ``outcome`` of every raw item of ``visible`` batches and return its name.

    Columns: source, batch_id, item_hash, file, line, kind, received_at, disposition (one of DISPOSITIONS) and
    ``rowless`` (staged, and no row came of it).
    """
    sent = [batch for batch in visible if batch.raw.exists()]
    engine.register(
        "batch_source",
        pa.table({"batch_id": [b.batch_id for b in visible], "source": [b.source for b in visible]})
        if visible
        else pa.table({"batch_id": pa.array([], pa.string()), "source": pa.array([], pa.string())}),
    )
    row_states(engine, site)
    raw = (
        "SELECT item_hash, file, line, kind, CAST(outcome AS VARCHAR) AS outcome, received_at,"
        " split_part(filename, '/', -2) AS batch_id"
        f" FROM read_parquet([{', '.join(literal(b.raw) for b in sent)}], filename = true)"
        if sent
        else "SELECT NULL::VARCHAR AS item_hash, NULL::VARCHAR AS file, NULL::BIGINT AS line, NULL::VARCHAR AS kind,"
        " NULL::VARCHAR AS outcome, NULL::TIMESTAMP AS received_at, NULL::VARCHAR AS batch_id WHERE false"
    )
    gone = [literal(b.recovered) for b in visible if b.recovered.exists()]
    left = (
        f"SELECT item_hash, batch_id, true AS recovered FROM read_parquet([{', '.join(gone)}])"
        if gone
        else "SELECT NULL::VARCHAR AS item_hash, NULL::VARCHAR AS batch_id, true AS recovered WHERE false"
    )
    words = " ".join(f"WHEN {number} THEN {literal(word)}" for number, word in enumerate(_STATES))
    engine.execute(
        f"""
        CREATE OR REPLACE TEMP VIEW outcome AS
        WITH best AS (SELECT source, item_hash, min(state) AS state FROM row_state GROUP BY source, item_hash)
        SELECT b.source, r.batch_id, r.item_hash, r.file, r.line, r.kind, r.received_at,
            CASE WHEN r.outcome = 'duplicate' THEN 'duplicate'
                WHEN r.outcome = 'quarantined' AND l.recovered IS NULL THEN 'quarantined'
                ELSE CASE coalesce(best.state, 0) {words} END END AS disposition,
            best.state IS NULL AND (r.outcome = 'staged' OR l.recovered IS NOT NULL) AS rowless
        FROM ({raw}) r JOIN batch_source b ON b.batch_id = r.batch_id
        LEFT JOIN ({left}) l ON r.outcome = 'quarantined' AND l.item_hash = r.item_hash AND l.batch_id = r.batch_id
        LEFT JOIN best ON r.outcome <> 'duplicate' AND best.source = b.source AND best.item_hash = r.item_hash"""
    )
    return "outcome"
