"""Tables to link, read as text: a file of a known format, or an Arrow table; checked before anything is compared."""

from __future__ import annotations

import csv
import gzip
import json
import re
from pathlib import Path

import duckdb
import pyarrow as pa

from lockgate.engine import Engine, literal, quote
from lockgate.errors import UsageError
from lockgate.identity.linkage.fields import Field, check_columns

ENCODINGS = ("utf-8", "latin-1", "utf-16")
_SUFFIXES = {
    "csv": (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz"),
    "jsonl": (".jsonl", ".ndjson", ".json", ".jsonl.gz", ".ndjson.gz", ".json.gz"),
    "parquet": (".parquet", ".pq"),
}
_REMEDY = "give a Parquet file, a CSV file with a header, or JSON lines"


def _format(path: Path) -> str:
    """The format by the file's first bytes, then by its name; UsageError where there is no such file."""
    if not path.exists():
        raise UsageError("no such file", where=str(path), remedy=_REMEDY)
    if path.is_dir():
        raise UsageError("is a folder", where=str(path), remedy=_REMEDY)
    with path.open("rb") as file:
        start = file.read(4)
    if not start:
        raise UsageError("is empty", where=str(path), remedy="there is nothing to link")
    if start == b"PAR1":
        return "parquet"
    for name, suffixes in _SUFFIXES.items():
        if path.name.lower().endswith(suffixes):
            return name
    raise UsageError("is of no format that is known by its name or start", where=str(path), remedy=_REMEDY)


def read(
    engine: Engine,
    source: Path | pa.Table,
    side: str,
    id_column: str,
    fields: list[Field],
    where: str,
    encoding: str = "",
) -> int:
    """Make the table ``link_raw_SIDE``: n (its place in the file), id, and a text column for each field; its rows.

    UsageError when the source can't be read, or the id column is missing, has NULLs or doubles."""
    if isinstance(source, pa.Table):
        engine.register(f"link_given_{side}", source)
        return _take(
            engine, f"link_given_{side}", "arrow", side, id_column, fields, where, f"the {side} table"
        )
    kind = _format(source)
    if encoding and encoding not in ENCODINGS:
        raise UsageError(
            f"{encoding} is no known encoding", where="--encoding", remedy=f"one of {', '.join(ENCODINGS)}"
        )
    reader = {
        "csv": _csv(source, encoding) if kind == "csv" else "",
        "jsonl": f"read_json({literal(source)}, format = 'auto', sample_size = -1)",
        "parquet": f"read_parquet({literal(source)})",
    }[kind]
    try:
        return _take(engine, reader, kind, side, id_column, fields, where, str(source))
    except duckdb.Error as error:
        raise _unread(error, kind, source) from error


def _csv(path: Path, encoding: str) -> str:
    """The reader of a CSV file. What parts its columns is taken from its header, so that a line with more or fewer is
    an error, and not another way to read the file. UsageError for a header that names a column twice."""
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        start = file.read(1 << 16)
    if not encoding and start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encoding = "utf-16"
    try:
        text = start.decode(encoding or "utf-8-sig", errors="strict" if encoding else "ignore")
    except UnicodeDecodeError:
        text = start.decode(encoding, errors="ignore")
    header = next((line for line in text.splitlines() if line.strip()), "")
    parted = max(",;\t|", key=lambda sign: (header.count(sign), sign == ","))
    names = [name.strip() for name in next(csv.reader([header], delimiter=parted), [])]
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise UsageError(
            f"names a column twice: {', '.join(twice)}",
            where=f"{path}, line 1",
            remedy="name each column once",
        )
    columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in _numbered(names))
    spelt = f", encoding = {literal(encoding)}" if encoding else ""
    return (
        f"read_csv({literal(path)}, header = true, null_padding = false, delim = {literal(parted)}, quote = '\"', "
        f"escape = '\"', auto_detect = false, strict_mode = true, columns = {{{columns}}}{spelt})"
    )


def _numbered(names: list[str]) -> list[str]:
    """Names for columns without one, as DuckDB gives them."""
    return [name or f"column{place}" for place, name in enumerate(names)]


