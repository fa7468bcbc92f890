"""Raw rows that an earlier version of a contract wrote, as today's writes them.

A raw row is JSON under the contract's column names. When a contract renames a column (and keeps the old name in
``as``), reorders its columns or takes a prefix, the same row of the same file is another JSON text with another hash:
it could not be read again, and sent again it would not be known. What arrived stays as it is in the ledger; here it is
told anew.
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import pyarrow as pa

from lockgate.capture.lines import SourceFile
from lockgate.capture.tabular.contract import Contract, plain_name
from lockgate.capture.tabular.header import Header
from lockgate.capture.tabular.rows import as_items


def as_today(items: pa.Table, contract: Contract) -> pa.Table:
    """``items`` (with item_hash and raw) with ``raw`` as it would be written now, and ``hash_now``, its hash then.

    ``hash_now`` is NULL for what is no row of JSON, and for contracts without a key, whose equal rows are counted.
    """
    known = contract.header_names()
    groups: dict[tuple[str, ...], list[int]] = defaultdict(list)
    rows: list[dict[str, str | None] | None] = []
    for place, text in enumerate(items.column("raw").to_pylist()):
        row = _row(text)
        rows.append(row)
        if row is not None:
            groups[tuple(row)].append(place)
    raw, told = items.column("raw").to_pylist(), [None] * len(rows)
    for names, places in groups.items():
        columns = [known.get(plain_name(name), name) for name in names]
        if len(set(columns)) < len(columns):
            continue  # two names of one column: left as it is
        header = Header(
            names=tuple(columns),
            known=tuple(name for name in contract.columns if name in columns),
            extra=tuple(name for name in columns if name not in contract.columns),
            notes=(),
        )
        table = pa.table(
            {
                column: pa.array([(rows[place] or {})[name] for place in places], pa.string())
                for name, column in zip(names, columns, strict=True)
            }
        )
        now = as_items(SourceFile(Path(), ""), table, places, header, contract, None)
        for place, text, digest in zip(
            places, now.column("raw").to_pylist(), now.column("item_hash").to_pylist(), strict=True
        ):
            raw[place] = text
            told[place] = digest if contract.key else None
    column = items.schema.get_field_index("raw")
    renewed = items.set_column(column, "raw", pa.array(raw, pa.large_string()))
    return renewed.append_column("hash_now", pa.array(told, pa.string()))


def _row(text: str | None) -> dict[str, str | None] | None:
    """A row's columns as texts; None where the text is no row."""
    try:
        row = json.loads(text) if text is not None else None
    except ValueError:
        return None
    if not isinstance(row, dict) or not all(
        value is None or isinstance(value, str) for value in row.values()
    ):
        return None
    return row
