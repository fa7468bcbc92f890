"""Reading staged rows again, for the rooms above."""

from __future__ import annotations

from pathlib import Path
from weakref import WeakKeyDictionary

import numpy as np
import pyarrow as pa

from lockgate.capture.batches import batches, layout
from lockgate.capture.newest import newest
from lockgate.capture.sortkeys import PARTS
from lockgate.engine import Engine, SqlEngine, quote
from lockgate.schema import STAGED_LAYOUT, staged_columns
from lockgate.site import Site

_PLACE = "place"
# Of each engine, the tables whose newest rows it holds, and the files they were found in.
_found: WeakKeyDictionary[Engine, dict[str, list[Path]]] = WeakKeyDictionary()


def newest_first(table: str) -> str:
    """SQL: the order of a record's versions, the one that holds first. It is total, so it is the same on every run.

    A tombstone beats what bears the same time (of a record with parts, the tombstone of the record itself).
    """
    return f"version_at DESC, {_ended(table)} DESC, item_hash DESC, batch_id DESC"


def _ended(table: str) -> str:
    """SQL: whether a row is a tombstone of its record."""
    return "(deleted AND NOT contains(record_id, '#'))" if PARTS.get(table) == table else "deleted"


def _files(site: Site, table: str) -> tuple[list[Path], bool]:
    """The files of a staged table, and whether they have the same columns: those of today's layout do."""
    there = [(batch, path) for batch in batches(site) if (path := batch.table(table))]
    return [path for _, path in there], all(layout(batch) == STAGED_LAYOUT for batch, _ in there)


def staged_view(engine: SqlEngine, site: Site, table: str) -> str:
    """A view of every version of a staged table in all visible batches; returns its name, ``staged_<table>``."""
    name = f"staged_{table}"
    files, alike = _files(site, table)
    engine.view_parquet(name, files, staged_columns(table), alike=alike)
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
    one_pass = isinstance(engine, Engine) and not among
    select = _by_maximum(engine.local, site, table) if one_pass else _by_order(table, staged)
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


def _by_maximum(engine: Engine, site: Site, table: str) -> str:
    """SQL for the same rows as ``_by_order``, in a fraction of its time: only versions of one time are put in order.

    Which rows they are is found here and now (``newest``) and kept, so that a view read twice finds them once: a bit
    for each row of a file, which costs less to look up than its place in a table.
    """
    files, alike = _files(site, table)
    rows = f"placed_{table}"
    engine.view_parquet(rows, files, staged_columns(table), place=_PLACE, alike=alike)
    known = _found.setdefault(engine, {})
    if known.get(table) != files:
        for name, flags in zip(("newest", "tied"), newest(table, files), strict=True):
            marked = [number for number, one in enumerate(flags) if one.any()]
            bits = pa.array([np.packbits(flags[number]).tobytes() for number in marked], pa.binary())
            engine.register("found", pa.table({"file": pa.array(marked, pa.uint64()), "bits": bits}))
            engine.execute(
                f"CREATE OR REPLACE TEMP TABLE {name}_{table} AS SELECT file, CAST(bits AS BIT) AS bits FROM found"
            )
            engine.unregister("found")
        known[table] = files
    chosen = f"{_marked(rows, f'newest_{table}')} AND NOT deleted"
    if not engine.one(f"SELECT count(*) FROM tied_{table}"):
        return chosen
    tied = _marked(rows, f"tied_{table}")
    return f"{chosen} UNION ALL {_by_order(table, f'({tied})')}"


def _marked(rows: str, bits: str) -> str:
    """SQL: the rows of files for which a bit is set."""
    return (
        f"SELECT s.* EXCLUDE ({_PLACE}_file, {_PLACE}_row) FROM {rows} s JOIN {bits} b ON b.file = s.{_PLACE}_file"
        f" WHERE get_bit(b.bits, s.{_PLACE}_row) = 1"
    )
