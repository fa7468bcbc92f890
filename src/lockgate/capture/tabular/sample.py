"""What a sample of a table shows of its columns: types, formats, code systems. Counts only; no value leaves here."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from lockgate.capture.lines import SCHEMA, Broken, SourceFile, blocks_and_end
from lockgate.capture.macros import define
from lockgate.capture.tabular import read_rows
from lockgate.capture.tabular.contract import RESERVED, Contract, plain_name
from lockgate.capture.tabular.csvfile import refuse_spreadsheet, titles
from lockgate.capture.tabular.formats import readings, with_point
from lockgate.capture.tabular.header import SAFE
from lockgate.capture.tabular.parquetfile import is_parquet
from lockgate.capture.tabular.shapes import PATTERNS, fits
from lockgate.engine import Engine, literal, quote
from lockgate.errors import UsageError

# Values of national data sets and of spreadsheets that mean "nothing": known beforehand, not taken from the sample.
SENTINELS = ("-", "&", "?", "Null", "NULL", "null", "N/A", "n/a", "NA", "None", "Unknown", "unknown", "#N/A",
             "1800-01-01", "1801-01-01", "1900-01-01", "01/01/1900", "9999-12-31")  # fmt: skip
FORMS = ("dmy", "mdy", "ymd", "%d-%b-%Y", "%d-%b-%y", "%Y%m%d", "%m%Y")
ROWS, CHUNKS = 20_000, 1_000  # looked at, at most
MOST = 0.9  # of a column's values, for a shape that some may lack


@dataclass(slots=True)
class Seen:
    """One column: how many values are filled, differ, and fit each test; the header as the file has it."""

    name: str
    header: str
    filled: int = 0
    distinct: int = 0
    longest: int = 0
    rows: int = 0
    fit: dict[str, int] = field(default_factory=dict)
    both: int = 0  # dates that day/month and month/day read as two days

    def all(self, test: str) -> bool:
        """Whether every filled value fits."""
        return self.filled > 0 and self.fit.get(test, 0) == self.filled

    def most(self, test: str) -> bool:
        """Whether nearly every filled value fits."""
        return self.filled > 0 and self.fit.get(test, 0) >= MOST * self.filled


@dataclass(slots=True)
class Sample:
    """A sample's form, columns and rows; ``key``: the columns that alone or in twos tell every row apart.

    ``faulty`` rows could not be read: they have more or fewer values than the header, say.
    """

    delimiter: str
    encoding: str
    columns: list[Seen]
    rows: int
    sentinels: list[str]
    key: list[str]
    faulty: int


def read_sample(path: Path) -> Sample:
    """Look at the first part of a file (text, gzip or Parquet). UsageError where there is nothing to see."""
    if not path.is_file():
        raise UsageError("no such file", where=str(path), remedy="check the path")
    file = SourceFile(path, path.name)
    delimiter, encoding, header = _form(file)
    if not header:
        raise UsageError("the sample is empty", where=path.name, remedy="name a file with some rows")
    if "" in header and any(header):
        raise UsageError(
            f"column {header.index('') + 1} has no name",
            where=f"{path.name}:1",
            remedy="give each column a name",
        )
    if not all(SAFE.fullmatch(title) for title in header):
        raise UsageError(
            "the first row does not look like column names",
            where=f"{path.name}:1",
            remedy="give the sample a header",
        )
    names: dict[str, str] = {}
    for place, title in enumerate(header):
        name = plain_name(title)
        name = name if name and name[0].isalpha() else f"column_{place + 1}"
        name = f"{name}_sent" if name in RESERVED else name
        if name in names:
            raise UsageError(
                f"two columns are called {name}", where=f"{path.name}:1", remedy="give each its own name"
            )
        names[name] = title
    head = {
        "contract": "lockgate.contract/1",
        "name": "sample",
        "title": "t",
        "owner": "o",
        "legal_basis": "l",
    }
    columns = {name: {"as": [title]} for name, title in names.items()}
    form = {"delimiter": delimiter, "encoding": encoding}
    contract = Contract.model_validate({**head, **form, "key": [], "columns": columns})
    sent, faulty = _some_rows(read_rows(file, contract, []))
    if not sent.num_rows:
        raise UsageError(
            f"no row of the sample has as many values as the first line has names ({len(header)})"
            if faulty
            else "the sample has no row",
            where=path.name,
            remedy="begin the file with the line of column names" if faulty else "name a file with some rows",
        )
    with Engine(threads=2) as engine:
        define(engine, "TIMESTAMP '2000-01-01'")
        engine.register("chunk", sent)
        fields = ", ".join(
            f"nullif(trim(json_extract_string(raw, '$.{name}'), ' \t\r\n'), '') AS {quote(name)}"
            for name in names
        )
        engine.execute(f"CREATE TEMP TABLE sent AS SELECT {fields} FROM chunk LIMIT {ROWS}")
        rows = engine.one("SELECT count(*) FROM sent")
        sentinels = [word for word in SENTINELS if _holds(engine, list(names), word)]
        seen = [_look(engine, name, title, sentinels) for name, title in names.items()]
        return Sample(delimiter, encoding, seen, rows, sentinels, _key(engine, seen, rows), faulty)


def _some_rows(chunks: Iterator[pa.Table]) -> tuple[pa.Table, int]:
    """The first rows that can be read (``lines.SCHEMA``), and how many could not among them."""
    found, count, faulty = [SCHEMA.empty_table()], 0, 0
    for chunk in islice(chunks, CHUNKS):
        sound = chunk.filter(pc.is_null(chunk.column("fault")))
        faulty += chunk.num_rows - sound.num_rows
        found.append(sound)
        count += sound.num_rows
        if count >= ROWS:
            break
    return pa.concat_tables(found), faulty


def _form(file: SourceFile) -> tuple[str, str, list[str]]:
    """The delimiter, the encoding and the header of a file."""
    if is_parquet(file):
        import pyarrow.parquet as pq

        try:
            return ",", "utf-8", list(pq.ParquetFile(file.path).schema_arrow.names)
        except (pa.ArrowException, OSError) as error:
            raise UsageError(
                "the Parquet file can't be read", where=file.name, remedy="ask for the file again"
            ) from error
    start = next(blocks_and_end(file.path), b"")
    if isinstance(start, Broken):
        raise UsageError(
            f"the sample can't be read: {start.why}", where=file.name, remedy="ask for the file again"
        )
    refuse_spreadsheet(start, file.name)
    encoding = "utf-16" if start[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8"
    try:
        text = codecs.getincrementaldecoder("utf-8-sig" if encoding == "utf-8" else encoding)().decode(start)
    except UnicodeDecodeError:
        encoding = "cp1252"
        text = start.decode("cp1252", "replace")
    first = text.splitlines()[0] if text else ""
    delimiter = max(",|;\t", key=first.count)
    return (
        delimiter,
        encoding,
        [title.strip() for title in titles(first, delimiter, f"{file.name}:1")],
    )


def _holds(engine: Engine, names: list[str], word: str) -> bool:
    any_of = " OR ".join(f"{quote(name)} = {literal(word)}" for name in names)
    return bool(engine.one(f"SELECT coalesce(bool_or({any_of}), false) FROM sent"))


def _look(engine: Engine, name: str, title: str, sentinels: list[str]) -> Seen:
    x = "x"
    dmy, mdy = (readings(x, "datetime", [form])[1] for form in ("dmy", "mdy"))
    tests = {
        "integer": "regexp_full_match(x, '[+-]?[0-9]{1,15}')",
        "number": "try_cast(x AS DOUBLE) IS NOT NULL",
        "comma": f"try_cast({with_point('x', ',')} AS DOUBLE) IS NOT NULL",
        "boolean": "lower(x) IN ('true', 'false', 'yes', 'no', 'y', 'n', 't', 'f')",
        "sex": "lower(x) IN ('m', 'f', 'o', 'u', 'i', 'male', 'female', 'other', 'unknown', '0', '1', '2', '9')",
        "leading_zero": "regexp_matches(x, '^0[0-9]')",
        "iso": "regexp_matches(x, '^[0-9]{4}-[0-9]{2}-[0-9]{2}') AND ts(x) IS NOT NULL",
        "clock": "regexp_matches(x, '[0-9]:[0-9]{2}') AND NOT regexp_matches(x, '[T ]00:00(:00)?(\\.0+)?$')",
        "time": "regexp_full_match(x, '[0-2]?[0-9]:[0-5][0-9](:[0-5][0-9])?')",
        "nhs": "length(regexp_replace(x, '[ -]', '', 'g')) = 10 AND nhs_number_valid(x)",
        "prose": "length(x) > 40 AND contains(x, ' ')",
        **{form: f"{readings(x, 'datetime', [form])[-1]} IS NOT NULL" for form in FORMS},
        **{system: fits(system, x) for system in PATTERNS},
    }
    nothing = ", ".join(map(literal, sentinels)) or "NULL"
    value = f"CASE WHEN {quote(name)} IN ({nothing}) THEN NULL ELSE {quote(name)} END"
    counted = ", ".join(f"count(*) FILTER (WHERE {test})" for test in tests.values())
    row = engine.rows(
        "SELECT count(x), count(DISTINCT x), coalesce(max(length(x)), 0), count(*),"
        f" count(*) FILTER (WHERE {dmy} <> {mdy}), {counted} FROM (SELECT {value} AS x FROM sent)"
    )[0]
    return Seen(name, title, row[0], row[1], row[2], row[3], dict(zip(tests, row[5:], strict=True)), row[4])


def _key(engine: Engine, seen: list[Seen], rows: int) -> list[str]:
    """The column that tells every row apart, the one called like a key first; else two columns; else none."""
    whole = [one for one in seen if one.filled == rows and one.longest <= 64]
    likely = sorted(whole, key=lambda one: not one.name.endswith(("id", "key", "number", "ref", "no")))
    for one in likely:
        if one.distinct == rows:
            return [one.name]
    best = sorted(whole, key=lambda one: -one.distinct)[:6]
    for place, left in enumerate(best):
        for right in best[place + 1 :]:
            pair = f"SELECT count(*) FROM (SELECT DISTINCT {quote(left.name)}, {quote(right.name)} FROM sent)"
            if engine.one(pair) == rows:
                return [one.name for one in seen if one in (left, right)]
    return []
