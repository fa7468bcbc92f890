"""Reading staged rows again, for the rooms above."""

from __future__ import annotations

from lockgate.capture.batches import batches
from lockgate.engine import SqlEngine, quote
from lockgate.schema import staged_columns
from lockgate.site import Site

# Tables whose rows may be parts of a record: "<record>#<n>" falls with its record's version. The record is in the same
# table, or for a ward stay that came with its encounter, in that of encounters; a record_id without "#" stands alone.
PARTS = {
    "encounter_move": "encounter",
    **{table: table for table in ("result", "condition", "procedure", "medication", "document", "specimen")},
}


def newest_first(table: str) -> str:
    """SQL: the order of a record's versions, the one that holds first. It is total, so it is the same on every run.

    A tombstone beats what bears the same time (of a record with parts, the tombstone of the record itself).
    """
    ended = "(deleted AND NOT contains(record_id, '#'))" if PARTS.get(table) == table else "deleted"
    return f"version_at DESC, {ended} DESC, item_hash DESC, batch_id DESC"


def staged_view(engine: SqlEngine, site: Site, table: str) -> str:
    """A view of every version of a staged table in all visible batches; returns its name, ``staged_<table>``."""
    files = [path for batch in batches(site) if (path := batch.table(table))]
    name = f"staged_{table}"
    engine.view_parquet(name, files, staged_columns(table))
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
    record = "split_part(record_id, '#', 1)" if owner else "record_id"
    parts = ""
    if owner and owner != table:
        # The winning version is the owner's: a newer one may have no parts left.
        winner = latest_view(engine, site, owner, among=among)
        parts = (
            f" UNION ALL SELECT s.* FROM {staged} s SEMI JOIN {winner} w"
            " ON w.source = s.source AND w.record_id = split_part(s.record_id, '#', 1) AND w.item_hash = s.item_hash"
            " AND w.batch_id = s.batch_id WHERE NOT s.deleted AND contains(s.record_id, '#')"
        )
        staged, record = f"(SELECT * FROM {staged} WHERE NOT contains(record_id, '#'))", "record_id"
    engine.execute(
        f"CREATE OR REPLACE VIEW {quote(name)} AS SELECT * EXCLUDE (newest) FROM ("
        f"SELECT *, {'dense_rank' if owner == table else 'row_number'}() OVER (PARTITION BY source, {record}"
        f" ORDER BY {newest_first(table)})"
        f" AS newest FROM {staged}) WHERE newest = 1 AND NOT deleted{parts}"
    )
    return name
