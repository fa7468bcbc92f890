"""A file whose risk is asked for, as a table of the columns asked about: what the file tells apart stays apart."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from lockgate.engine import Engine, literal, quote
from lockgate.errors import UsageError

TABLE = "risk_table"
_REMEDY = "give a Parquet file, or a CSV file with a header"
_CSV = (".csv", ".tsv", ".txt")
# What a column of a CSV file may be read as, for the ladder's sake, where no two of its values become one by it.
_TYPES = ("BIGINT", "DOUBLE", "DATE", "TIMESTAMP")


def open_file(engine: Engine, path: Path, wanted: Sequence[str]) -> str:
    """Make a table or view of a file's ``wanted`` columns (by any case), under the names the file has; its name.

    Values of a CSV file are compared as they are written ("01" is not "1"). UsageError for a file that can't be read
    or has no rows, and for a column that is not there or is there twice.
    """
    if not path.is_file():
        said = "is a folder" if path.is_dir() else "no such file"
        raise UsageError(said, where=str(path), remedy=_REMEDY)
    with path.open("rb") as file:
        start = file.read(4)
    if not start:
        raise UsageError("is empty", where=str(path), remedy=_REMEDY)
    is_csv = start != b"PAR1" and path.name.lower().removesuffix(".gz").endswith(_CSV)
    try:
        rows = (_csv if is_csv else _parquet)(engine, path, wanted)
    except (duckdb.Error, pa.ArrowException, OSError) as error:
        raise _unread(is_csv, path) from error
    if not rows:
        raise UsageError(
            "has no rows", where=str(path), remedy="there is no risk in an empty table, and no answer"
        )
    return TABLE


def _parquet(engine: Engine, path: Path, wanted: Sequence[str]) -> int:
    reader = f"read_parquet({literal(path)})"
    columns = _columns(engine, reader, pq.read_schema(path).names, wanted, path)
    engine.execute(f"CREATE VIEW {TABLE} AS SELECT {columns} FROM {reader}")
    return int(engine.one(f"SELECT count(*) FROM {TABLE}"))


def _csv(engine: Engine, path: Path, wanted: Sequence[str]) -> int:
    # RFC 4180: no comments, no other quotes; the sniffer would guess at both
    spelt = """all_varchar = true, null_padding = false, quote = '"', escape = '"', comment = ''"""
    reader = f"read_csv({literal(path)}, {spelt}, header = {{}})"
    head = engine.rows(f"FROM {reader.format('false')} LIMIT 1")
    names = [str(name or "").strip().removeprefix("\ufeff") for name in (head[0] if head else ())]
    columns = _columns(engine, reader.format("true"), names, wanted, path)
    engine.execute(f"CREATE TEMP TABLE risk_words AS SELECT {columns} FROM {reader.format('true')}")
    kept = engine.columns("FROM risk_words")
    typed = ", ".join(f"CAST({quote(name)} AS {_type(engine, name)}) AS {quote(name)}" for name in kept)
    engine.execute(f"CREATE TEMP TABLE {TABLE} AS SELECT {typed} FROM risk_words")
    engine.execute("DROP TABLE risk_words")
    return int(engine.one(f"SELECT count(*) FROM {TABLE}"))


def _columns(engine: Engine, reader: str, names: Sequence[str], wanted: Sequence[str], path: Path) -> str:
    """The wanted columns for a SELECT, under their names in the file: DuckDB names one that is there twice anew."""
    there = [str(row[0]) for row in engine.rows(f"DESCRIBE FROM {reader}")]
    if len(there) != len(names):
        raise UsageError("the header can't be told from the rows", where=str(path), remedy=_REMEDY)
    return ", ".join(
        f"{quote(there[place])} AS {quote(names[place])}" for place in _places(names, wanted, path)
    )


def _type(engine: Engine, name: str) -> str:
    """The type of a column of words: one that all of them can be read as, and stay as many."""
    tried = ", ".join(
        f"count(DISTINCT TRY_CAST(word AS {kind})) FILTER (WHERE TRY_CAST(word AS {kind}) IS NOT NULL)"
        for kind in _TYPES
    )
    (words, *found) = engine.rows(
        f"SELECT count(*), {tried} FROM (SELECT DISTINCT {quote(name)} AS word FROM risk_words) WHERE word IS NOT NULL"
    )[0]
    return next((kind for kind, n in zip(_TYPES, found, strict=True) if words and n == words), "VARCHAR")


def _places(names: Sequence[str], wanted: Sequence[str], path: Path) -> list[int]:
    """Where each wanted column is, by its name in any case, in the order of the file."""
    places: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        places.setdefault(name.lower(), []).append(place)
    found = set()
    for name in wanted:
        at = places.get(name.lower(), [])
        exact = [place for place in at if names[place] == name]
        at = exact if len(exact) == 1 else at
        if not at:
            raise UsageError(
                f"there is no column {name!r}", where=str(path), remedy=f"columns: {', '.join(names)}"
            )
        if len(at) > 1:
            raise UsageError(
                f"the column {name!r} is there {len(at)} times",
                where=str(path),
                remedy="keep one of them: which one is meant can't be told",
            )
        found.add(at[0])
    return sorted(found)


def _unread(is_csv: bool, path: Path) -> UsageError:
    """What is wrong with a file, without a word of what is in it."""
    if not is_csv:
        return UsageError("can't be read as Parquet", where=str(path), remedy=_REMEDY)
    opened = gzip.open if path.name.lower().endswith(".gz") else open
    try:
        with opened(path, "rt", encoding="utf-8") as file:
            for _ in file:
                pass
    except UnicodeDecodeError:
        return UsageError("isn't UTF-8", where=str(path), remedy="save it as UTF-8, or give Parquet")
    except OSError:
        return UsageError("can't be read as CSV", where=str(path), remedy=_REMEDY)
    return UsageError(
        "can't be read as CSV: not every line has the columns of the header",
        where=str(path),
        remedy="mend the lines (quotes around values with commas), or give Parquet",
    )
