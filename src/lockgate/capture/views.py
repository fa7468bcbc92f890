"""Reading staged rows again, for the rooms above."""

from __future__ import annotations

from pathlib import Path

from lockgate.capture.batches import batches
from lockgate.engine import Engine, SqlEngine, quote
from lockgate.schema import staged_columns
from lockgate.site import Site

# Tables whose rows may be parts of a record: "<record>#<n>" falls with its record's version. The record is in the same
# table, or for a ward stay that came with its encounter, in that of encounters; a record_id without "#" stands alone.
PARTS = {
    "encounter_move": "encounter",
    **{table: table for table in ("result", "condition", "procedure", "medication", "document", "specimen")},
}


_PLACE = "row_place"
# Times not between these, and unknown ones, are put in order as they are.
_FIRST, _LAST = "TIMESTAMP '0001-01-01'", "TIMESTAMP '9999-12-31'"
_UNKNOWN = 253_402_214_400_000_000  # the last, in microseconds


def newest_first(table: str) -> str:
    """SQL: the order of a record's versions, the one that holds first. It is total, so it is the same on every run.

    A tombstone beats what bears the same time (of a record with parts, the tombstone of the record itself).
    """
    return f"version_at DESC, {_ended(table)} DESC, item_hash DESC, batch_id DESC"


def _ended(table: str) -> str:
    """SQL: whether a row is a tombstone of its record."""
    return "(deleted AND NOT contains(record_id, '#'))" if PARTS.get(table) == table else "deleted"


def _files(site: Site, table: str) -> list[Path]:
    return [path for batch in batches(site) if (path := batch.table(table))]


def staged_view(engine: SqlEngine, site: Site, table: str) -> str:
    """A view of every version of a staged table in all visible batches; returns its name, ``staged_<table>``."""
    name = f"staged_{table}"
    engine.view_parquet(name, _files(site, table), staged_columns(table))
    return name


def some_view(engine: SqlEngine, site: Site, table: str, among: str) -> str:
    """A view of every version of some records of a staged table; returns its name, ``some_<table>``.

    ``among`` is a table of (family, source, record): ``family`` is the table that owns the records, ``record`` the
    record_id without its part.
    """
    staged, name = staged_view(engine, site, table), f"some_{table}"
    engine.execute(
        f"CREATE OR REPLACE VIEW {quote(name)} AS SELECT s.* FROM {staged} s SEMI JOIN {among} a"
        f" ON a.family = '{PARTS.get(table, table)}' AND a.source = s.source"
        " AND a.record = split_part(s.record_id, '#', 1)"
    )
    return name


def latest_view(engine: SqlEngine, site: Site, table: str, *, among: str = "") -> str:
    """A view of the latest version of each record, without those deleted; returns its name, ``latest_<table>``.

    The version with the greatest (version_at, item_hash) wins, whatever order it came in. A record's parts
    (components, ward stays) come from that version and no other. A delete beats every version up to its own time.
    With ``among`` (see ``some_view``) only of those records.
    """
    staged = some_view(engine, site, table, among) if among else staged_view(engine, site, table)
    name = f"latest_{table}"
    owner = PARTS.get(table)
    parts = ""
    if owner and owner != table:
        # The winning version is the owner's: a newer one may have no parts left.
        winner = latest_view(engine, site, owner, among=among)
        parts = (
            f" UNION ALL SELECT s.* FROM {staged} s SEMI JOIN {winner} w"
            " ON w.source = s.source AND w.record_id = split_part(s.record_id, '#', 1) AND w.item_hash = s.item_hash"
            " AND w.batch_id = s.batch_id WHERE NOT s.deleted AND contains(s.record_id, '#')"
        )
        staged = f"(SELECT * FROM {staged} WHERE NOT contains(record_id, '#'))"
    if among or not isinstance(engine, Engine):
        select = _by_order(table, staged)
    else:
        engine.view_parquet(f"placed_{table}", _files(site, table), staged_columns(table), place=_PLACE)
        select = _by_maximum(table, f"placed_{table}")
    engine.execute(f"CREATE OR REPLACE VIEW {quote(name)} AS {select}{parts}")
    return name


def _record(table: str) -> str:
    """SQL: the record that a row of a staged table belongs to."""
    return "split_part(record_id, '#', 1)" if PARTS.get(table) == table else "record_id"


def _by_order(table: str, rows: str) -> str:
    """SQL: the rows of each record that come first in ``newest_first``, without those deleted."""
    rank = "dense_rank" if PARTS.get(table) == table else "row_number"
    return (
        f"SELECT * EXCLUDE (newest) FROM (SELECT *, {rank}() OVER (PARTITION BY source, {_record(table)}"
        f" ORDER BY {newest_first(table)}) AS newest FROM {rows}) WHERE newest = 1 AND NOT deleted"
    )


def _by_maximum(table: str, rows: str) -> str:
    """SQL for the same rows as ``_by_order``, in half its time: only versions of one time are put in order.

    A first pass over four columns takes the greatest (time, tombstone) of each record, with its witness in the lowest
    56 bits: which row it is, or of tables with parts, which item. The same number with the witness turned round tells
    whether another row shares that time; then, or where a time is unknown, the record's versions are put in order.
    """
    whole = PARTS.get(table) != table
    record, bits = _record(table), 2**56 - 1
    witness = _PLACE if whole else "CAST(hash(item_hash, batch_id) >> 8 AS BIGINT)"
    version = (
        f"coalesce(epoch_us(greatest(least(version_at, {_LAST}), {_FIRST})) * 2 + CAST({_ended(table)} AS TINYINT),"
        f" {_UNKNOWN * 2})"
    )
    counted = f"CAST({version} AS HUGEINT) * {bits + 1}"
    if whole and table in PARTS:
        rows = f"(SELECT * FROM {rows} WHERE NOT contains(record_id, '#'))"
    match = (
        f"w.witness = s.{_PLACE}"
        if whole
        else (f"w.source = s.source AND w.record = split_part(s.record_id, '#', 1) AND w.version = {version}")
    )
    return (
        f"WITH newest AS MATERIALIZED (SELECT * EXCLUDE (most, turned), CAST(most & {bits}::HUGEINT AS BIGINT) AS"
        f" witness, witness + CAST(turned & {bits}::HUGEINT AS BIGINT) <> {bits}"
        f" OR most >= {_UNKNOWN * 2**57}::HUGEINT AS tied FROM ("
        f"SELECT source, {record} AS record,{'' if whole else f' max({version}) AS version,'}"
        f" max({counted} + {witness}) AS most, max({counted} + ({bits} - {witness})) AS turned FROM {rows}"
        " GROUP BY ALL))"
        f" SELECT * EXCLUDE ({_PLACE}) FROM {rows} s SEMI JOIN (SELECT * FROM newest WHERE NOT tied) w ON {match}"
        " WHERE NOT deleted UNION ALL "
        f"SELECT * EXCLUDE ({_PLACE}) FROM ("
        + _by_order(
            table,
            f"(SELECT * FROM {rows} s SEMI JOIN (SELECT * FROM newest WHERE tied) w"
            f" ON w.source = s.source AND w.record = {record.replace('record_id', 's.record_id')})",
        )
        + ")"
    )
