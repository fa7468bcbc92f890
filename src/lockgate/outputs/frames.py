"""Read any common dataframe into plain columns, by its shape and without importing its library.

Accepted: pandas, polars (lazy too), pyarrow Table and RecordBatch, a DuckDB relation or connection with a result,
a mapping of columns, a list of mappings. Values come back as None, bool, int, float or str.
"""

from __future__ import annotations

import datetime as dt
import decimal
import math
from collections.abc import Mapping, Sequence
from typing import Any

from lockgate.outputs.errors import OutputError

Value = bool | int | float | str | None
Columns = dict[str, list[Value]]


def columns_of(frame: Any) -> Columns:
    """The columns of a dataframe-like object, in order.

    Raises OutputError for an object that is none of them, columns of different length or a repeated name.
    """
    raw = _raw(frame)
    lengths = {len(values) for values in raw.values()}
    if not raw:
        raise OutputError("the table has no columns")
    if len(lengths) > 1:
        raise OutputError(f"the columns have different lengths: {sorted(lengths)}")
    return {str(name): [plain(value) for value in values] for name, values in raw.items()}


def _raw(frame: Any) -> dict[str, list[Any]]:
    if isinstance(frame, Mapping):
        return {str(name): list(values) for name, values in frame.items()}
    if isinstance(frame, Sequence) and not isinstance(frame, str | bytes):
        return _from_rows(frame)
    if hasattr(frame, "collect") and hasattr(frame, "collect_schema"):  # polars LazyFrame
        frame = frame.collect()
    if hasattr(frame, "to_pydict"):  # pyarrow
        _no_repeats(list(frame.schema.names))
        return dict(frame.to_pydict())
    if hasattr(frame, "get_columns") and hasattr(frame, "rows"):  # polars
        return {series.name: series.to_list() for series in frame.get_columns()}
    if hasattr(frame, "iloc") and hasattr(frame, "columns"):  # pandas
        names = [str(name) for name in frame.columns]
        _no_repeats(names)
        return {name: frame.iloc[:, i].tolist() for i, name in enumerate(names)}
    if hasattr(frame, "fetchall"):  # DuckDB relation, or connection after execute
        described = getattr(frame, "columns", None) or [d[0] for d in (frame.description or [])]
        names = [str(name) for name in described]
        _no_repeats(names)
        rows = frame.fetchall()
        return {name: [row[i] for row in rows] for i, name in enumerate(names)}
    raise OutputError(
        f"can't read a {type(frame).__name__}: give a pandas or polars DataFrame, a pyarrow Table, a DuckDB "
        "result, a dict of columns or a list of dicts"
    )


def _from_rows(rows: Sequence[Any]) -> dict[str, list[Any]]:
    if not rows or not all(isinstance(row, Mapping) for row in rows):
        raise OutputError("a list must hold one dict per row")
    names = [str(name) for name in rows[0]]
    if any([str(name) for name in row] != names for row in rows):
        raise OutputError("every dict of the list must have the same keys in the same order")
    return {name: [row[name] for row in rows] for name in names}


def _no_repeats(names: list[str]) -> None:
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise OutputError(f"the column name {repeated[0]!r} stands twice")


def plain(value: Any) -> Value:
    """One value as None, bool, int, float or str (missing markers of every library become None)."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return None if math.isnan(value) else value
    if isinstance(value, decimal.Decimal):
        return None if value.is_nan() else int(value) if value == value.to_integral_value() else float(value)
    if type(value).__name__ in {"NAType", "NaTType"}:  # pandas' missing values
        return None
    if isinstance(value, dt.datetime | dt.date):
        return value.isoformat()
    if hasattr(value, "item"):  # numpy and pyarrow scalars
        return plain(value.item())
    if hasattr(value, "left") and hasattr(value, "right"):  # an interval of pandas.cut
        return str(value)
    raise OutputError(f"a cell holds a {type(value).__name__}; cells are numbers, text, dates or missing")


def whole(value: Value) -> int | None:
    """A value as a whole number, or None when it isn't one."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return None
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    return value


def label(value: Value, missing: str) -> str:
    """A dimension's value as its printed label; a missing value is a group of its own."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return missing
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))  # pandas makes 3.0 of 3 as soon as one value is missing
    return str(value)