def _unread(error: duckdb.Error, kind: str, source: Path) -> UsageError:
    """What was wrong with a file, without a word of what is in it."""
    said = str(error).lower()
    at = re.search(r"\bline: (\d+)", said)
    place = int(at.group(1)) if at else _no_object(source) if kind == "jsonl" else 0
    path, line = str(source), f", line {place}" if place else ""
    if "unicode" in said or "utf-8" in said or "utf8" in said or "encoding" in said:
        return UsageError(
            "isn't UTF-8", where=path, remedy="say how it is encoded: --encoding latin-1 (or utf-16)"
        )
    if kind == "csv" and ("expected number of columns" in said or "sniffing" in said or "csv error" in said):
        why = "a quote is opened and not closed" if "quote" in said.split("possible")[0] else (
            "it hasn't the columns of the header, no more and no fewer"
        )  # fmt: skip
        return UsageError(
            f"can't be read as CSV: {why}",
            where=path + line,
            remedy="mend the line (quotes around values with commas), or give Parquet",
        )
    return UsageError(f"can't be read as {kind}", where=path + line, remedy=_REMEDY)


def _value(column: str, types: dict[str, str]) -> str:
    """The SQL of a column as text."""
    value = quote(column)
    if types[column] in ("DOUBLE", "FLOAT"):  # whole numbers that once had gaps among them
        value = (
            f"CASE WHEN {value} = trunc({value}) THEN CAST(CAST({value} AS HUGEINT) AS VARCHAR) "
            f"ELSE CAST({value} AS VARCHAR) END"
        )
    return f"CAST({value} AS VARCHAR)"


def _born(age: str, at: str) -> str:
    """The SQL of the year of birth of an age and when it was given: years, or months, weeks and days (none yet)."""
    years = (
        f"CASE WHEN regexp_matches(lower({age}), '^ *[0-9]+ *(m|w|d|h)|infant|newborn') THEN 0 "
        f"ELSE TRY_CAST(regexp_extract({age}, '[0-9]+') AS INTEGER) END"
    )
    return (
        f"(SELECT CASE WHEN link_years BETWEEN 0 AND 120 THEN CAST(link_told - link_years AS VARCHAR) END FROM (SELECT "
        f"{years} AS link_years, TRY_CAST(regexp_extract({at}, '[0-9]{{4}}') AS INTEGER) AS link_told))"
    )


def _no_object(path: Path) -> int:
    """The first line that is no JSON; 0 where every line is."""
    with (
        gzip.open(path, "rt", errors="replace")
        if path.suffix == ".gz"
        else path.open(errors="replace") as file
    ):
        for place, line in enumerate(file, 1):
            try:
                json.loads(line or "null")
            except ValueError:
                return place
    return 0


def _take(
    engine: Engine,
    reader: str,
    kind: str,
    side: str,
    ident_name: str,
    fields: list[Field],
    where: str,
    path: str,
) -> int:
    types = {str(name): str(of) for name, of, *_ in engine.rows(f"DESCRIBE SELECT * FROM {reader}")}
    names = {name.strip(): name for name in types}
    if ident_name not in names:
        raise UsageError(
            f"has no column {ident_name}",
            where=path,
            remedy=f"{where} is one of {', '.join(sorted(names)[:30])}",
        )
    check_columns(fields, side, names, path)
    picked = []
    for field in fields:
        value, *age = [_value(names[column], types) for column in field.columns(side)]
        if field.ages and side in field.ages:
            age = age if getattr(field, side) else [value, *age]
            made = _born(*age)
            value = f"coalesce(link_filled({value}), {made})" if getattr(field, side) else made
        picked.append(f"{value} AS {quote(field.name)}")
    ident = quote(names[ident_name])
    shown = f"nullif(trim({ident}), '')" if types[names[ident_name]] == "VARCHAR" else ident
    engine.execute(
        f"CREATE OR REPLACE TABLE link_raw_{side} AS "
        f"SELECT row_number() OVER () AS n, {shown} AS id, {', '.join(picked)} FROM {reader}"
    )
    rows, without, distinct = (
        int(k)
        for k in engine.rows(
            f"SELECT count(*), count(*) - count(id), count(DISTINCT id) FROM link_raw_{side}"
        )[0]
    )
    if not rows:
        raise UsageError("has no rows", where=path, remedy="there is nothing to link")
    if without or distinct < rows:
        raise UsageError(
            f"column {ident_name} is no identifier: {without:,} of {rows:,} rows have none, "
            f"{rows - without - distinct:,} repeat another's",
            where=path,
            remedy=f"{where} needs a column with another value in every row",
        )
    if kind == "csv" and engine.one(
        f"SELECT bool_and(id = CAST(TRY_CAST(id AS BIGINT) AS VARCHAR)) FROM link_raw_{side}"
    ):
        engine.execute(f"ALTER TABLE link_raw_{side} ALTER id TYPE BIGINT")
    return rows
